// What sig-api-machinery requires of what the API says of itself, of watches and of pages; and of admission policies and
// the kinds of priority and fairness, through all their verbs.
import assert from 'node:assert/strict';
import { seededRandom } from '../builders/seeded-random.ts';
import { eventually } from '../environment/kubectl.ts';
import { ApiWatch, type Told } from './api-watch.ts';
import { requirements, type Space } from './cluster.ts';
import { definePrimed, definition, undefine } from './custom-resources.ts';
import { supportsAllOperations } from './lifecycle.ts';
import { makeTemplates, readPages, total } from './long-lists.ts';
import { merge, update } from './objects.ts';

const aggregated = (version: string) => `application/json;g=apidiscovery.k8s.io;v=${version};as=APIGroupDiscoveryList`;

/** A resource of each group that the programme looks for. */
const builtIn = `v1/namespaces admissionregistration.k8s.io/v1/validatingwebhookconfigurations
  apiextensions.k8s.io/v1/customresourcedefinitions apiregistration.k8s.io/v1/apiservices apps/v1/deployments
  authentication.k8s.io/v1/tokenreviews authorization.k8s.io/v1/selfsubjectaccessreviews
  autoscaling/v1/horizontalpodautoscalers autoscaling/v2/horizontalpodautoscalers batch/v1/jobs
  certificates.k8s.io/v1/certificatesigningrequests coordination.k8s.io/v1/leases discovery.k8s.io/v1/endpointslices
  events.k8s.io/v1/events networking.k8s.io/v1/ingresses node.k8s.io/v1/runtimeclasses
  policy/v1/poddisruptionbudgets scheduling.k8s.io/v1/priorityclasses storage.k8s.io/v1/csinodes`.split(/\s+/);

/** What both aggregated documents name, as `group/version/resource`. */
async function aggregatedResources(space: Space, accept: string): Promise<string[]> {
  const names: string[] = [];
  for (const path of ['/api', '/apis']) {
    const { code, headers, body } = await space.request('GET', path, { headers: { accept } });
    assert.equal(code, 200);
    const [type, ...parameters] = headers.get('content-type')!.split(';');
    assert.equal(type, 'application/json');
    assert.deepEqual(parameters.toSorted(), ['as=APIGroupDiscoveryList', 'g=apidiscovery.k8s.io', 'v=v2']);
    assert.deepEqual([body.kind, body.apiVersion], ['APIGroupDiscoveryList', 'apidiscovery.k8s.io/v2']);
    for (const { metadata, versions } of body.items) {
      for (const { version, resources } of versions) {
        const prefix = metadata.name ? `${metadata.name}/${version}` : version;
        names.push(...resources.map(({ resource }: any) => `${prefix}/${resource}`));
      }
    }
  }
  return names;
}

const isUnlisted = (names: string[]) => builtIn.filter((one) => !names.includes(one));

const maps = (space: Space) => space.path('/api/v1', 'configmaps');
const makeMap = (space: Space, name: string, labels: object = {}, data: object = {}) =>
  space.ask('POST', maps(space), { body: { metadata: { name, labels }, data } });
const mutate = (space: Space, name: string, mutation: string, label?: string) =>
  update(space, `${maps(space)}/${name}`, (map) => {
    map.data = { mutation };
    if (label) map.metadata.labels['watch-this-configmap'] = label;
  });
const watchMaps = (space: Space, selector: string, from = '') =>
  ApiWatch.open(
    space,
    `${maps(space)}?labelSelector=${encodeURIComponent(`watch-this-configmap${selector}`)}&resourceVersion=${from}`,
  );
const shown = ({ type, object }: Told) => `${type} ${object.metadata.name} ${object.data?.mutation ?? 0}`;

/** Waits until a watch has told so many news, and compares all of them. */
async function hasTold(watch: ApiWatch, ...wanted: string[]): Promise<void> {
  await watch.until(wanted.join(), () => watch.told.length >= wanted.length);
  assert.deepEqual(watch.told.map(shown), wanted);
}

const deployment = (name: string, replicas: number) => {
  const labels = { app: 'nginx' };
  const spec = { containers: [{ name: 'nginx', image: 'nginx:latest', imagePullPolicy: 'Never' }] };
  return {
    metadata: { name, labels },
    spec: { replicas, selector: { matchLabels: labels }, template: { metadata: { labels }, spec } },
  };
};
const deployments = (space: Space) => space.path('/apis/apps/v1', 'deployments');
const registration = '/apis/admissionregistration.k8s.io/v1';
const ruleFor = (operations: string[]) => ({
  resourceRules: [{ operations, apiGroups: ['apps'], apiVersions: ['v1'], resources: ['deployments'] }],
});
const annotating = (annotations: string) => ({
  patchType: 'ApplyConfiguration',
  applyConfiguration: { expression: `Object{metadata: Object.metadata{annotations: {${annotations}}}}` },
});

/** A policy bound to the namespace of the test, as long as `use` runs. */
async function withPolicy(
  space: Space,
  sort: 'validating' | 'mutating',
  spec: object,
  use: () => Promise<void>,
): Promise<void> {
  const label = { [space.namespace]: 'true' };
  await space.ask('PATCH', `/api/v1/namespaces/${space.namespace}`, { body: { metadata: { labels: label } } });
  const namespaceSelector = { matchLabels: label };
  const policyName = `${space.namespace}.policy.example.com`;
  const matchConstraints = { ...ruleFor(['CREATE', 'UPDATE']), namespaceSelector };
  const bound = { policyName, matchResources: { namespaceSelector } };
  const binding = sort === 'validating' ? { ...bound, validationActions: ['Deny'] } : bound;
  const bindingName = `${space.namespace}.binding.example.com`;
  const policies = `${registration}/${sort}admissionpolicies`;
  const bindings = `${registration}/${sort}admissionpolicybindings`;
  await space.ask('POST', policies, { body: { metadata: { name: policyName }, spec: { matchConstraints, ...spec } } });
  await space.ask('POST', bindings, { body: { metadata: { name: bindingName }, spec: binding } });
  try {
    await use();
  } finally {
    await space.request('DELETE', `${policies}/${policyName}`);
    await space.request('DELETE', `${bindings}/${bindingName}`);
  }
}

/** Changes a field of the spec by a patch and by an update; with a status, that too. */
async function changes(space: Space, path: string, field: string, [patched, updated]: unknown[], hasStatus = false) {
  const change = { body: { spec: { [field]: patched } }, contentType: merge };
  assert.deepEqual((await space.ask('PATCH', path, change)).spec[field], patched);
  const put = await update(space, path, ({ spec }) => Object.assign(spec, { [field]: updated }));
  assert.deepEqual(put.spec[field], updated);
  if (!hasStatus) return;
  const status = `${path}/status`;
  assert.equal((await space.get(status)).metadata.uid, put.metadata.uid);
  const time = { lastTransitionTime: put.metadata.creationTimestamp };
  const holds = ({ status: { conditions } }: any, type: string) => conditions.some((one: any) => one.type === type);
  const first = { type: 'PatchStatusFailed', status: 'False', reason: 'e2e', message: 'Set from an e2e test', ...time };
  const body = { status: { conditions: [first] }, spec: { [field]: patched } };
  const after = await space.ask('PATCH', status, { body, contentType: merge });
  assert.ok(holds(after, 'PatchStatusFailed'));
  assert.deepEqual(after.spec[field], updated);
  const second = { ...first, type: 'StatusUpdateFailed', reason: 'E2E' };
  const add = (one: any) => {
    one.status.conditions = [...(one.status.conditions ?? []), second];
  };
  assert.ok(holds(await update(space, path, add, '/status'), 'StatusUpdateFailed'));
  assert.ok(holds(await space.get(path), 'PatchStatusFailed'));
}

const nobody = 'example-e2e-non-existent-user';

requirements({ name: 'conf-reads', sig: 'sig-api-machinery', images: [] }, (requirement) => {
  requirement('API priority and fairness should support FlowSchema API operations', async (space) => {
    const { resources } = await space.get('/apis/flowcontrol.apiserver.k8s.io/v1');
    const status = resources.find(({ name }: any) => name === 'flowschemas/status');
    assert.deepEqual(status.verbs, ['get', 'patch', 'update']);
    const subjects = [{ kind: 'User', user: { name: nobody } }];
    const nonResourceRules = [{ verbs: ['get'], nonResourceURLs: ['/'] }];
    const spec = {
      matchingPrecedence: 10000,
      priorityLevelConfiguration: { name: 'global-default' },
      distinguisherMethod: { type: 'ByUser' },
      rules: [{ subjects, nonResourceRules }],
    };
    await supportsAllOperations(space, {
      resource: ['flowcontrol.apiserver.k8s.io', 'v1', 'flowschemas'],
      isNamespaced: false,
      rest: () => ({ spec }),
      more: (path) => changes(space, path, 'matchingPrecedence', [9999, 9998], true),
    });
  });

  requirement('API priority and fairness should support PriorityLevelConfiguration API operations', async (space) => {
    const { resources } = await space.get('/apis/flowcontrol.apiserver.k8s.io/v1');
    assert.ok(resources.some(({ name }: any) => name === 'prioritylevelconfigurations/status'));
    const limited = (nominalConcurrencyShares: number) => ({
      nominalConcurrencyShares,
      lendablePercent: 0,
      limitResponse: { type: 'Reject' },
    });
    await supportsAllOperations(space, {
      resource: ['flowcontrol.apiserver.k8s.io', 'v1', 'prioritylevelconfigurations'],
      isNamespaced: false,
      rest: () => ({ spec: { type: 'Limited', limited: { ...limited(2), lendablePercent: undefined } } }),
      more: (path) => changes(space, path, 'limited', [limited(4), limited(8)], true),
    });
  });

  requirement(
    'ValidatingAdmissionPolicy [Privileged:ClusterAdmin] should support ValidatingAdmissionPolicy API operations',
    async (space) => {
      const { resources } = await space.get(registration);
      assert.ok(resources.some(({ name }: any) => name === 'validatingadmissionpolicies/status'));
      const validations = [{ expression: 'object.spec.replicas <= 100' }];
      await supportsAllOperations(space, {
        resource: ['admissionregistration.k8s.io', 'v1', 'validatingadmissionpolicies'],
        isNamespaced: false,
        rest: () => ({ spec: { validations, matchConstraints: ruleFor(['CREATE']) } }),
        more: (path) => changes(space, path, 'failurePolicy', ['Ignore', 'Fail'], true),
      });
    },
  );

  requirement(
    'MutatingAdmissionPolicy [Privileged:ClusterAdmin] should support MutatingAdmissionPolicy API operations',
    async (space) => {
      const mutations = [annotating('"my-foo-annotation": "myAnnotationValue"')];
      await supportsAllOperations(space, {
        resource: ['admissionregistration.k8s.io', 'v1', 'mutatingadmissionpolicies'],
        isNamespaced: false,
        rest: () => ({ spec: { reinvocationPolicy: 'Never', mutations, matchConstraints: ruleFor(['CREATE']) } }),
        more: (path) => changes(space, path, 'failurePolicy', ['Ignore', 'Fail']),
      });
    },
  );

  requirement(
    'MutatingAdmissionPolicy [Privileged:ClusterAdmin] should support MutatingAdmissionPolicyBinding API operations',
    async (space) => {
      const matchResources = (kind: string) => ({
        matchPolicy: 'Equivalent',
        namespaceSelector: { matchLabels: { kind } },
        objectSelector: {},
      });
      await supportsAllOperations(space, {
        resource: ['admissionregistration.k8s.io', 'v1', 'mutatingadmissionpolicybindings'],
        isNamespaced: false,
        rest: () => ({ spec: { policyName: 'replicalimit-policy.example.com' } }),
        more: (path) => changes(space, path, 'matchResources', [matchResources('a'), matchResources('b')]),
      });
    },
  );

  requirement(
    'ValidatingAdmissionPolicy [Privileged:ClusterAdmin] should allow expressions to refer variables.',
    async (space) => {
      const spec = {
        variables: [
          { name: 'replicas', expression: 'object.spec.replicas' },
          { name: 'oddReplicas', expression: 'variables.replicas % 2 == 1' },
        ],
        validations: [{ expression: 'variables.replicas > 1' }, { expression: 'variables.oddReplicas' }],
      };
      await withPolicy(space, 'validating', spec, async () => {
        const make = (name: string, replicas: number) =>
          space.request('POST', deployments(space), { body: deployment(name, replicas) });
        await eventually('the marker is denied', async () => {
          const { code, body } = await make('marker-deployment', 1);
          if (code !== 201) assert.deepEqual([code, body.reason], [422, 'Invalid']);
          else await space.ask('DELETE', `${deployments(space)}/marker-deployment`);
          return code !== 201;
        });
        assert.equal((await make('replicated', 3)).code, 201);
        const even = await make('even', 4);
        assert.deepEqual([even.code, even.body.reason], [422, 'Invalid']);
        assert.match(even.body.message, /failed expression: variables\.oddReplicas/);
        const scaled = { body: { spec: { replicas: 2 } } };
        assert.equal((await space.request('PATCH', `${deployments(space)}/replicated`, scaled)).code, 422);
        const set = deployment('non-replicated', 1);
        await space.ask('POST', space.path('/apis/apps/v1', 'replicasets'), { body: set });
      });
    },
  );

  for (const [name, mutations, wanted] of [
    [
      'MutatingAdmissionPolicy [Privileged:ClusterAdmin] should mutate a Deployment',
      [
        {
          patchType: 'ApplyConfiguration',
          applyConfiguration: { expression: 'Object{spec: Object.spec{replicas: 3}}' },
        },
        {
          patchType: 'JSONPatch',
          jsonPatch: {
            expression: '[JSONPatch{op: "add", path: "/metadata/labels/" + jsonpatch.escapeKey("a/b"), value: "c"}]',
          },
        },
      ],
      { replicas: 3, labels: { app: 'nginx', 'a/b': 'c' }, annotations: undefined },
    ],
    [
      'MutatingAdmissionPolicy [Privileged:ClusterAdmin] should mutate a Deployment with annotations',
      [annotating('"mutated-by": "admission-policy"')],
      { replicas: 2, labels: { app: 'nginx' }, annotations: { 'mutated-by': 'admission-policy' } },
    ],
  ] as const) {
    requirement(name, async (space) => {
      await withPolicy(space, 'mutating', { mutations, reinvocationPolicy: 'Never' }, async () => {
        const seen = ({ metadata, spec }: any) => ({
          replicas: spec.replicas,
          labels: metadata.labels,
          annotations: metadata.annotations,
        });
        await eventually('it is in action', async () => {
          const body = deployment('marker', 2);
          const marker = await space.ask('POST', `${deployments(space)}?dryRun=All`, { body });
          return JSON.stringify(seen(marker)) !== JSON.stringify(seen(body));
        });
        const made = await space.ask('POST', deployments(space), { body: deployment('test-deployment', 2) });
        assert.deepEqual(seen(made), wanted);
      });
    });
  }

  requirement('AggregatedDiscovery should support raw aggregated discovery endpoint Accept headers', async (space) => {
    assert.deepEqual(isUnlisted(await aggregatedResources(space, aggregated('v2'))), []);
  });

  requirement('AggregatedDiscovery should support aggregated discovery interface', async (space) => {
    const accept = [aggregated('v2'), aggregated('v2beta1'), 'application/json'].join();
    assert.deepEqual(isUnlisted(await aggregatedResources(space, accept)), []);
  });

  requirement('AggregatedDiscovery should support raw aggregated discovery request for CRDs', async (space) => {
    const group = `${space.namespace}.example.com`;
    const crd = await definePrimed(space, definition({ group, versions: [{ name: 'v1' }] }));
    const name = `${group}/v1/${crd.spec.names.plural}`;
    const isListed = async () => (await aggregatedResources(space, aggregated('v2'))).includes(name);
    await eventually('it is listed', isListed);
    await undefine(space, crd);
    await eventually('it is not listed', async () => !(await isListed()));
  });

  requirement('Discovery should validate PreferredVersion for each APIGroup', async (space) => {
    const { groups } = await space.get('/apis');
    assert.ok(groups.length > 20);
    for (const { name, versions, preferredVersion } of groups) {
      if (name.endsWith('.example.com')) continue;
      const alone = await space.get(`/apis/${name}`);
      assert.deepEqual([alone.kind, alone.name, alone.versions], ['APIGroup', name, versions]);
      assert.deepEqual(alone.preferredVersion, preferredVersion);
      assert.ok(
        versions.some(({ groupVersion }: any) => groupVersion === preferredVersion.groupVersion),
        name,
      );
    }
  });

  requirement('Watchers should observe add, update, and delete watch notifications on configmaps', async (space) => {
    const [a, b] = ['multiple-watchers-A', 'multiple-watchers-B'];
    using first = await watchMaps(space, `=${a}`);
    using second = await watchMaps(space, `=${b}`);
    using both = await watchMaps(space, ` in (${a},${b})`);
    await makeMap(space, 'a', { 'watch-this-configmap': a });
    await mutate(space, 'a', '1');
    await mutate(space, 'a', '2');
    await space.ask('DELETE', `${maps(space)}/a`);
    const ofA = ['ADDED a 0', 'MODIFIED a 1', 'MODIFIED a 2', 'DELETED a 2'];
    await hasTold(first, ...ofA);
    await makeMap(space, 'b', { 'watch-this-configmap': b });
    await space.ask('DELETE', `${maps(space)}/b`);
    const ofB = ['ADDED b 0', 'DELETED b 0'];
    await hasTold(both, ...ofA, ...ofB);
    // Had it been told of the other one, that would have come before.
    await hasTold(second, ...ofB);
    await makeMap(space, 'last', { 'watch-this-configmap': a });
    await hasTold(first, ...ofA, 'ADDED last 0');
  });

  requirement('Watchers should be able to start watching from a specific resource version', async (space) => {
    const label = { 'watch-this-configmap': 'from-resource-version' };
    await makeMap(space, 'map', label);
    const { metadata } = await mutate(space, 'map', '1');
    await mutate(space, 'map', '2');
    await space.ask('DELETE', `${maps(space)}/map`);
    using watch = await watchMaps(space, '=from-resource-version', metadata.resourceVersion);
    await hasTold(watch, 'MODIFIED map 2', 'DELETED map 2');
  });

  requirement(
    'Watchers should be able to restart watching from the last resource version observed by the previous watch',
    async (space) => {
      using watch = await watchMaps(space, '=watch-closed-and-restarted');
      await makeMap(space, 'map', { 'watch-this-configmap': 'watch-closed-and-restarted' });
      await mutate(space, 'map', '1');
      await hasTold(watch, 'ADDED map 0', 'MODIFIED map 1');
      watch[Symbol.dispose]();
      const { resourceVersion } = watch.told[1]!.object.metadata;
      await mutate(space, 'map', '2');
      using again = await watchMaps(space, '=watch-closed-and-restarted', resourceVersion);
      await space.ask('DELETE', `${maps(space)}/map`);
      await hasTold(again, 'MODIFIED map 2', 'DELETED map 2');
      assert.equal(watch.told.length, 2);
    },
  );

  requirement(
    'Watchers should observe an object deletion if it stops meeting the requirements of the selector',
    async (space) => {
      const label = 'label-changed-and-restored';
      using watch = await watchMaps(space, `=${label}`);
      await makeMap(space, 'map', { 'watch-this-configmap': label });
      await mutate(space, 'map', '1');
      await mutate(space, 'map', '2', 'wrong-value');
      const before = ['ADDED map 0', 'MODIFIED map 1', 'DELETED map 1'];
      await hasTold(watch, ...before);
      await mutate(space, 'map', '3');
      await mutate(space, 'map', '4', label);
      await mutate(space, 'map', '5');
      await space.ask('DELETE', `${maps(space)}/map`);
      await hasTold(watch, ...before, 'ADDED map 4', 'MODIFIED map 5', 'DELETED map 5');
    },
  );

  requirement('Watchers should receive events on concurrent watches in same order', async (space) => {
    const rounds = 15;
    const wanted = 60;
    const { resourceVersion } = (await space.get(maps(space))).metadata;
    const produce = async () => {
      for (let round = 0; round < rounds; round++) {
        await makeMap(space, `cm-${round}`);
        await mutate(space, `cm-${round}`, '1');
        await mutate(space, `cm-${round}`, '2');
        await space.ask('DELETE', `${maps(space)}/cm-${round}`);
      }
    };
    using all = await ApiWatch.open(space, `${maps(space)}?resourceVersion=${resourceVersion}`);
    const producing = produce();
    const watches: { watch: ApiWatch; from: number }[] = [];
    try {
      for (let index = 0; index < wanted; index++) {
        await all.until(`event ${index}`, () => all.told.length > index);
        const from = all.told[index]!.object.metadata.resourceVersion;
        watches.push({ watch: await ApiWatch.open(space, `${maps(space)}?resourceVersion=${from}`), from: index + 1 });
      }
      await producing;
      await all.until('all events', () => all.told.length === wanted);
      const versions = all.told.map(({ object }) => BigInt(object.metadata.resourceVersion));
      assert.ok(versions.every((version, index) => index === 0 || version > versions[index - 1]!));
      for (const { watch, from } of watches) {
        if (from < wanted) await watch.until('the last one', () => watch.told.length >= wanted - from);
        assert.deepEqual(watch.told, all.told.slice(from));
      }
    } finally {
      for (const { watch } of watches) watch[Symbol.dispose]();
    }
  });

  requirement('Servers with support for API chunking should return chunks of results for list calls', async (space) => {
    const collection = await makeTemplates(space);
    for (const seed of [1, 7, 13]) {
      const random = seededRandom(seed);
      await readPages(space, collection, { limit: () => 1 + Math.floor((random.next() * total) / 10) });
    }
    const whole = await space.get(`${collection}?limit=${total + 1}`);
    assert.deepEqual([whole.items.length, whole.metadata.continue], [total, undefined]);
    assert.equal((await space.get(collection)).items.length, total);
  });
});
