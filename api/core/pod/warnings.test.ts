import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { kinds } from '../../index.ts';
import { PodKind } from '../pod.ts';
import { most, warnOfClaim, warnOfPod } from './warnings.ts';

const containers = [{ name: 'c', image: 'i' }];
const rule = 'requiredDuringSchedulingIgnoredDuringExecution';
const term = { topologyKey: 'zone' };
const old = 'beta.kubernetes.io/os';
const isOld = 'deprecated since v1.14; use "kubernetes.io/os" instead';
const profiles = {
  'container.seccomp.security.alpha.kubernetes.io/c': 'runtime/default',
  'container.apparmor.security.beta.kubernetes.io/c': 'runtime/default',
};

describe('pods are warned of', () => {
  const table: [name: string, spec: object, want: string[], annotations?: Record<string, string>][] = [
    ['nothing that is right', { containers: [{ ...containers[0], ports: [{ containerPort: 80 }] }] }, []],
    [
      'labels of nodes of old',
      {
        nodeSelector: { [old]: 'linux' },
        affinity: { nodeAffinity: { [rule]: { nodeSelectorTerms: [{ matchExpressions: [{ key: old }] }] } } },
        topologySpreadConstraints: [{ topologyKey: old, labelSelector: {} }],
      },
      [
        `t.spec.nodeSelector[${old}]: ${isOld}`,
        `t.spec.affinity.nodeAffinity.${rule}.nodeSelectorTerms[0].matchExpressions[0].key: ${old} is ${isOld}`,
        `t.spec.topologySpreadConstraints[0].topologyKey: ${old} is ${isOld}`,
      ],
    ],
    [
      'terms that select no pods',
      {
        topologySpreadConstraints: [{ topologyKey: 'zone' }],
        affinity: {
          podAffinity: { [rule]: [term] },
          podAntiAffinity: { preferredDuringSchedulingIgnoredDuringExecution: [{ podAffinityTerm: term }] },
        },
      },
      [
        'topologySpreadConstraints[0]',
        `affinity.podAffinity.${rule}[0]`,
        'affinity.podAntiAffinity.preferredDuringSchedulingIgnoredDuringExecution[0].podAffinityTerm',
      ].map((at) => `t.spec.${at}.labelSelector: a null labelSelector results in matching no pod`),
    ],
    [
      'volumes of old, and parts of bytes in claims',
      {
        volumes: [
          { name: 'a', gitRepo: {} },
          {
            name: 'b',
            ephemeral: { volumeClaimTemplate: { spec: { resources: { requests: { storage: '100m' } } } } },
          },
        ],
      },
      [
        't.spec.volumes[0].gitRepo: deprecated in v1.11',
        't.spec.volumes[1].ephemeral.volumeClaimTemplate.spec.resources.requests[storage]: fractional byte value "100m" is invalid, must be an integer',
      ],
    ],
    [
      'files in the place of others',
      {
        volumes: [
          { name: 'a', secret: { secretName: 's', items: [{ path: 'x/' }, { path: 'x/y' }, { path: 'z' }] } },
          { name: 'b', projected: { sources: [{ serviceAccountToken: { path: 'token' } }, { configMap: {} }, {}] } },
          {
            name: 'c',
            projected: {
              sources: [{ serviceAccountToken: { path: 't' } }, { downwardAPI: { items: [{ path: 't' }] } }],
            },
          },
        ],
      },
      [
        'volume "a" (Secret "s"): overlapping paths: "x/y" with "x"',
        'volume "b" (Projected) has no sources provided',
        'volume "c" (Projected DownwardAPI): overlapping paths: "t" with "t"',
      ],
    ],
    [
      'names twice, and none',
      {
        hostAliases: [{ ip: '1.1.1.1' }, { ip: '1.1.1.1' }],
        imagePullSecrets: [{ name: 's' }, { name: 's' }, {}],
      },
      [
        't.spec.hostAliases[1].ip: duplicate ip "1.1.1.1"',
        't.spec.imagePullSecrets[1].name: duplicate name "s"',
        't.spec.imagePullSecrets[2].name: invalid empty name ""',
      ],
    ],
    [
      'variables that hide others, but for those made of them',
      {
        initContainers: [
          {
            name: 'i',
            env: [
              { name: 'A', value: '1' },
              { name: 'A', value: '2' },
            ],
          },
        ],
        containers: [
          {
            name: 'c',
            env: [
              { name: 'A', value: '1' },
              { name: 'A', value: '$(A)2' },
              { name: 'A', value: '$(A)' },
              { name: 'A', valueFrom: {} },
            ],
          },
        ],
      },
      ['initContainers[0].env[1]', 'containers[0].env[2]', 'containers[0].env[3]'].map(
        (at) => `t.spec.${at}: hides previous definition of "A", which may be dropped when using apply`,
      ),
    ],
    [
      'ports that are the same as others, or may be',
      {
        containers: [
          { name: 'c', ports: [{ containerPort: 80 }, { containerPort: 80 }] },
          {
            name: 'd',
            ports: [
              { containerPort: 80, hostPort: 8080 },
              { containerPort: 80, protocol: 'UDP' },
            ],
          },
          { name: 'e', ports: [{ name: 'n', containerPort: 81, protocol: 'TCP', hostIP: '1.1.1.1' }] },
          {
            name: 'f',
            ports: [
              { containerPort: 82, hostPort: 1 },
              { containerPort: 82, hostPort: 1, hostIP: '1.1.1.1' },
            ],
          },
        ],
      },
      [
        't.spec.containers[0].ports[1]: duplicate port definition with t.spec.containers[0].ports[0]',
        't.spec.containers[1].ports[0]: overlapping port definition with t.spec.containers[0].ports[0]',
        't.spec.containers[1].ports[0]: overlapping port definition with t.spec.containers[0].ports[1]',
        't.spec.containers[2].ports[0]: hostIP set without hostPort: {Name:n HostPort:0 ContainerPort:81 Protocol:TCP HostIP:1.1.1.1}',
        't.spec.containers[3].ports[1]: dangerously ambiguous port definition with t.spec.containers[3].ports[0]',
      ],
    ],
    [
      'parts of bytes',
      {
        overhead: { memory: '1m', cpu: '1m' },
        containers: [{ name: 'c', resources: { requests: { 'ephemeral-storage': '1500m', cpu: '5m' } } }],
      },
      [
        't.spec.overhead[memory]: fractional byte value "1m" is invalid, must be an integer',
        't.spec.containers[0].resources.requests[ephemeral-storage]: fractional byte value "1500m" is invalid, must be an integer',
      ],
    ],
    [
      'a negative time',
      { terminationGracePeriodSeconds: -1 },
      ['t.spec.terminationGracePeriodSeconds: must be >= 0; negative values are invalid and will be treated as 1'],
    ],
    [
      'annotations of old',
      {},
      [
        't.metadata.annotations[container.seccomp.security.alpha.kubernetes.io/c]: non-functional in v1.27+; use the "seccompProfile" field instead',
        't.metadata.annotations[container.apparmor.security.beta.kubernetes.io/c]: deprecated since v1.30; use the "appArmorProfile" field instead',
        't.metadata.annotations[security.alpha.kubernetes.io/sysctls]: non-functional in v1.11+; use the "sysctls" field instead',
      ],
      { ...profiles, 'security.alpha.kubernetes.io/sysctls': 'a=b' },
    ],
    [
      'no profile that a field names too',
      {
        securityContext: { appArmorProfile: {} },
        containers: [{ name: 'c', securityContext: { seccompProfile: {} } }],
      },
      [],
      profiles,
    ],
  ];
  for (const [name, spec, want, annotations] of table)
    test(name, () => {
      const template = { metadata: { annotations }, spec: { containers, ...spec } };
      assert.deepEqual(warnOfPod(template as never, 't.'), want);
    });

  test('as much as a header holds, however many they are', () => {
    const ports = Array.from({ length: 20_000 }, () => ({ containerPort: 80 }));
    const items = Array.from({ length: 20_000 }, (_, i) => ({ path: `p${i}.` }));
    const spec = { containers: [{ name: 'c', ports }], volumes: [{ name: 'v', secret: { items } }] };
    assert.ok(warnOfPod({ spec } as never, '').length <= 20_000 + most);
  });
});

test('claims of parts of bytes', () => {
  const resources = { requests: { storage: '1500m' }, limits: { storage: '2' } };
  assert.deepEqual(warnOfClaim({ resources }, 'spec'), [
    'spec.resources.requests[storage]: fractional byte value "1500m" is invalid, must be an integer',
  ]);
});

test('annotations of many containers are looked at in linear time', () => {
  const names = Array.from({ length: 5_000 }, (_, i) => `c${i}`);
  const spec = { containers: names.map((name) => ({ name, image: 'i' })) };
  const annotations = Object.fromEntries(
    names.map((name) => [`container.apparmor.security.beta.kubernetes.io/${name}`, 'x']),
  );
  const start = process.cpuUsage();
  assert.equal(warnOfPod({ metadata: { annotations }, spec } as never, '').length, names.length);
  const { user } = process.cpuUsage(start);
  assert.ok(user < 3_000_000, `${user} us`);
});

describe('who makes pods is warned of its template, and of its name', () => {
  const template = { spec: { terminationGracePeriodSeconds: -1, containers } };
  const table: [kind: string, body: object, path: string, ofName: boolean][] = [
    ...['Deployment', 'ReplicaSet', 'Job', 'ReplicationController'].map(
      (kind) => [kind, { spec: { template } }, 'spec.template.', true] as [string, object, string, boolean],
    ),
    ['DaemonSet', { spec: { template } }, 'spec.template.', false],
    ['StatefulSet', { spec: { template } }, 'spec.template.', false],
    ['CronJob', { spec: { jobTemplate: { spec: { template } } } }, 'spec.jobTemplate.spec.template.', true],
    ['PodTemplate', { template }, 'template.', false],
    ['Pod', template, '', true],
  ];
  for (const [name, body, path, ofName] of table)
    test(name, () => {
      const { warnings } = kinds.find(({ kind }) => kind === name)!;
      const object = { metadata: { name: 'a.b', generation: 2 }, ...body };
      const isSaid = (old?: number) =>
        warnings!(object as never, (old && { ...object, metadata: { name: 'a.b', generation: old } }) as never).map(
          (text) => text.split(':')[0],
        );
      const ofTemplate = `${path}spec.terminationGracePeriodSeconds`;
      assert.deepEqual(isSaid(), [...(ofName ? ['metadata.name'] : []), ofTemplate]);
      assert.deepEqual(isSaid(1), name === PodKind.kind ? [] : [ofTemplate], 'a change');
      assert.deepEqual(isSaid(2), [], 'no change');
    });
});
