import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import type { Pod } from '../../api/core/pod.ts';
import type { ResourceClient } from '../../client/rest.ts';
import { notFoundError } from '../../machinery/errors.ts';
import { silentLogger } from '../../machinery/log.ts';
import { keyOf } from '../../machinery/metadata.ts';
import { FakeClock } from '../../test/builders/fake-clock.ts';
import { MirrorPods } from './mirror-pods.ts';
import { maxFileBytes, readStaticPod } from './static-pod-file.ts';
import { StaticPodFolder } from './static-pod-folder.ts';

const context = { file: '/m/web.yaml', nodeName: 'node-1', nowMs: Date.parse('2026-01-01T00:00:00Z') };
const yaml = (more = '', name = 'web', image = 'web:1') =>
  `apiVersion: v1\nkind: Pod\nmetadata:\n  name: ${name}\nspec:\n  containers:\n  - name: c\n    image: ${image}\n${more}`;

describe('readStaticPod()', () => {
  test('makes a pod of this node', () => {
    const pod = readStaticPod(yaml(), context);
    const { uid = '', annotations } = pod.metadata;
    assert.match(uid, /^[0-9a-f]{32}$/);
    assert.deepEqual(
      [pod.metadata.name, pod.metadata.namespace, pod.spec.nodeName],
      ['web-node-1', 'default', 'node-1'],
    );
    assert.deepEqual(annotations, {
      'kubernetes.io/config.hash': uid,
      'kubernetes.io/config.seen': '2026-01-01T00:00:00.000Z',
      'kubernetes.io/config.source': 'file',
    });
    assert.deepEqual(pod.spec.tolerations, [{ operator: 'Exists', effect: 'NoExecute' }]);
    assert.equal(pod.spec.restartPolicy, 'Always', 'defaults are set');
    const uidOf = (text: string, other = {}) => readStaticPod(text, { ...context, ...other }).metadata.uid;
    assert.equal(uidOf(yaml(), { nowMs: 0 }), uid, 'when it was seen makes no other pod');
    const json = JSON.stringify({
      apiVersion: 'v1',
      kind: 'Pod',
      metadata: { name: 'web' },
      spec: { containers: [{ name: 'c', image: 'web:1' }] },
    });
    assert.equal(uidOf(json), uid, 'JSON is YAML');
    assert.equal(
      new Set([uid, uidOf(yaml('', 'web', 'web:2')), uidOf(yaml(), { file: '/m/b' }), uidOf(yaml(), { nodeName: 'n' })])
        .size,
      4,
    );
  });

  const volume = (source: string) => yaml(`  volumes:\n  - name: v\n    ${source}\n`);
  const refused: [string, string, RegExp][] = [
    ['no object', '- a\n', /couldn't parse as pod/],
    ['no YAML', 'a: [\n', /yaml/],
    ['another kind', 'apiVersion: v1\nkind: Service\n', /couldn't parse as pod: "Service" in version "v1"/],
    ['nothing to run', 'apiVersion: v1\nkind: Pod\nmetadata: {name: a}\nspec: {}\n', /invalid pod: .*spec\.containers/],
    ['a wrong type', yaml('  restartPolicy: 1\n'), /restartPolicy/],
    ['no name', yaml().replace('name: web', 'labels: {}'), /metadata\.name: Required/],
    ['a name that is none', yaml('', '"../x"'), /metadata\.name: Invalid value: "\.\.\/x-node-1"/],
    [
      'a namespace that is none',
      yaml().replace('name: web', 'name: web\n  namespace: ../x'),
      /metadata\.namespace: Invalid/,
    ],
    [
      'a label that is none',
      yaml().replace('name: web', 'name: web\n  labels: {"a b": c}'),
      /metadata\.labels: Invalid/,
    ],
    [
      'more annotations than an object has',
      yaml().replace('name: web', `name: web\n  annotations: {a: ${'x'.repeat(256 << 10)}}`),
      /metadata\.annotations: Too long/,
    ],
    ['a service account', yaml('  serviceAccountName: a\n'), /^static pods may not reference serviceaccounts$/],
    ['a secret', volume('secret: {secretName: a}'), /^static pods may not reference secrets$/],
    ['a config map', volume('configMap: {name: a}'), /^static pods may not reference configmaps$/],
    [
      'a claim',
      volume('persistentVolumeClaim: {claimName: a}'),
      /^static pods may not reference persistentvolumeclaims$/,
    ],
    [
      'a token',
      volume('projected: {sources: [{serviceAccountToken: {path: t}}]}'),
      /when serviceAccountName is not set\]$/,
    ],
  ];
  for (const [name, text, message] of refused)
    test(`${name} is refused`, () => assert.throws(() => readStaticPod(text, context), { message }));
});

test('the pods of a folder, as its files come and go', async (t) => {
  const dir = mkdtempSync(join(tmpdir(), 'k8ts-manifests-'));
  const path = join(dir, 'm');
  const stop = new AbortController();
  t.after(() => {
    stop.abort();
    rmSync(dir, { recursive: true });
  });
  const clock = new FakeClock();
  let pods: readonly Pod[] = [];
  const log = { ...silentLogger, warn: () => undefined, error: () => undefined } as typeof silentLogger;
  const names = async () => {
    await clock.advance(20_000);
    return pods.map((pod) => `${pod.metadata.name} ${pod.spec.containers[0]!.image}`);
  };
  new StaticPodFolder({ path, nodeName: 'n', clock, log, onPods: (found) => (pods = found) }).start(stop.signal);
  assert.deepEqual(await names(), [], 'there is no folder yet');
  mkdirSync(join(path, 'folder'), { recursive: true });
  writeFileSync(join(path, 'b.yaml'), yaml('', 'b'));
  writeFileSync(join(path, 'a.json'), yaml('', 'a'));
  writeFileSync(join(path, 'c.yaml'), yaml('', 'a', 'other:1'));
  writeFileSync(join(path, '.d.yaml'), yaml('', 'd'));
  writeFileSync(join(path, 'e.yaml'), Buffer.alloc(maxFileBytes + 1, '#'));
  assert.equal(spawnSync('mkfifo', [join(path, 'pipe')]).status, 0);
  assert.deepEqual(await names(), ['a-n web:1', 'b-n web:1']);
  writeFileSync(join(path, 'b.yaml'), 'half: [');
  assert.deepEqual(await names(), ['a-n web:1', 'b-n web:1'], 'half a file ends no pod');
  writeFileSync(join(path, 'b.yaml'), yaml('', 'b', 'web:2'));
  rmSync(join(path, 'a.json'));
  assert.deepEqual(await names(), ['b-n web:2', 'a-n other:1'].sort().reverse());
  rmSync(path, { recursive: true });
  assert.deepEqual(await names(), []);
});

test('mirror pods are made, made anew, and removed with the pod', async () => {
  const [pod, next] = [readStaticPod(yaml(), context), readStaticPod(yaml('', 'web', 'web:2'), context)];
  const key = keyOf(pod);
  const did: string[] = [];
  let nodeUid: string | undefined;
  let isAway = true;
  const pods = {
    create: async (made: Pod) => {
      if (isAway) throw new Error('the API server is away');
      const [owner] = made.metadata.ownerReferences ?? [];
      did.push(`create ${made.metadata.annotations?.['kubernetes.io/config.mirror']} of ${owner?.uid}`);
      return { ...made, metadata: { ...made.metadata, uid: `m${did.length}` } };
    },
    delete: async (_: object, options: { uid: string; gracePeriodSeconds: number }) => {
      did.push(`delete ${options.uid} ${options.gracePeriodSeconds}`);
      throw notFoundError({ group: '', resource: 'pods' }, 'web');
    },
  } as unknown as ResourceClient<Pod>;
  const clock = new FakeClock();
  const log = { ...silentLogger, warn: () => undefined } as typeof silentLogger;
  const mirrors = new MirrorPods({ pods, clock, log, nodeName: 'node-1', nodeUid: () => nodeUid });
  const settled = async () => {
    await clock.advance(60_000);
    await new Promise((resolve) => setImmediate(resolve));
    return did.splice(0);
  };
  mirrors.want(key, pod);
  assert.deepEqual(await settled(), []);
  mirrors.start();
  nodeUid = 'n1';
  assert.deepEqual(await settled(), []);
  isAway = false;
  assert.deepEqual(await settled(), [`create ${pod.metadata.uid} of n1`]);
  assert.equal(mirrors.of(pod)?.metadata.uid, 'm1');
  assert.equal(mirrors.of(next), undefined);
  const leaving = { ...mirrors.of(pod)!, metadata: { ...mirrors.of(pod)!.metadata, deletionTimestamp: 't' } };
  mirrors.observe(key, leaving as Pod);
  assert.deepEqual(await settled(), ['delete m1 0'], 'who deletes it does not end the pod');
  mirrors.observe(key, undefined);
  assert.deepEqual(await settled(), [`create ${pod.metadata.uid} of n1`]);
  mirrors.want(key, next);
  assert.deepEqual(await settled(), ['delete m1 0']);
  mirrors.observe(key, undefined);
  assert.deepEqual(await settled(), [`create ${next.metadata.uid} of n1`]);
  mirrors.want(key, undefined);
  assert.deepEqual(await settled(), ['delete m1 0']);
});
