import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, test } from 'node:test';
import type { Container } from '../../api/core/pod/container.ts';
import type { Pod } from '../../api/core/pod.ts';
import type { Service } from '../../api/core/service.ts';
import { buildEnvironment, type EnvironmentSources } from './environment.ts';
import { allServiceVariables, serviceVariables } from './service-env.ts';

const from = (valueFrom: object) => [{ name: 'X', valueFrom }];

const pod: Pod = {
  metadata: { name: 'p', namespace: 'ns', labels: { b: '2', a: '1' }, annotations: { k: 'v "q"' } },
  spec: { containers: [{ name: 'c' }], nodeName: 'n', serviceAccountName: 'sa' },
  status: {},
};
const volume = mkdtempSync(join(tmpdir(), 'k8ts-env-'));
writeFileSync(join(volume, 'app.env'), "A='one'\nEMPTY=''\n");
writeFileSync(join(volume, 'bad.env'), 'A=one\n');
symlinkSync('app.env', join(volume, 'link.env'));
symlinkSync('/proc/self/environ', join(volume, 'out.env'));
after(() => rmSync(volume, { recursive: true }));
const fileKey = (path: string, key: string, optional = false) =>
  from({ fileKeyRef: { volumeName: 'v', path, key, optional } });
const sources: EnvironmentSources = {
  serviceVariables: { SVC_HOST: '10.0.0.1' },
  addresses: { podIps: ['10.1.0.2'], hostIps: ['10.0.0.9'] },
  volumes: new Map([['v', { path: volume }]]),
  allocatable: { cpu: '2', memory: '1Gi' },
  configMap: async (name) => (name === 'cm' ? { metadata: {}, data: { a: '1', b: '2' } } : undefined),
  secret: async (name) =>
    name === 's' ? { metadata: {}, data: { pass: Buffer.from('word').toString('base64') } } : undefined,
};

const cases: { name: string; container: Partial<Container>; want?: Record<string, string>; error?: string }[] = [
  {
    name: 'a value sees what stands before it',
    container: {
      env: [
        { name: 'A', value: '1' },
        { name: 'B', value: '$(A)$(SVC_HOST)' },
      ],
    },
    want: { A: '1', B: '110.0.0.1' },
  },
  {
    name: 'values that double what stands before them',
    container: {
      env: Array.from({ length: 27 }, (_, i) => ({ name: `A${i}`, value: i ? `$(A${i - 1})`.repeat(2) : 'x' })),
    },
    error: 'the environment is too large: argument list too long',
  },
  {
    name: 'later wins',
    container: { envFrom: [{ configMapRef: { name: 'cm' } }], env: [{ name: 'a', value: 'x' }] },
    want: { a: 'x', b: '2' },
  },
  { name: 'a prefix', container: { envFrom: [{ prefix: 'P_', secretRef: { name: 's' } }] }, want: { P_pass: 'word' } },
  {
    name: 'a missing ConfigMap',
    container: { envFrom: [{ configMapRef: { name: 'nope' } }] },
    error: 'configmap "nope" not found',
  },
  {
    name: 'a missing optional one',
    container: { envFrom: [{ configMapRef: { name: 'nope', optional: true } }] },
    want: {},
  },
  { name: 'a key', container: { env: from({ configMapKeyRef: { name: 'cm', key: 'a' } }) }, want: { X: '1' } },
  {
    name: 'a missing key',
    container: { env: from({ configMapKeyRef: { name: 'cm', key: 'zz' } }) },
    error: "couldn't find key zz in ConfigMap ns/cm",
  },
  {
    name: 'a missing Secret',
    container: { env: from({ secretKeyRef: { name: 'nope', key: 'k' } }) },
    error: 'secret "nope" not found',
  },
  {
    name: 'an optional key is left out',
    container: { env: from({ secretKeyRef: { name: 's', key: 'k', optional: true } }) },
    want: {},
  },
  { name: 'the node', container: { env: from({ fieldRef: { fieldPath: 'spec.nodeName' } }) }, want: { X: 'n' } },
  {
    name: 'the address',
    container: { env: from({ fieldRef: { fieldPath: 'status.podIP' } }) },
    want: { X: '10.1.0.2' },
  },
  {
    name: 'one label',
    container: { env: from({ fieldRef: { fieldPath: "metadata.labels['a']" } }) },
    want: { X: '1' },
  },
  {
    name: 'no limit means the node',
    container: { env: from({ resourceFieldRef: { resource: 'limits.cpu' } }) },
    want: { X: '2' },
  },
  {
    name: 'a limit in units, rounded up',
    container: {
      resources: { limits: { memory: '100M' } },
      env: from({ resourceFieldRef: { resource: 'limits.memory', divisor: '1Mi' } }),
    },
    want: { X: '96' },
  },
  { name: 'a key of a file', container: { env: fileKey('app.env', 'A') }, want: { X: 'one' } },
  { name: 'through a link', container: { env: fileKey('link.env', 'A') }, want: { X: 'one' } },
  { name: 'an optional key of a file', container: { env: fileKey('app.env', 'B', true) }, want: {} },
  {
    name: 'a key without a value',
    container: { env: fileKey('app.env', 'EMPTY') },
    error: `environment variable key "EMPTY" not found in file "${volume}/app.env"`,
  },
  ...['bad.env', 'none.env', 'out.env', '.'].map((path) => ({
    name: `the file ${path}`,
    container: { env: fileKey(path, 'A', true) },
    error: "couldn't parse env file",
  })),
  {
    name: 'a volume that there is not',
    container: { env: from({ fileKeyRef: { volumeName: 'w', path: 'app.env', key: 'A' } }) },
    error: 'cannot find the volume "w" referenced by FileKeyRef',
  },
  {
    name: 'thousandths of a cpu',
    container: {
      resources: { requests: { cpu: '250m' } },
      env: from({ resourceFieldRef: { resource: 'requests.cpu', divisor: '1m' } }),
    },
    want: { X: '250' },
  },
];

describe('buildEnvironment', () => {
  for (const { name, container, want, error } of cases) {
    test(name, async () => {
      const build = buildEnvironment(pod, { name: 'c', ...container }, sources);
      if (error) return assert.rejects(build, { message: error });
      const { SVC_HOST, ...rest } = Object.fromEntries(await build);
      assert.equal(SVC_HOST, '10.0.0.1');
      assert.deepEqual(rest, want);
    });
  }
});

const service: Service = {
  metadata: { name: 'my-svc', namespace: 'ns' },
  spec: {
    clusterIP: '10.0.0.5',
    ports: [
      { name: 'http', port: 80 },
      { name: 'dns', port: 53, protocol: 'UDP' },
    ],
  },
  status: {},
};

test('variables of a service', () => {
  assert.deepEqual(serviceVariables(service), {
    MY_SVC_SERVICE_HOST: '10.0.0.5',
    MY_SVC_SERVICE_PORT: '80',
    MY_SVC_PORT: 'tcp://10.0.0.5:80',
    MY_SVC_SERVICE_PORT_HTTP: '80',
    MY_SVC_PORT_80_TCP: 'tcp://10.0.0.5:80',
    MY_SVC_PORT_80_TCP_PROTO: 'tcp',
    MY_SVC_PORT_80_TCP_PORT: '80',
    MY_SVC_PORT_80_TCP_ADDR: '10.0.0.5',
    MY_SVC_SERVICE_PORT_DNS: '53',
    MY_SVC_PORT_53_UDP: 'udp://10.0.0.5:53',
    MY_SVC_PORT_53_UDP_PROTO: 'udp',
    MY_SVC_PORT_53_UDP_PORT: '53',
    MY_SVC_PORT_53_UDP_ADDR: '10.0.0.5',
  });
  assert.deepEqual(serviceVariables({ ...service, spec: { ...service.spec, clusterIP: 'None' } }), {});
  assert.deepEqual(allServiceVariables([service], { namespace: 'other', enableLinks: true }), {});
  assert.deepEqual(allServiceVariables([service], { namespace: 'ns', enableLinks: false }), {});
});

test('a limit that a container has not is its pod’s', async () => {
  const whole = { ...pod, spec: { ...pod.spec, resources: { limits: { cpu: '1500m', memory: '64Mi' } } } };
  const env = ['limits.cpu', 'limits.memory'].map((resource) => ({
    name: resource.toUpperCase().replace('.', '_'),
    valueFrom: { resourceFieldRef: { resource, ...(resource === 'limits.cpu' ? { divisor: '1m' } : {}) } },
  }));
  const own = { name: 'c', env, resources: { limits: { memory: '32Mi' } } };
  const found = await buildEnvironment(whole, own, sources);
  assert.deepEqual([found.get('LIMITS_CPU'), found.get('LIMITS_MEMORY')], ['1500', String(32 << 20)]);
});
