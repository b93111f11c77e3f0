// What sig-api-machinery requires of custom resources: definitions, versions, what OpenAPI says of them, and what
// becomes of fields that nobody knows.
import assert from 'node:assert/strict';
import { eventually } from '../environment/kubectl.ts';
import { ApiWatch } from './api-watch.ts';
import { requirements, type Space } from './cluster.ts';
import {
  anything,
  condition,
  define,
  definePrimed,
  definition,
  definitions,
  resourcesOf,
  typeOf,
  undefine,
} from './custom-resources.ts';
import { selecting } from './objects.ts';
import { Published, schemas } from './published-schemas.ts';
import { applyStrictly, cronSchema, json, object, preserving, text } from './strict-applies.ts';
import { Webhooks } from './webhooks.ts';

const converted = [
  { name: 'v1', schema: object({ hostPort: text }) },
  { name: 'v2', schema: object({ host: text, port: text }) },
];
const assertForm = (one: any, version: string) => {
  assert.equal(one.apiVersion, `stable.example.com/${version}`);
  const want = version === 'v1' ? ['localhost:8080', undefined, undefined] : [undefined, 'localhost', '8080'];
  assert.deepEqual([one.hostPort, one.host, one.port], want);
};

/** A definition whose versions a webhook converts, once it does. */
async function defineConverted(space: Space, webhooks: Webhooks): Promise<any> {
  const webhook = { clientConfig: webhooks.clientConfig('/crdconvert'), conversionReviewVersions: ['v1', 'v1beta1'] };
  const conversion = { strategy: 'Webhook', webhook };
  const body = definition({ group: 'stable.example.com', isNamespaced: true, versions: converted, conversion });
  const crd = await define(space, body);
  const stub = { ...typeOf(crd, 'v2'), metadata: { name: 'stub' } };
  await eventually('the webhook converts', async () => {
    const { code } = await space.request('POST', resourcesOf(space, crd, 'v2'), { body: stub });
    return code === 201;
  });
  await space.ask('DELETE', `${resourcesOf(space, crd, 'v2')}/stub`);
  return crd;
}

requirements({ name: 'conf-resources', sig: 'sig-api-machinery', images: [] }, (requirement) => {
  requirement(
    'CustomResourceDefinition resources [Privileged:ClusterAdmin] Simple CustomResourceDefinition creating/deleting custom resource definition objects works',
    async (space) => {
      const crd = await define(space, definition({ versions: [{ name: 'v1beta1' }] }));
      const path = `${definitions}/${crd.metadata.name}`;
      const { status } = await space.until('it is established', path, (one) => condition(one, 'Established'));
      assert.deepEqual(status.acceptedNames, crd.spec.names);
      assert.deepEqual(status.storedVersions, ['v1beta1']);
      await undefine(space, crd);
      assert.equal((await space.request('GET', resourcesOf(space, crd))).code, 404);
    },
  );

  requirement(
    'CustomResourceDefinition resources [Privileged:ClusterAdmin] Simple CustomResourceDefinition listing custom resource definition objects works',
    async (space) => {
      const labels = { 'e2e-list-test-uuid': space.namespace };
      const versions = [{ name: 'v1beta1' }];
      const some = await Promise.all(Array.from({ length: 10 }, () => define(space, definition({ versions, labels }))));
      const other = await define(space, definition({ versions }));
      const listed = await space.get(`${definitions}?${selecting(labels)}`);
      const specs = (all: any[]) => Object.fromEntries(all.map((one) => [one.metadata.name, one.spec]));
      assert.deepEqual(specs(listed.items), specs(some));
      await space.ask('DELETE', `${definitions}?${selecting(labels)}`);
      await space.until(
        'all of them are gone',
        `${definitions}?${selecting(labels)}`,
        ({ items }) => items.length === 0,
      );
      const { resources } = await space.until('they are not discovered', '/apis/mygroup.example.com/v1beta1', (found) =>
        some.every(({ spec }) => found.resources.every((one: any) => one.name !== spec.names.plural)),
      );
      assert.ok(resources.some((one: any) => one.name === other.spec.names.plural));
      await space.get(`${definitions}/${other.metadata.name}`);
      await undefine(space, other);
    },
  );

  requirement(
    'CustomResourceDefinition resources [Privileged:ClusterAdmin] custom resource defaulting for requests and from storage works',
    async (space) => {
      const schema = { ...anything, properties: { a: text, b: text } };
      const crd = await define(space, definition({ versions: [{ name: 'v1beta1', schema }] }));
      const path = `${definitions}/${crd.metadata.name}`;
      const resources = resourcesOf(space, crd);
      const make = (name: string) => space.ask('POST', resources, { body: { ...typeOf(crd), metadata: { name } } });
      const properties = '/spec/versions/0/schema/openAPIV3Schema/properties';
      await make('cr-1');
      const add = [{ op: 'add', path: `${properties}/a/default`, value: 'A' }];
      await space.ask('PATCH', path, { body: add, contentType: json });
      await space.until('a has its default', `${resources}/cr-1`, ({ a }) => a === 'A');
      const second = await make('cr-2');
      assert.deepEqual([second.a, second.b], ['A', undefined]);
      const move = [
        { op: 'remove', path: `${properties}/a/default` },
        { op: 'add', path: `${properties}/b/default`, value: 'B' },
      ];
      await space.ask('PATCH', path, { body: move, contentType: json });
      const defaulted = await space.until('b has its default', `${resources}/cr-2`, ({ b }) => b === 'B');
      assert.equal(defaulted.a, 'A');
      const first = await space.get(`${resources}/cr-1`);
      assert.deepEqual([first.a, first.b], [undefined, 'B']);
      await undefine(space, crd);
    },
  );

  requirement(
    'CustomResourceDefinition resources [Privileged:ClusterAdmin] should include custom resource definition resources in discovery documents',
    async (space) => {
      const { groups } = await space.get('/apis');
      const version = { groupVersion: 'apiextensions.k8s.io/v1', version: 'v1' };
      const listed = groups.find(({ name }: any) => name === 'apiextensions.k8s.io');
      assert.deepEqual([listed.versions, listed.preferredVersion], [[version], version]);
      const alone = await space.get('/apis/apiextensions.k8s.io');
      assert.deepEqual([alone.kind, alone.name, alone.versions], ['APIGroup', 'apiextensions.k8s.io', [version]]);
      const { groupVersion, resources } = await space.get('/apis/apiextensions.k8s.io/v1');
      assert.equal(groupVersion, version.groupVersion);
      const names = resources.map(({ name }: any) => name).toSorted();
      assert.deepEqual(names, ['customresourcedefinitions', 'customresourcedefinitions/status']);
    },
  );

  requirement(
    'CustomResourceDefinition Watch [Privileged:ClusterAdmin] CustomResourceDefinition Watch watch on custom resource definition objects',
    async (space) => {
      const crd = await definePrimed(space, definition({ versions: [{ name: 'v1beta1' }] }));
      const resources = resourcesOf(space, crd);
      const watchOf = (name: string) => ApiWatch.open(space, `${resources}?fieldSelector=metadata.name%3D${name}`);
      using first = await watchOf('name1');
      using second = await watchOf('name2');
      for (const [name, watch] of [
        ['name1', first],
        ['name2', second],
      ] as const) {
        await space.ask('POST', resources, { body: { ...typeOf(crd), metadata: { name } } });
        await watch.until('it is added', ({ type }) => type === 'ADDED');
      }
      const change = [{ op: 'add', path: '/dummy', value: 'test' }];
      for (const [name, watch] of [
        ['name1', first],
        ['name2', second],
      ] as const) {
        await space.ask('PATCH', `${resources}/${name}`, { body: change, contentType: json });
        const { object } = await watch.until('it is changed', ({ type }) => type === 'MODIFIED');
        assert.equal(object.dummy, 'test');
        await space.ask('DELETE', `${resources}/${name}`);
        const gone = await watch.until('it is gone', ({ type }) => type === 'DELETED');
        assert.equal(gone.object.dummy, 'test');
        assert.deepEqual(
          watch.told.map(({ type }) => type),
          ['ADDED', 'MODIFIED', 'DELETED'],
        );
        assert.ok(watch.told.every((one) => one.object.metadata.name === name));
      }
      await undefine(space, crd);
    },
  );

  requirement(
    'CustomResourceConversionWebhook [Privileged:ClusterAdmin] should be able to convert from CR v1 to CR v2',
    async (space) => {
      await using webhooks = await Webhooks.start(space);
      const crd = await defineConverted(space, webhooks);
      const made = { ...typeOf(crd, 'v1'), metadata: { name: 'cr-instance-1' }, hostPort: 'localhost:8080' };
      assertForm(await space.ask('POST', resourcesOf(space, crd, 'v1'), { body: made }), 'v1');
      assertForm(await space.get(`${resourcesOf(space, crd, 'v2')}/cr-instance-1`), 'v2');
      // Written at v2, read at v1; and both ways in a watch.
      using watch = await ApiWatch.open(space, resourcesOf(space, crd, 'v2'));
      const body = { ...typeOf(crd, 'v2'), metadata: { name: 'cr-instance-2' }, host: 'localhost', port: '8080' };
      assertForm(await space.ask('POST', resourcesOf(space, crd, 'v2'), { body }), 'v2');
      assertForm(await space.get(`${resourcesOf(space, crd, 'v1')}/cr-instance-2`), 'v1');
      for (const name of ['cr-instance-1', 'cr-instance-2']) {
        assertForm((await watch.until(name, ({ object }) => object.metadata.name === name)).object, 'v2');
      }
      await undefine(space, crd);
    },
  );

  requirement(
    'CustomResourceConversionWebhook [Privileged:ClusterAdmin] should be able to convert a non homogeneous list of CRs',
    async (space) => {
      await using webhooks = await Webhooks.start(space);
      const crd = await defineConverted(space, webhooks);
      const make = (name: string) => {
        const body = { ...typeOf(crd, 'v1'), metadata: { name }, hostPort: 'localhost:8080' };
        return space.ask('POST', resourcesOf(space, crd, 'v1'), { body });
      };
      await make('cr-instance-1');
      const path = `${definitions}/${crd.metadata.name}`;
      const now = await space.get(path);
      for (const version of now.spec.versions) version.storage = version.name === 'v2';
      const updated = await space.ask('PUT', path, { body: now });
      assert.deepEqual(
        updated.spec.versions.map(({ storage }: any) => storage),
        [false, true],
      );
      await space.until('v2 may be stored', path, ({ status }) => status.storedVersions.includes('v2'));
      await make('cr-instance-2');
      for (const version of ['v1', 'v2']) {
        const { items } = await space.get(resourcesOf(space, crd, version));
        assert.deepEqual(
          items.map(({ metadata }: any) => metadata.name),
          ['cr-instance-1', 'cr-instance-2'],
        );
        for (const one of items) assertForm(one, version);
      }
      await undefine(space, crd);
    },
  );

  requirement('FieldValidation should create/apply a valid CR for CRD with validation schema', async (space) => {
    const { code, body } = await applyStrictly(space, cronSchema(), { spec: 'foo: foo1' });
    assert.equal(code, 201, JSON.stringify(body));
  });

  requirement(
    'FieldValidation should create/apply a CR with unknown fields for CRD with no validation schema',
    async (space) => {
      const { code, body } = await applyStrictly(space, anything, { spec: 'unknown: uk1' });
      assert.equal(code, 201, JSON.stringify(body));
      assert.equal(body.spec.unknown, 'uk1');
    },
  );

  requirement(
    'FieldValidation should create/apply an invalid CR with extra properties for CRD with validation schema',
    async (space) => {
      const answer = await applyStrictly(space, cronSchema(), { root: 'unknownField: unknown\n', spec: 'foo: foo1' });
      assert.ok(answer.code >= 400);
      assert.match(JSON.stringify(answer.body), /\.unknownField: field not declared in schema/);
    },
  );

  requirement(
    'FieldValidation should detect unknown metadata fields in both the root and embedded object of a CR',
    async (space) => {
      const template = object({ metadata: object({ name: text }), spec: { type: 'object' } });
      const embedded = { ...template, 'x-kubernetes-embedded-resource': true };
      const schema = cronSchema({ template: embedded }, preserving);
      const holding = (type: string) =>
        `template:\n    ${type}: foo/v1\n    kind: Sub\n    metadata:\n        unknownSubMeta: unknown
        name: subobject\n        namespace: ${space.namespace}\n  foo: foo1`;
      // The first is as the programme has it: with another fault in the template, of whose faults one is told.
      for (const [type, metadata, why] of [
        ['apiversion', '  unknownMeta: unknown\n', /\.metadata\.unknownMeta: field not declared in schema/],
        ['apiVersion', '', /\.spec\.template\.metadata\.unknownSubMeta: field not declared in schema/],
      ] as const) {
        const { code, body } = await applyStrictly(space, schema, { metadata, spec: holding(type) });
        assert.ok(code >= 400);
        assert.match(body.message, why);
      }
    },
  );

  requirement('FieldValidation should detect duplicates in a CR when preserving unknown fields', async (space) => {
    const spec = 'unknown: uk1\n  foo: foo1\n  foo: foo2';
    const answer = await applyStrictly(space, cronSchema({}, preserving), { spec });
    assert.ok(answer.code >= 400);
    assert.match(answer.body.message, /line 11: key "foo" already set in map/);
  });

  requirement('FieldValidation should detect unknown metadata fields of a typed object', async (space) => {
    const labels = { app: 'nginx' };
    const containers = [{ name: 'nginx', image: 'nginx:latest' }];
    const body = {
      apiVersion: 'apps/v1',
      kind: 'Deployment',
      metadata: { name: 'my-dep', unknownMeta: 'foo', labels },
      spec: { selector: { matchLabels: labels }, template: { metadata: { labels }, spec: { containers } } },
    };
    const collection = space.path('/apis/apps/v1', 'deployments');
    const query = 'fieldManager=field_validation_mgr&fieldValidation';
    const strict = await space.request('POST', `${collection}?${query}=Strict`, { body });
    assert.equal(strict.code, 400);
    assert.match(strict.body.message, /strict decoding error: unknown field "metadata\.unknownMeta"/);
    const { headers } = await space.request('POST', `${collection}?${query}=Warn&dryRun=All`, { body });
    assert.equal(headers.get('warning'), '299 - "unknown field \\"metadata.unknownMeta\\""');
  });

  requirement(
    'CustomResourcePublishOpenAPI [Privileged:ClusterAdmin] works for CRD with validation schema',
    async (space) => {
      const published = await Published.setUp(space, 'foo', ['v1'], schemas.foo, schemas.foo);
      const valid = { spec: { bars: [{ name: 'test-bar' }] } };
      await published.comesAndGoes(valid);
      const wrong: [spec: object, why: RegExp][] = [
        [{ bars: [{ name: 'test-bar', feeling: 'NonExistentValue' }] }, /Unsupported value: "NonExistentValue"/],
        [{ foo: true }, /unknown field "spec\.foo"/],
        [{ bars: [{ age: '10' }] }, /spec\.bars\[0\]\.name: Required value/],
      ];
      for (const [spec, why] of wrong) await published.isRefused({ spec }, why);
      await published.explains(
        '',
        /DESCRIPTION:.*Foo CRD for Testing.*FIELDS:.*apiVersion.*<string>.*APIVersion defines.*spec.*<Object>.*Specification of Foo/s,
      );
      await published.explains(
        '.metadata',
        /DESCRIPTION:.*Standard object's metadata.*FIELDS:.*creationTimestamp.*<string>.*CreationTimestamp is a timestamp/s,
      );
      await published.explains(
        '.spec',
        /DESCRIPTION:.*Specification of Foo.*FIELDS:.*bars.*<\[\]Object>.*List of Bars and their specs/s,
      );
      await published.explains(
        '.spec.bars',
        /(RESOURCE|FIELD):.*bars.*<\[\]Object>.*DESCRIPTION:.*List of Bars and their specs.*FIELDS:.*bazs.*<\[\]string>.*List of Bazs.*name.*<string>.*Name of Bar/s,
      );
      await published.explainsNot('.spec.bars2', /field "bars2" does not exist/);
      await published.takeDown();
    },
  );

  requirement(
    'CustomResourcePublishOpenAPI [Privileged:ClusterAdmin] works for CRD without validation schema',
    async (space) => {
      const published = await Published.setUp(space, 'empty', ['v1'], anything, { type: 'object' });
      await published.comesAndGoes({ a: { b: [{ c: 'd' }] } });
      await published.explains('', /DESCRIPTION:.*<empty>/s);
      await published.takeDown();
    },
  );

  requirement(
    'CustomResourcePublishOpenAPI [Privileged:ClusterAdmin] works for CRD preserving unknown fields at the schema root',
    async (space) => {
      const published = await Published.setUp(space, 'unknown-at-root', ['v1'], schemas.preserveRoot);
      await published.comesAndGoes({ a: { b: [{ c: 'd' }] } });
      await published.explains('', new RegExp(`KIND:.*${published.crd.spec.names.kind}`, 's'));
      await published.takeDown();
    },
  );

  requirement(
    'CustomResourcePublishOpenAPI [Privileged:ClusterAdmin] works for CRD preserving unknown fields in an embedded object',
    async (space) => {
      const published = await Published.setUp(space, 'unknown-in-nested', ['v1'], schemas.preserveNested);
      await published.comesAndGoes({ spec: { a: null, b: [{ c: 'd' }] } });
      await published.explains('', /DESCRIPTION:.*preserve-unknown-properties in nested field for Testing/s);
      await published.takeDown();
    },
  );

  for (const [name, groups, versions] of [
    [
      'CustomResourcePublishOpenAPI [Privileged:ClusterAdmin] works for multiple CRDs of different groups',
      ['foo', 'waldo'],
      ['v1', 'v1beta1'],
    ],
    [
      'CustomResourcePublishOpenAPI [Privileged:ClusterAdmin] works for multiple CRDs of same group and version but different kinds',
      ['common-group', 'common-group'],
      ['v6', 'v6'],
    ],
  ] as const) {
    requirement(name, async (space) => {
      const foo = await Published.setUp(space, groups[0], [versions[0]], schemas.foo, schemas.foo);
      const waldo = await Published.setUp(space, groups[1], [versions[1]], schemas.waldo, schemas.waldo);
      await waldo.isPublished(versions[1], schemas.waldo);
      await foo.isPublished(versions[0], schemas.foo);
      await foo.takeDown();
      await waldo.isPublished(versions[1], schemas.waldo);
      await waldo.takeDown();
    });
  }

  requirement(
    'CustomResourcePublishOpenAPI [Privileged:ClusterAdmin] removes definition from spec when one version gets changed to not be served',
    async (space) => {
      const published = await Published.setUp(
        space,
        'multi-to-single-ver',
        ['v5', 'v6alpha1'],
        schemas.foo,
        schemas.foo,
      );
      const path = `${definitions}/${published.crd.metadata.name}`;
      const now = await space.get(path);
      now.spec.versions[1].served = false;
      await space.ask('PUT', path, { body: now });
      await published.isWithdrawn('v6alpha1');
      await published.isPublished('v5', schemas.foo);
      await published.takeDown();
    },
  );
});
