// What may change through pods/ephemeralcontainers and pods/resize, and what a write to them leaves as it is.
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { StatusError } from '../../machinery/errors.ts';
import { cloneJson } from '../../machinery/json.ts';
import { startMemoryApi } from '../../test/builders/memory-api.ts';

const pods = '/api/v1/namespaces/default/pods';
const gpu = 'example.com/gpu';

type Change = (pod: any) => unknown;

const makePod = () => ({
  metadata: { name: 'p', labels: { a: 'b' } },
  spec: {
    containers: [
      {
        name: 'c',
        image: 'i',
        resources: { requests: { cpu: '100m', memory: '64Mi', [gpu]: '1' }, limits: { cpu: '1', [gpu]: '1' } },
      },
    ],
    initContainers: [
      { name: 'side', image: 'i', restartPolicy: 'Always', resources: { requests: { cpu: '10m' } } },
      { name: 'first', image: 'i', resources: { requests: { cpu: '10m' } } },
    ],
  },
});

/** Sends the pod, changed, to a subresource; `before` is what was changed of it until then. */
async function write(subresource: string, change: Change, before: Change = () => undefined) {
  const api = await startMemoryApi();
  const body: any = makePod();
  before(body);
  await api.send('POST', pods, { body });
  if (subresource === 'ephemeralcontainers') {
    const added = { spec: { ephemeralContainers: [{ name: 'debug', image: 'i', targetContainerName: 'c' }] } };
    const patch = { contentType: 'application/strategic-merge-patch+json', body: added };
    // A pod that stands for a file has none.
    await api.send('PATCH', `${pods}/p/${subresource}`, patch).catch(() => undefined);
  }
  if (body.status) await api.send('PUT', `${pods}/p/status`, { body });
  const old = await api.send('GET', `${pods}/p`);
  const sent = cloneJson(old);
  change(sent);
  const next = await api.send('PUT', `${pods}/p/${subresource}`, { body: sent });
  return { old, next };
}

async function refuses(subresource: string, expected: RegExp, change: Change, before?: Change): Promise<void> {
  await assert.rejects(write(subresource, change, before), (err: StatusError) => {
    assert.ok(err instanceof StatusError && err.code === 422, String(err));
    assert.match(err.message, expected);
    return true;
  });
}

const withoutManagers = ({ metadata: { managedFields: _, resourceVersion: _r, ...metadata }, ...rest }: any) => ({
  ...rest,
  metadata,
});
const mirror: Change = (pod) => {
  pod.metadata.annotations = { 'kubernetes.io/config.mirror': 'x' };
  pod.spec.nodeName = 'n';
};

describe('pods/ephemeralcontainers', () => {
  const shell = { name: 'sh', image: 'i' };
  const add = (more: object) => (pod: any) => pod.spec.ephemeralContainers.push({ ...shell, ...more });

  test('adds a container, with defaults, and takes nothing else', async () => {
    const { old, next } = await write('ephemeralcontainers', (pod) => {
      add({})(pod);
      pod.spec.containers[0].image = 'other';
      pod.metadata.labels.a = 'c';
      pod.status.phase = 'Failed';
    });
    const { terminationMessagePath, terminationMessagePolicy, imagePullPolicy } = old.spec.containers[0];
    const added = { ...shell, terminationMessagePath, terminationMessagePolicy, imagePullPolicy, resources: {} };
    const wanted = cloneJson(old);
    wanted.spec.ephemeralContainers.push(added);
    wanted.metadata.generation++;
    assert.deepEqual(withoutManagers(next), withoutManagers(wanted));
  });

  for (const [what, change, expected] of [
    ['one is taken out', (pod) => (pod.spec.ephemeralContainers = []), /containers "debug" may not be removed/],
    ['one is changed', (pod) => (pod.spec.ephemeralContainers[0].image = 'x'), /"debug" may not be changed/],
    ['a name that is taken', add({ name: 'c' }), /ephemeralContainers\[1\]\.name: Duplicate value: "c"/],
    ['a port', add({ ports: [{ containerPort: 1 }] }), /\[1\]\.ports: Forbidden: cannot be set for an Ephemeral Con/],
    ['nobody to look at', add({ targetContainerName: 'x' }), /\[1\]\.targetContainerName: Not found: "x"/],
  ] as [string, Change, RegExp][]) {
    test(`refuses: ${what}`, () => refuses('ephemeralcontainers', expected, change));
  }

  test('a mirror pod has none', () =>
    refuses(
      'ephemeralcontainers',
      /static pods do not support ephemeral/,
      (pod) => (pod.spec.ephemeralContainers = [shell]),
      mirror,
    ));
});

describe('pods/resize', () => {
  const resources = (pod: any) => pod.spec.containers[0].resources;

  test('gives more and less cpu and memory, also to init containers, and takes nothing else', async () => {
    const { old, next } = await write('resize', (pod) => {
      resources(pod).requests = { cpu: '200m', memory: '32Mi', [gpu]: '1' };
      resources(pod).limits.memory = '1Gi';
      for (const one of pod.spec.initContainers) one.resources.requests.cpu = '20m';
      pod.spec.containers[0].image = 'other';
      pod.metadata.labels.a = 'c';
    });
    const wanted = cloneJson(old);
    wanted.spec.containers[0].resources = {
      requests: { cpu: '200m', memory: '32Mi', [gpu]: '1' },
      limits: { cpu: '1', memory: '1Gi', [gpu]: '1' },
    };
    for (const one of wanted.spec.initContainers) one.resources.requests.cpu = '20m';
    wanted.metadata.generation++;
    assert.deepEqual(withoutManagers(next), withoutManagers(wanted));
  });

  test('that changes nothing is no new generation', async () => {
    const { old, next } = await write('resize', (pod) => (pod.metadata.labels.a = 'c'));
    assert.equal(next.metadata.generation, old.metadata.generation);
  });

  const guaranteed: Change = (pod) => {
    delete pod.spec.initContainers;
    const both = { cpu: '1', memory: '1Gi' };
    pod.spec.containers[0].resources = { requests: both, limits: { ...both } };
  };
  const more: Change = (pod) => (resources(pod).requests.cpu = '200m');
  const running = (more: object) => (pod: any) => {
    pod.status = {
      containerStatuses: [
        { name: 'c', image: 'i', imageID: 'i', ready: true, restartCount: 0, state: { running: {} }, ...more },
      ],
    };
  };

  const whole: Change = (pod) => (pod.spec.resources = { requests: { cpu: '1' }, limits: { cpu: '2', memory: '2Gi' } });

  test('gives a pod as a whole more and less', async () => {
    const change: Change = (pod) => (pod.spec.resources.limits = { cpu: '4', memory: '1Gi' });
    const { old, next } = await write('resize', change, whole);
    assert.deepEqual(next.spec.resources, {
      requests: { cpu: '1', memory: '64Mi' },
      limits: { cpu: '4', memory: '1Gi' },
    });
    assert.equal(next.metadata.generation, old.metadata.generation + 1);
    const { next: made } = await write('resize', (pod) => (pod.spec.resources = { limits: { memory: '1Gi' } }));
    assert.deepEqual(made.spec.resources.limits, { memory: '1Gi' });
  });

  for (const [what, change, expected, before] of [
    [
      'what the whole pod asks for is taken out',
      (pod) => delete pod.spec.resources,
      /: spec\.resources: Forbidden: pod-level resources cannot be removed$/,
      whole,
    ],
    [
      'a limit of the whole pod is taken out',
      (pod) => delete pod.spec.resources.limits.memory,
      /spec\.resources\.limits: Forbidden: pod-level resource limits cannot be removed/,
      whole,
    ],
    [
      'pages of the whole pod',
      (pod) => (pod.spec.resources.limits['hugepages-2Mi'] = '4Mi'),
      /: spec: Forbidden: only cpu and memory resources are mutable at pod-level$/,
      whole,
    ],
    [
      'a request is taken out',
      (pod) => delete resources(pod).requests.memory,
      /resources\.requests: Forbidden: resource requests cannot be rem/,
    ],
    [
      'a limit is taken out',
      (pod) => delete resources(pod).limits.cpu,
      /resources\.limits: Forbidden: resource limits cannot be removed/,
    ],
    [
      'another resource',
      (pod) => (resources(pod).requests[gpu] = resources(pod).limits[gpu] = '2'),
      /spec: Forbidden: only cpu and memory resources are mutable/,
    ],
    [
      'one that has run before, by a restart',
      ({ spec: { initContainers } }) => {
        initContainers[1].resources.requests.cpu = '20m';
        initContainers[1].resizePolicy = [{ resourceName: 'cpu', restartPolicy: 'RestartContainer' }];
      },
      /spec\.initContainers\[1\]: Forbidden: non-sidecar init containers with a resize policy of RestartContainer cannot be resized/,
    ],
    [
      'another name',
      (pod) => (pod.spec.containers[0].name = 'other'),
      /spec\.containers\[0\]\.name: Forbidden: containers may not be renamed or reordered on resize/,
    ],
    [
      'another order',
      (pod) => pod.spec.initContainers.reverse(),
      /name: Forbidden: initContainers may not be renamed or reordered on resize, spec\.initContainers\[1\]\.name: /,
    ],
    [
      'one more container',
      (pod) => pod.spec.containers.push({ name: 'more', image: 'i' }),
      /spec\.containers: Forbidden: containers may not be added or removed on resize/,
    ],
    [
      'more asked for than is allowed',
      (pod) => (resources(pod).requests.cpu = '2'),
      /requests: Invalid value: "2": must be less than or equal to cpu/,
    ],
    [
      'what a change needs',
      (pod) => (pod.spec.containers[0].resizePolicy = [{ resourceName: 'cpu', restartPolicy: 'RestartContainer' }]),
      /only cpu and memory resources are mutable/,
    ],
    [
      'another class',
      (pod) => (resources(pod).limits.cpu = '2'),
      /spec: Invalid value: "Guaranteed": Pod QOS Class may not change as a result/,
      guaranteed,
    ],
    ['a node that cannot', more, /spec: Forbidden: Pod running on node without support for resize/, running({})],
    ['a mirror pod', more, /static pods cannot be resized/, mirror],
  ] as [string, Change, RegExp, Change?][]) {
    test(`refuses: ${what}`, () => refuses('resize', expected, change, before));
  }

  test('takes requests and limits of a guaranteed pod together, and a node that can', async () => {
    await write('resize', (pod) => (resources(pod).requests.cpu = resources(pod).limits.cpu = '2'), guaranteed);
    await write('resize', more, running({ resources: {} }));
  });

  describe('on a node', () => {
    const declared = ['InPlacePodLevelResourcesVerticalScaling', 'InPlacePodVerticalScalingInitContainers'];
    const allocatable = { cpu: '4', memory: '8Gi' };
    /** Tries a change on a node of that kind. */
    const resize = async (change: Change, status: object = {}, os = 'linux') => {
      const api = await startMemoryApi();
      const body: any = makePod();
      body.spec.nodeName = 'n';
      const old = await api.send('POST', pods, { body });
      const node = { metadata: { name: 'n', labels: { 'kubernetes.io/os': os } }, status: { allocatable, ...status } };
      if (os) await api.send('POST', '/api/v1/nodes', { body: node });
      const sent = cloneJson(old);
      change(sent);
      await api.send('PUT', `${pods}/p/resize`, { body: sent });
    };
    const whole: Change = (pod) => (pod.spec.resources = { requests: { cpu: '2' } });
    const first: Change = (pod) => (pod.spec.initContainers[1].resources.requests.cpu = '20m');
    const side: Change = (pod) => (pod.spec.initContainers[0].resources.requests.cpu = '20m');
    const both: Change = (pod) => [whole(pod), first(pod)];
    const more: Change = (pod) => {
      Object.assign(resources(pod).requests, { cpu: '10', memory: '10Gi' });
      resources(pod).limits.cpu = '10';
    };

    test('goes where that declares it', async () => {
      await resize(side);
      await resize(whole, { declaredFeatures: declared.slice(0, 1) });
      await resize(both, { declaredFeatures: declared });
    });
    const features = (names: string) => `pod update requires features ${names} which are not available on node "n"`;
    for (const [what, why, change, cause, status, os] of [
      ['without a feature', features(declared[1]!), first, undefined, { declaredFeatures: declared.slice(0, 1) }],
      ['without any', features(declared.join(', ')), both],
      [
        'that is too small',
        "Node didn't have enough allocatable resources: cpu, requested: 10010, allocatable: 4000; " +
          'memory, requested: 10737418240, allocatable: 8589934592',
        more,
        'NodeCapacity',
      ],
      [
        'of another system',
        'pod resize is only supported on linux nodes, node "n" is "windows"',
        side,
        'UnsupportedPlatform',
        {},
        'windows',
      ],
      ['that is gone', 'node "n" not found', side, undefined, {}, ''],
    ] as [string, string, Change, string?, object?, string?][]) {
      test(`${what}: is refused`, async () => {
        await assert.rejects(resize(change, status, os), (err: StatusError) => {
          assert.deepEqual([err.code, err.message], [403, `pods "p" is forbidden: ${why}`]);
          assert.deepEqual(err.details?.causes, cause && [{ reason: cause }]);
          return true;
        });
      });
    }
  });

  test('is charged to quotas and held to limits', async () => {
    const api = await startMemoryApi();
    const range = { metadata: { name: 'r' }, spec: { limits: [{ type: 'Container', max: { cpu: '2' } }] } };
    await api.send('POST', '/api/v1/namespaces/default/limitranges', { body: range });
    const quota = { metadata: { name: 'q' }, spec: { hard: { 'requests.cpu': '1' } } };
    const made = await api.send('POST', '/api/v1/namespaces/default/resourcequotas', { body: quota });
    const status = { hard: { 'requests.cpu': '1' }, used: { 'requests.cpu': '0' } };
    await api.send('PUT', '/api/v1/namespaces/default/resourcequotas/q/status', { body: { ...made, status } });
    const pod = await api.send('POST', pods, { body: makePod() });
    const resize = (change: Change) => {
      const body = cloneJson(pod);
      delete body.metadata.resourceVersion;
      change(body);
      return api.send('PUT', `${pods}/p/resize`, { body });
    };
    const used = async () => (await api.send('GET', '/api/v1/namespaces/default/resourcequotas/q')).status.used;
    assert.deepEqual(await used(), { 'requests.cpu': '110m' });
    await resize((body) => (resources(body).requests.cpu = '500m'));
    assert.deepEqual(await used(), { 'requests.cpu': '510m' });
    await assert.rejects(
      resize((body) => (resources(body).requests.cpu = '1')),
      /exceeded quota: q, requested: requests\.cpu=500m, used: requests\.cpu=510m, limited: requests\.cpu=1/,
    );
    await assert.rejects(
      resize((body) => (resources(body).limits.cpu = '3')),
      /maximum cpu usage per Container is 2, but limit is 3/,
    );
  });
});
