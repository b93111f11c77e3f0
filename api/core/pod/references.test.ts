import assert from 'node:assert/strict';
import { test } from 'node:test';
import { podClaimNames, podConfigMapNames, podSecretNames } from './references.ts';

const env = (n: number) => ({
  env: [
    { name: 'A', valueFrom: { secretKeyRef: { name: `s-env-${n}`, key: 'k' } } },
    { name: 'B', valueFrom: { configMapKeyRef: { name: `c-env-${n}`, key: 'k' } } },
    { name: 'C', value: 'x' },
  ],
  envFrom: [{ secretRef: { name: `s-from-${n}` } }, { configMapRef: { name: `c-from-${n}` } }],
});

const spec = {
  imagePullSecrets: [{ name: 's-pull' }, {}],
  initContainers: [{ name: 'i', ...env(1) }],
  containers: [{ name: 'c', ...env(2) }, { name: 'd' }],
  ephemeralContainers: [{ name: 'e', ...env(3) }],
  volumes: [
    { name: 'a', secret: { secretName: 's-volume' } },
    { name: 'b', configMap: { name: 'c-volume' } },
    {
      name: 'c',
      projected: { sources: [{ secret: { name: 's-projected' } }, { configMap: { name: 'c-projected' } }] },
    },
    { name: 'd', emptyDir: {} },
    { name: 'e', csi: { driver: 'x', nodePublishSecretRef: { name: 's-csi' } } },
    { name: 'f', iscsi: { secretRef: { name: 's-iscsi' } } },
    { name: 'g', persistentVolumeClaim: { claimName: 'claim' } },
    { name: 'h', ephemeral: {} },
  ],
} as never;

test('every way in which a pod names a Secret, a ConfigMap or a claim', () => {
  const numbered = (word: string) => [1, 2, 3].map((n) => `${word}-${n}`);
  assert.deepEqual(
    [...podSecretNames(spec)].sort(),
    [...numbered('s-env'), ...numbered('s-from'), 's-csi', 's-iscsi', 's-projected', 's-pull', 's-volume'].sort(),
  );
  assert.deepEqual(
    [...podConfigMapNames(spec)].sort(),
    [...numbered('c-env'), ...numbered('c-from'), 'c-projected', 'c-volume'].sort(),
  );
  assert.deepEqual([...podClaimNames('pod', spec)].sort(), ['claim', 'pod-h']);
  assert.deepEqual([...podSecretNames({ containers: [] } as never)], []);
});
