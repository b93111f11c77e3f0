// Limit ranges, and what admission does to volumes and claims.
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { StatusError } from '../../machinery/errors.ts';
import { type MemoryApi, startMemoryApi } from '../../test/builders/memory-api.ts';

const core = '/api/v1/namespaces/default';
const claims = `${core}/persistentvolumeclaims`;
const classes = '/apis/storage.k8s.io/v1/storageclasses';
const merge = 'application/merge-patch+json';

async function withLimits(...limits: object[]): Promise<MemoryApi> {
  const api = await startMemoryApi();
  await api.send('POST', `${core}/limitranges`, { body: { metadata: { name: 'l' }, spec: { limits } } });
  return api;
}

const pod = (resources: object = {}, more: object = {}) => ({
  metadata: { name: 'p' },
  spec: { automountServiceAccountToken: false, containers: [{ name: 'c', image: 'i', resources }], ...more },
});
const claim = (storage: string, more: object = {}) => ({
  metadata: { name: 'c' },
  spec: { accessModes: ['ReadWriteOnce'], resources: { requests: { storage } }, ...more },
});
const make = (api: MemoryApi, path: string, body: object) => api.send('POST', path, { body });

async function refusal(work: Promise<unknown>): Promise<string> {
  const err = await work.then(
    () => assert.fail('it was let through'),
    (e: StatusError) => e,
  );
  return `${err.code} ${err.message}`;
}

describe('defaults of containers', () => {
  const item = { type: 'Container', default: { cpu: '1', memory: '1Gi' }, defaultRequest: { cpu: '500m' } };

  test('fill in what is not said, and leave word of it', async () => {
    const api = await withLimits(item);
    const init = [{ name: 'i', image: 'i', resources: { limits: { cpu: '200m', memory: '1Mi' } } }];
    const made = await make(api, `${core}/pods`, pod({ requests: { memory: '1Mi' } }, { initContainers: init }));
    assert.deepEqual(made.spec.containers[0].resources, {
      requests: { memory: '1Mi', cpu: '500m' },
      limits: { cpu: '1', memory: '1Gi' },
    });
    assert.deepEqual(made.spec.initContainers[0].resources, {
      limits: { cpu: '200m', memory: '1Mi' },
      requests: { cpu: '200m', memory: '1Mi' },
    });
    assert.equal(
      made.metadata.annotations['kubernetes.io/limit-ranger'],
      'LimitRanger plugin set: cpu request for container c; cpu, memory limit for container c',
    );
  });

  test('nothing is done where everything is said', async () => {
    const api = await withLimits(item);
    const made = await make(api, `${core}/pods`, pod({ limits: { cpu: '1', memory: '1Mi' } }));
    assert.equal(made.metadata.annotations, undefined);
  });

  test('thousands of them for each of hundreds of containers are more than can be stored', async () => {
    const names = Object.fromEntries(Array.from({ length: 2000 }, (_, i) => [`example.com/r${i}`, '1']));
    const api = await withLimits({ type: 'Container', max: names });
    const containers = Array.from({ length: 200 }, (_, i) => ({ name: `c${i}`, image: 'i' }));
    const tooLarge = '413 Request entity too large: the object is larger than etcd keeps';
    assert.equal(await refusal(make(api, `${core}/pods`, pod({}, { containers }))), tooLarge);
  });

  test('a pod elsewhere has none', async () => {
    const api = await withLimits(item);
    await make(api, '/api/v1/namespaces', { metadata: { name: 'other' } });
    await make(api, '/api/v1/namespaces/other/serviceaccounts', { metadata: { name: 'default' } });
    const made = await make(api, '/api/v1/namespaces/other/pods', pod());
    assert.deepEqual(made.spec.containers[0].resources, {});
  });
});

describe('bounds', () => {
  const table: [string, object[], object, string][] = [
    [
      'most of a container',
      [{ type: 'Container', max: { cpu: '2' }, default: { cpu: '1' } }],
      pod({ limits: { cpu: '3' } }),
      'maximum cpu usage per Container is 2, but limit is 3',
    ],
    [
      'least of a container',
      [{ type: 'Container', min: { cpu: '200m' } }],
      pod({ requests: { cpu: '100m' } }),
      'minimum cpu usage per Container is 200m, but request is 100m',
    ],
    [
      'both, of two containers',
      [{ type: 'Container', min: { memory: '1Mi' }, max: { memory: '1Gi' } }],
      pod({ limits: { memory: '2Gi' }, requests: { memory: '1Ki' } }),
      '[minimum memory usage per Container is 1Mi, but request is 1Ki, maximum memory usage per Container is 1Gi, but limit is 2Gi]',
    ],
    [
      'a pod without a limit',
      [{ type: 'Pod', max: { cpu: '2' } }],
      pod({ requests: { cpu: '1' } }),
      'maximum cpu usage per Pod is 2.  No limit is specified',
    ],
    [
      'a pod as a whole',
      [{ type: 'Pod', max: { cpu: '2' } }],
      pod({ limits: { cpu: '1' } }, { resources: { limits: { cpu: '3' } } }),
      'maximum cpu usage per Pod is 2, but limit is 3',
    ],
    [
      'ratio',
      [{ type: 'Container', maxLimitRequestRatio: { cpu: '2' } }],
      pod({ limits: { cpu: '1' }, requests: { cpu: '300m' } }),
      'cpu max limit to request ratio per Container is 2, but provided ratio is 3.333333',
    ],
    [
      'ratio of nothing',
      [{ type: 'Container', maxLimitRequestRatio: { cpu: '2' } }],
      pod(),
      'cpu max limit to request ratio per Container is 2, but no request is specified or request is 0',
    ],
  ];
  for (const [name, limits, body, why] of table) {
    test(name, async () => {
      const api = await withLimits(...limits);
      assert.equal(await refusal(make(api, `${core}/pods`, body)), `403 pods "p" is forbidden: ${why}`);
    });
  }

  test('a claim, also when it grows; what it had before is let be', async () => {
    const api = await withLimits({ type: 'PersistentVolumeClaim', min: { storage: '2Gi' }, max: { storage: '4Gi' } });
    const head = '403 persistentvolumeclaims "c" is forbidden:';
    assert.equal(
      await refusal(make(api, claims, claim('1Gi'))),
      `${head} minimum storage usage per PersistentVolumeClaim is 2Gi, but request is 1Gi`,
    );
    assert.equal(
      await refusal(make(api, claims, claim('5Gi'))),
      `${head} maximum storage usage per PersistentVolumeClaim is 4Gi, but request is 5Gi`,
    );
    await make(api, claims, claim('4Gi'));
    const limits = [{ type: 'PersistentVolumeClaim', max: { storage: '1Gi' } }];
    await api.send('PATCH', `${core}/limitranges/l`, { body: { spec: { limits } }, contentType: merge });
    const labels = { a: 'b' };
    await api.send('PATCH', `${claims}/c`, { body: { metadata: { labels } }, contentType: merge });
  });
});

describe('storage', () => {
  const storageClass = (name: string, annotations: object = {}, more: object = {}) => ({
    metadata: { name, annotations },
    provisioner: 'example.com/p',
    ...more,
  });
  const byDefault = { 'storageclass.kubernetes.io/is-default-class': 'true' };

  test('volumes and claims begin with a finalizer', async () => {
    const api = await startMemoryApi();
    const made = await make(api, claims, claim('1Gi'));
    assert.deepEqual(made.metadata.finalizers, ['kubernetes.io/pvc-protection']);
    const spec = { capacity: { storage: '1Gi' }, accessModes: ['ReadWriteOnce'], hostPath: { path: '/x' } };
    const finalizers = ['kubernetes.io/pv-protection'];
    const volume = await make(api, '/api/v1/persistentvolumes', { metadata: { name: 'v', finalizers }, spec });
    assert.deepEqual(volume.metadata.finalizers, finalizers);
  });

  test('a claim without a class gets the newest default one', async () => {
    const api = await startMemoryApi();
    assert.equal(
      (await make(api, claims, { ...claim('1Gi'), metadata: { name: 'none' } })).spec.storageClassName,
      undefined,
    );
    await make(api, classes, storageClass('slow', byDefault));
    await api.clock.advance(5000);
    await make(api, classes, storageClass('fast', byDefault));
    await make(api, classes, storageClass('plain'));
    assert.equal((await make(api, claims, claim('1Gi'))).spec.storageClassName, 'fast');
    const named = { ...claim('1Gi', { storageClassName: '' }), metadata: { name: 'empty' } };
    assert.equal((await make(api, claims, named)).spec.storageClassName, '');
  });

  test('a bound claim grows where its class lets it', async () => {
    const api = await startMemoryApi();
    await make(api, classes, storageClass('fixed'));
    await make(api, classes, storageClass('elastic', {}, { allowVolumeExpansion: true }));
    const head = '403 persistentvolumeclaims "c" is forbidden:';
    const grow = () => {
      const resources = { requests: { storage: '2Gi' } };
      return api.send('PATCH', `${claims}/c`, { body: { spec: { resources } }, contentType: merge });
    };
    const bind = () =>
      api.send('PATCH', `${claims}/c/status`, { body: { status: { phase: 'Bound' } }, contentType: merge });
    await make(api, claims, claim('1Gi', { storageClassName: 'fixed' }));
    await bind();
    const why =
      'only dynamically provisioned pvc can be resized and the storageclass that provisions the pvc must support resize';
    assert.equal(await refusal(grow()), `${head} ${why}`);
    await api.send('PATCH', `${claims}/c`, { body: { metadata: { finalizers: null } }, contentType: merge });
    await api.send('DELETE', `${claims}/c`);
    await make(api, claims, claim('1Gi', { storageClassName: 'elastic' }));
    await bind();
    assert.equal((await grow()).spec.resources.requests.storage, '2Gi');
  });
});
