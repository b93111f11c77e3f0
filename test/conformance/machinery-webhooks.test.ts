// What sig-api-machinery requires of admission webhooks.
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { eventually } from '../environment/kubectl.ts';
import { requirements, type Space } from './cluster.ts';
import { define, definition, definitions, resourcesOf, typeOf, undefine } from './custom-resources.ts';
import { merge, selecting } from './objects.ts';
import { Webhooks } from './webhooks.ts';

const json = 'application/json-patch+json';
const registration = '/apis/admissionregistration.k8s.io/v1';
const unwanted = { 'webhook-e2e-test': 'webhook-disallow' };
const configMapRule: [string[], string] = [['CREATE'], 'configmaps'];

const configMaps = (space: Space) => space.path('/api/v1', 'configmaps');
const makeMap = (space: Space, name: string, data: object = { 'mutation-start': 'yes' }) =>
  space.request('POST', configMaps(space), { body: { metadata: { name }, data } });

/** Creates a config map and gives the stages that webhooks have put it through. */
async function stagesOf(space: Space, name: string): Promise<string[]> {
  const { code, body } = await makeMap(space, name);
  assert.equal(code, 201, JSON.stringify(body));
  return Object.keys(body.data).filter((key) => key.startsWith('mutation-stage'));
}

/** A request that a webhook refuses. */
async function isDenied(answer: Promise<{ code: number; body: any }>, ...reasons: string[]): Promise<void> {
  const { code, body } = await answer;
  assert.ok(code >= 400, `it was let through: ${JSON.stringify(body)}`);
  for (const reason of reasons) assert.ok(body.message.includes(reason), body.message);
}

const isNamed = (expression: string) => ({ matchConditions: [{ name: 'expression', expression }] });

requirements({ name: 'conf-webhooks', sig: 'sig-api-machinery', images: ['busybox'] }, (requirement) => {
  requirement(
    'AdmissionWebhook [Privileged:ClusterAdmin] should include webhook resources in discovery documents',
    async (space) => {
      const { groups } = await space.get('/apis');
      const listed = groups.find(({ name }: any) => name === 'admissionregistration.k8s.io');
      const version = { groupVersion: 'admissionregistration.k8s.io/v1', version: 'v1' };
      for (const { versions } of [listed, await space.get('/apis/admissionregistration.k8s.io')]) {
        assert.ok(versions.some((one: any) => one.groupVersion === version.groupVersion));
      }
      const { resources } = await space.get(registration);
      for (const sort of ['mutating', 'validating']) {
        const found = resources.find(({ name }: any) => name === `${sort}webhookconfigurations`);
        const verbs = ['create', 'delete', 'deletecollection', 'get', 'list', 'patch', 'update', 'watch'];
        assert.deepEqual([found?.namespaced, found?.verbs], [false, verbs]);
      }
    },
  );

  requirement(
    'AdmissionWebhook [Privileged:ClusterAdmin] should be able to deny pod and configmap creation',
    async (space) => {
      await using webhooks = await Webhooks.start(space);
      const skip = { key: 'skip-webhook-admission', operator: 'NotIn', values: ['yes'] };
      const namespaceSelector = { matchLabels: { [webhooks.label]: 'true' }, matchExpressions: [skip] };
      const maps: [string[], string] = [['CREATE', 'UPDATE'], 'configmaps'];
      await webhooks.register('validating', 'deny', [
        webhooks.hook('deny-unwanted-pod-container-name-and-label.k8s.io', '/pods', [['CREATE'], 'pods']),
        webhooks.hook('deny-unwanted-configmap-data.k8s.io', '/configmaps', maps, { namespaceSelector }),
        webhooks.hook('fail-open.k8s.io', '/configmaps', configMapRule, {
          clientConfig: webhooks.clientConfig('/configmaps', false),
          failurePolicy: 'Ignore',
        }),
      ]);
      const pods = space.path('/api/v1', 'pods');
      const pod = (name: string, labels: object, container: string) => {
        const containers = [{ name: container, image: 'busybox:1.36' }];
        return space.request('POST', pods, { body: { metadata: { name, labels }, spec: { containers } } });
      };
      const denied = 'admission webhook "deny-unwanted-pod-container-name-and-label.k8s.io" denied the request: ';
      const reasons = [`${denied}the pod contains unwanted container name`, 'the pod contains unwanted label'];
      await isDenied(pod('disallowed-pod', unwanted, 'webhook-disallow'), ...reasons);
      const hanging = await pod('hanging-pod', { 'webhook-e2e-test': 'wait-forever' }, 'wait-forever');
      assert.deepEqual([hanging.code, hanging.body.reason], [500, 'InternalError']);
      assert.match(hanging.body.message, /failed calling webhook "deny-unwanted-pod-.*context deadline exceeded/);
      for (const name of ['hanging-pod', 'disallowed-pod']) {
        assert.equal((await space.request('GET', `${pods}/${name}`)).code, 404);
      }

      const why = 'the configmap contains unwanted key and value';
      await isDenied(makeMap(space, 'disallowed-configmap', unwanted), why);
      const allowed = await makeMap(space, 'allowed-configmap', { admit: 'this' });
      assert.equal(allowed.code, 201);
      const path = `${configMaps(space)}/allowed-configmap`;
      const changed = { ...allowed.body, data: unwanted };
      await isDenied(space.request('PUT', path, { body: changed }), why);
      await isDenied(space.request('PATCH', path, { body: { data: unwanted } }), why);
      assert.deepEqual((await space.get(path)).data, { admit: 'this' });

      const exempted = `${space.namespace}-exempted`;
      const labels = { 'skip-webhook-admission': 'yes', [webhooks.label]: 'true' };
      await space.ask('POST', '/api/v1/namespaces', { body: { metadata: { name: exempted, labels } } });
      const body = { metadata: { name: 'disallowed-configmap' }, data: unwanted };
      await space.ask('POST', `/api/v1/namespaces/${exempted}/configmaps`, { body });
      await space.ask('DELETE', `/api/v1/namespaces/${exempted}`);
    },
  );

  requirement('AdmissionWebhook [Privileged:ClusterAdmin] should be able to deny attaching pod', async (space) => {
    await using webhooks = await Webhooks.start(space);
    const hook = webhooks.hook('deny-attaching-pod.k8s.io', '/pods/attach', [['CONNECT'], 'pods/attach']);
    await webhooks.register('validating', 'attach', [hook]);
    const containers = [{ name: 'container1', image: 'busybox:1.36', command: ['sleep', '3600'] }];
    const metadata = { name: 'to-be-attached-pod' };
    const spec = { containers, terminationGracePeriodSeconds: 0 };
    await space.ask('POST', space.path('/api/v1', 'pods'), { body: { metadata, spec } });
    const path = space.path('/api/v1', 'pods/to-be-attached-pod');
    await space.until('the pod runs', path, ({ status }) => status.phase === 'Running');
    // Not waited for in this process's only thread, which is the webhook's.
    const args = ['-n', space.namespace, 'attach', 'to-be-attached-pod', '-i', '-c=container1'];
    const env = { ...process.env, KUBECONFIG: space.kubeconfig };
    const [err, stderr] = await new Promise<[Error | null, string]>((resolve) => {
      execFile('kubectl', args, { env }, (err, _, stderr) => resolve([err, stderr])).stdin?.end();
    });
    assert.ok(err);
    assert.match(stderr, /attaching to pod 'to-be-attached-pod' is not allowed/);
  });

  requirement('AdmissionWebhook [Privileged:ClusterAdmin] should deny crd creation', async (space) => {
    await using webhooks = await Webhooks.start(space);
    const rule: [string[], string, string] = [['CREATE'], 'customresourcedefinitions', 'apiextensions.k8s.io'];
    const objectSelector = { matchLabels: { 'e2e-list-test-uuid': space.namespace } };
    const more = { objectSelector, namespaceSelector: {} };
    const hook = webhooks.hook('deny-crd-with-unwanted-label.k8s.io', '/crd', rule, more);
    await webhooks.register('validating', 'crd', [hook]);
    const labels = { 'e2e-list-test-uuid': space.namespace };
    const versions = [{ name: 'v1' }];
    const bad = definition({ group: 'crd-webhook.example.com', versions, labels: { ...labels, ...unwanted } });
    await isDenied(space.request('POST', definitions, { body: bad }), 'the crd contains unwanted label');
    assert.equal((await space.request('GET', `${definitions}/${bad.metadata.name}`)).code, 404);
    await undefine(space, await define(space, definition({ group: 'crd-webhook.example.com', versions, labels })));
  });

  requirement(
    'AdmissionWebhook [Privileged:ClusterAdmin] should unconditionally reject operations on fail closed webhook',
    async (space) => {
      await using webhooks = await Webhooks.start(space);
      const namespace = `${space.namespace}-closed`;
      const labels = { 'fail-closed-webhook': space.namespace };
      const hook = webhooks.hook('fail-closed.k8s.io', '/configmaps', configMapRule, {
        clientConfig: webhooks.clientConfig('/configmaps', false),
        failurePolicy: 'Fail',
        namespaceSelector: { matchLabels: labels },
      });
      await webhooks.register('validating', 'closed', [hook]);
      await space.ask('POST', '/api/v1/namespaces', { body: { metadata: { name: namespace, labels } } });
      const path = `/api/v1/namespaces/${namespace}/configmaps`;
      const { code, body } = await space.request('POST', path, { body: { metadata: { name: 'foo' } } });
      assert.deepEqual([code, body.reason], [500, 'InternalError']);
      assert.match(body.message, /failed calling webhook "fail-closed\.k8s\.io".*x509: certificate signed by unknown/);
      await space.ask('DELETE', `/api/v1/namespaces/${namespace}`);
    },
  );

  requirement('AdmissionWebhook [Privileged:ClusterAdmin] should honor timeout', async (space) => {
    await using webhooks = await Webhooks.start(space);
    const table: [policy: 'Fail' | 'Ignore', seconds: number | undefined, isRefused: boolean][] = [
      ['Fail', 1, true],
      ['Ignore', 1, false],
      ['Fail', 10, false],
      ['Fail', undefined, false],
    ];
    for (const [index, [failurePolicy, timeoutSeconds, isRefused]] of table.entries()) {
      const suffix = `slow-${index}`;
      const more = { failurePolicy, ...(timeoutSeconds ? { timeoutSeconds } : {}) };
      const hook = webhooks.hook(
        'allow-configmap-with-delay-webhook.k8s.io',
        '/always-allow-delay-5s',
        configMapRule,
        more,
      );
      const { webhooks: made } = await webhooks.register('validating', suffix, [hook]);
      assert.equal(made[0].timeoutSeconds, timeoutSeconds ?? 10);
      const answer = await makeMap(space, suffix);
      if (isRefused) {
        assert.equal(answer.code, 500);
        assert.match(answer.body.message, /\?timeout=1s": context deadline exceeded/);
      } else assert.equal(answer.code, 201, JSON.stringify(answer.body));
      await space.ask('DELETE', webhooks.path('validating', suffix));
    }
  });

  requirement(
    'AdmissionWebhook [Privileged:ClusterAdmin] should not be able to mutate or prevent deletion of webhook configuration objects',
    async (space) => {
      await using webhooks = await Webhooks.start(space);
      const kinds = ['validating', 'mutating'] as const;
      const rule = (operation: string, resource: string): [string[], string, string] => [
        [operation],
        resource,
        'admissionregistration.k8s.io',
      ];
      const everywhere = { namespaceSelector: {}, objectSelector: { matchLabels: { [webhooks.label]: 'true' } } };
      for (const kind of kinds) {
        const resource = `${kind}webhookconfigurations`;
        await webhooks.register('validating', `deny-${kind}`, [
          webhooks.hook(
            'deny-webhook-configuration-deletions.k8s.io',
            '/always-deny',
            rule('DELETE', resource),
            everywhere,
          ),
        ]);
        await webhooks.register('mutating', `label-${kind}`, [
          webhooks.hook(
            'add-label-to-webhook-configurations.k8s.io',
            '/add-label',
            rule('CREATE', resource),
            everywhere,
          ),
        ]);
      }
      for (const kind of kinds) {
        const name = `${space.namespace}-dummy-${kind}`;
        const hook = webhooks.hook('dummy.k8s.io', '/invalid', configMapRule, {
          clientConfig: webhooks.clientConfig('/invalid', false),
          failurePolicy: 'Ignore',
          namespaceSelector: { matchLabels: { nobody: 'has-this' } },
        });
        const labels = { [webhooks.label]: 'true' };
        const collection = `${registration}/${kind}webhookconfigurations`;
        const body = { metadata: { name, labels }, webhooks: [hook] };
        const made = await space.ask('POST', collection, { body });
        assert.deepEqual(made.metadata.labels, labels);
        await space.ask('DELETE', `${collection}/${name}`);
        assert.equal((await space.request('GET', `${collection}/${name}`)).code, 404);
      }
    },
  );

  requirement(
    'AdmissionWebhook [Privileged:ClusterAdmin] should mutate custom resource with different stored version',
    async (space) => {
      await using webhooks = await Webhooks.start(space);
      const data = { type: 'object', additionalProperties: { type: 'string' } };
      const schema = { type: 'object', properties: { data } };
      const versions = ['v1', 'v2'].map((name) => ({ name, schema }));
      const crd = await define(space, definition({ group: 'stable.example.com', isNamespaced: true, versions }));
      const rule: [string[], string, string] = [['CREATE', 'UPDATE'], crd.spec.names.plural, crd.spec.group];
      const hook = webhooks.hook('mutate-custom-resource-data-stage-1.k8s.io', '/mutating-custom-resource', rule);
      await webhooks.register('mutating', 'stored', [hook]);
      const metadata = { name: 'cr-instance-1' };
      const body = { ...typeOf(crd, 'v1'), metadata, data: { 'mutation-start': 'yes' } };
      const made = await space.ask('POST', resourcesOf(space, crd, 'v1'), { body });
      assert.deepEqual(made.data, { 'mutation-start': 'yes', 'mutation-stage-1': 'yes' });
      const stored = crd.spec.versions.map((one: any) => ({ ...one, storage: one.name === 'v2' }));
      const path = `${definitions}/${crd.metadata.name}`;
      await space.ask('PATCH', path, { body: { spec: { versions: stored } }, contentType: merge });
      const one = `${resourcesOf(space, crd, 'v1')}/cr-instance-1`;
      const change = { data: { dummy: 'test' } };
      const patched = await space.ask('PATCH', one, { body: change, contentType: merge });
      const { dummy, ...rest } = patched.data;
      assert.deepEqual([patched.apiVersion, dummy, rest['mutation-stage-1']], ['stable.example.com/v1', 'test', 'yes']);
      await space.until('v2 is stored', path, ({ status }) => status.storedVersions.includes('v2'));
      await undefine(space, crd);
    },
  );

  requirement(
    'AdmissionWebhook [Privileged:ClusterAdmin] should mutate custom resource with pruning',
    async (space) => {
      await using webhooks = await Webhooks.start(space);
      const text = { type: 'string' };
      const properties = { 'mutation-start': text, 'mutation-stage-1': text };
      const schema = { type: 'object', properties: { data: { type: 'object', properties } } };
      const versions = [{ name: 'v1', schema }];
      const crd = await define(space, definition({ group: 'stable.example.com', isNamespaced: true, versions }));
      const rule: [string[], string, string] = [['CREATE'], crd.spec.names.plural, crd.spec.group];
      const hooks = [1, 2].map((stage) =>
        webhooks.hook(`mutate-custom-resource-data-stage-${stage}.k8s.io`, '/mutating-custom-resource', rule),
      );
      await webhooks.register('mutating', 'pruned', hooks);
      const metadata = { name: 'cr-instance-1' };
      const body = { ...typeOf(crd), metadata, data: { 'mutation-start': 'yes' } };
      const made = await space.ask('POST', resourcesOf(space, crd), { body });
      assert.deepEqual(made.data, { 'mutation-start': 'yes', 'mutation-stage-1': 'yes' });
      // Pruned between the two as well: what the second one saw has no field that the schema lacks.
      assert.ok(webhooks.server.asked.length >= 2);
      await undefine(space, crd);
    },
  );

  requirement(
    "AdmissionWebhook [Privileged:ClusterAdmin] should mutate everything except 'skip-me' configmaps",
    async (space) => {
      await using webhooks = await Webhooks.start(space);
      const more = isNamed("object.metadata.name != 'skip-me'");
      const hook = webhooks.hook('adding-configmap-data-stage-1.k8s.io', '/mutating-configmaps', configMapRule, more);
      await webhooks.register('mutating', 'skip', [hook]);
      assert.deepEqual(await stagesOf(space, 'mutate-me'), ['mutation-stage-1']);
      assert.deepEqual(await stagesOf(space, 'skip-me'), []);
    },
  );

  requirement(
    'AdmissionWebhook [Privileged:ClusterAdmin] patching/updating a mutating webhook should work',
    async (space) => {
      await using webhooks = await Webhooks.start(space);
      const hook = webhooks.hook('adding-configmap-data-stage-1.k8s.io', '/mutating-configmaps', configMapRule);
      const made = await webhooks.register('mutating', 'patched', [hook]);
      assert.deepEqual(await stagesOf(space, 'before'), ['mutation-stage-1']);
      const path = webhooks.path('mutating', 'patched');
      made.webhooks[0].rules[0].operations = ['UPDATE'];
      await space.ask('PUT', path, { body: made });
      let count = 0;
      await eventually(
        'it is not asked of creations',
        async () => (await stagesOf(space, `no-${count++}`)).length === 0,
      );
      const back = [{ op: 'replace', path: '/webhooks/0/rules/0/operations', value: ['CREATE'] }];
      await space.ask('PATCH', path, { body: back, contentType: json });
      await eventually('it is asked again', async () => (await stagesOf(space, `yes-${count++}`)).length === 1);
    },
  );

  requirement('AdmissionWebhook [Privileged:ClusterAdmin] listing mutating webhooks should work', async (space) => {
    await using webhooks = await Webhooks.start(space);
    const labels = { 'e2e-list-test-uuid': space.namespace };
    const hook = webhooks.hook('adding-configmap-data-stage-1.k8s.io', '/mutating-configmaps', configMapRule);
    for (let index = 0; index < 10; index++) await webhooks.register('mutating', `listed-${index}`, [hook], labels);
    const collection = `${registration}/mutatingwebhookconfigurations?${selecting(labels)}`;
    const { items } = await space.get(collection);
    const wanted = Array.from({ length: 10 }, (_, index) => `${space.namespace}-listed-${index}`);
    assert.deepEqual(items.map(({ metadata }: any) => metadata.name).toSorted(), wanted);
    assert.deepEqual(await stagesOf(space, 'mutated'), ['mutation-stage-1', 'mutation-stage-2']);
    await space.ask('DELETE', collection);
    assert.deepEqual((await space.get(collection)).items, []);
    let count = 0;
    await eventually('none is asked', async () => (await stagesOf(space, `no-${count++}`)).length === 0);
  });

  for (const [sort, taking, rejecting] of [
    [
      'validating',
      'AdmissionWebhook [Privileged:ClusterAdmin] should be able to create and update validating webhook configurations with match conditions',
      'AdmissionWebhook [Privileged:ClusterAdmin] should reject validating webhook configurations with invalid match conditions',
    ],
    [
      'mutating',
      'AdmissionWebhook [Privileged:ClusterAdmin] should be able to create and update mutating webhook configurations with match conditions',
      'AdmissionWebhook [Privileged:ClusterAdmin] should reject mutating webhook configurations with invalid match conditions',
    ],
  ] as const) {
    const configurations = `${registration}/${sort}webhookconfigurations`;

    requirement(taking, async (space) => {
      await using webhooks = await Webhooks.start(space);
      const hook = webhooks.hook('match-conditions.k8s.io', '/always-deny', configMapRule, {
        ...isNamed("request.name != 'nobody'"),
        namespaceSelector: { matchLabels: { nobody: 'has-this' } },
      });
      const made = await webhooks.register(sort, 'conditions', [hook]);
      const path = webhooks.path(sort, 'conditions');
      const conditions = async () => (await space.get(path)).webhooks[0].matchConditions;
      assert.deepEqual(await conditions(), isNamed("request.name != 'nobody'").matchConditions);
      const updated = [
        { name: 'first', expression: 'object.metadata.labels.shouldmatch == "true"' },
        { name: 'second', expression: 'true' },
      ];
      made.webhooks[0].matchConditions = updated;
      await space.ask('PUT', path, { body: made });
      assert.deepEqual(await conditions(), updated);
    });

    requirement(rejecting, async (space) => {
      await using webhooks = await Webhooks.start(space);
      const more = isNamed("... [] bad expression'");
      const hook = webhooks.hook('invalid.k8s.io', '/always-deny', configMapRule, more);
      const name = `${space.namespace}-invalid`;
      const answer = await space.request('POST', configurations, { body: { metadata: { name }, webhooks: [hook] } });
      assert.deepEqual([answer.code, answer.body.reason], [422, 'Invalid']);
      assert.match(answer.body.message, /webhooks\[0\]\.matchConditions\[0\]\.expression: .*compilation failed/);
      assert.equal((await space.request('GET', `${configurations}/${name}`)).code, 404);
    });
  }
});
