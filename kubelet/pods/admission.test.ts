import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { Node } from '../../api/core/node.ts';
import type { Pod } from '../../api/core/pod.ts';
import { admitPod } from './admission.ts';

const node: Node = {
  metadata: { name: 'n', labels: { zone: 'a', size: '4' } },
  spec: {},
  status: { allocatable: { cpu: '2', memory: '1Gi', pods: '110' } },
};
const podOf = (spec: Partial<Pod['spec']>): Pod => ({
  metadata: { name: 'p' },
  spec: { containers: [{ name: 'c' }], ...spec },
  status: {},
});
const requesting = (requests: Record<string, string>) =>
  podOf({ containers: [{ name: 'c', resources: { requests } }] });
const onPorts = (...ports: object[]) =>
  podOf({ containers: [{ name: 'c', ports: ports.map((port) => ({ containerPort: 80, ...port })) }] });
const affinity = (key: string, operator: string, values: string[]) => ({
  nodeAffinity: {
    requiredDuringSchedulingIgnoredDuringExecution: {
      nodeSelectorTerms: [{ matchExpressions: [{ key, operator: operator as 'In', values }] }],
    },
  },
});

const cases: { name: string; pod: Pod; others?: Pod[]; want?: [string, string] }[] = [
  { name: 'a pod without wishes', pod: podOf({}) },
  {
    name: 'too much cpu',
    pod: requesting({ cpu: '100' }),
    want: ['OutOfcpu', "Node didn't have enough resource: cpu, requested: 100000, used: 0, capacity: 2000"],
  },
  { name: 'an extended resource that the node knows nothing of', pod: requesting({ 'example.com/widget': '1' }) },
  {
    name: 'memory that others hold',
    pod: requesting({ memory: '600Mi' }),
    others: [requesting({ memory: '600Mi' })],
    want: [
      'OutOfmemory',
      "Node didn't have enough resource: memory, requested: 629145600, used: 629145600, capacity: 1073741824",
    ],
  },
  {
    name: 'a selector that does not match',
    pod: podOf({ nodeSelector: { zone: 'b' } }),
    want: ['NodeAffinity', "Predicate NodeAffinity failed: node(s) didn't match Pod's node affinity/selector"],
  },
  { name: 'affinity that matches', pod: podOf({ affinity: affinity('size', 'Gt', ['3']) }) },
  {
    name: 'affinity that does not',
    pod: podOf({ affinity: affinity('size', 'Lt', ['3']) }),
    want: ['NodeAffinity', "Predicate NodeAffinity failed: node(s) didn't match Pod's node affinity/selector"],
  },
  {
    name: 'a port of the node that another pod has',
    pod: onPorts({ hostPort: 80, hostIP: '127.0.0.1' }),
    others: [onPorts({ hostPort: 80 })],
    want: ['NodePorts', "Predicate NodePorts failed: node(s) didn't have free ports for the requested pod ports"],
  },
  {
    name: 'the same port of other addresses and protocols',
    pod: onPorts({ hostPort: 80, hostIP: '127.0.0.1' }, { hostPort: 53 }),
    others: [onPorts({ hostPort: 80, hostIP: '127.0.0.2' }, { hostPort: 53, protocol: 'UDP' })],
  },
  {
    name: 'a sysctl that is not safe',
    pod: podOf({ securityContext: { sysctls: [{ name: 'net.core.somaxconn', value: '1' }] } }),
    want: ['SysctlForbidden', 'forbidden sysctl: "net.core.somaxconn" not allowlisted'],
  },
  {
    name: 'a safe sysctl',
    pod: podOf({ securityContext: { sysctls: [{ name: 'net.ipv4.tcp_syncookies', value: '1' }] } }),
  },
  { name: 'a user namespace of its own', pod: podOf({ hostUsers: false }) },
  {
    name: 'an AppArmor profile',
    pod: podOf({ containers: [{ name: 'c', securityContext: { appArmorProfile: { type: 'RuntimeDefault' } } }] }),
    want: ['AppArmor', 'Cannot enforce AppArmor: AppArmor is not enabled on the host'],
  },
  { name: 'no AppArmor', pod: podOf({ securityContext: { appArmorProfile: { type: 'Unconfined' } } }) },
  {
    name: 'another operating system',
    pod: podOf({ os: { name: 'windows' } }),
    want: ['PodOSNotSupported', "Failed to admit pod as the OS field doesn't match node OS"],
  },
];

describe('admitPod', () => {
  for (const { name, pod, others = [], want } of cases) {
    test(name, () => {
      assert.deepEqual(
        admitPod(pod, node, { others: others ?? [], hasAppArmor: false }),
        want && { reason: want[0], message: want[1] },
      );
    });
  }
});

test('where the node has AppArmor, the runtime enforces what is asked for', () => {
  const pod = podOf({ securityContext: { appArmorProfile: { type: 'RuntimeDefault' } } });
  assert.equal(admitPod(pod, node, { others: [], hasAppArmor: true }), undefined);
});
