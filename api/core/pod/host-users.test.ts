import assert from 'node:assert/strict';
import { test } from 'node:test';
import { validateHostUsers } from './host-users-validation.ts';
import type { PodSpec } from './pod-spec.ts';

const container = (more: object = {}) => ({ name: 'c', ...more }) as PodSpec['containers'][number];
const unmasked = container({ securityContext: { procMount: 'Unmasked' } });
const block = container({ volumeDevices: [{ name: 'v', devicePath: '/d' }] });
const forbidden = 'Forbidden: when `hostUsers` is false';
const needsOwn = 'Invalid value: "Unmasked": `hostUsers` must be false to use `Unmasked`';

const cases: [name: string, spec: Partial<PodSpec>, want: string[]][] = [
  ['a namespace of its own, and all of /proc', { hostUsers: false, containers: [unmasked] }, []],
  ["the node's, and what goes with it", { hostNetwork: true, hostPID: true, hostIPC: true, containers: [block] }, []],
  [
    'namespaces of the node beside its own',
    { hostUsers: false, hostNetwork: true, hostPID: true, hostIPC: true },
    [`spec.hostNetwork: ${forbidden}`, `spec.HostPID: ${forbidden}`, `spec.HostIPC: ${forbidden}`],
  ],
  [
    'devices beside its own',
    { hostUsers: false, containers: [container(), block], initContainers: [block], ephemeralContainers: [block] },
    ['containers[1]', 'initContainers[0]', 'ephemeralContainers[0]'].map(
      (place) => `spec.${place}.volumeDevices: ${forbidden}`,
    ),
  ],
  ...[undefined, true].map((hostUsers): [string, Partial<PodSpec>, string[]] => [
    `all of /proc with hostUsers ${hostUsers}`,
    { hostUsers, containers: [unmasked], initContainers: [unmasked] } as Partial<PodSpec>,
    ['containers[0]', 'initContainers[0]'].map((place) => `spec.${place}.securityContext.procMount: ${needsOwn}`),
  ]),
];
for (const [name, spec, want] of cases)
  test(name, () => {
    const errors = validateHostUsers({ containers: [container()], ...spec } as PodSpec, 'spec');
    assert.deepEqual(
      errors.map(({ field, detail }) => `${field}: ${detail}`),
      want,
    );
  });
