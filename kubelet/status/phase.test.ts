import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { Container } from '../../api/core/pod/container.ts';
import type { ContainerState, ContainerStatus } from '../../api/core/pod/container-status.ts';
import type { Pod } from '../../api/core/pod.ts';
import { computePhase } from './phase.ts';

const rules = [{ action: 'Restart', exitCodes: { operator: 'In', values: [42] } }];
const running: ContainerState = { running: {} };
const ended = (exitCode: number) => ({ terminated: { exitCode } }) as ContainerState;
const again = (exitCode: number) => ({ state: { waiting: { reason: 'x' } }, lastState: ended(exitCode) });

interface Case {
  name: string;
  policy: NonNullable<Pod['spec']['restartPolicy']>;
  init?: Container;
  containers?: Container[];
  statuses: Record<string, Partial<ContainerStatus>>;
  want: string;
}
const cases: Case[] = [
  {
    name: 'what starts again by its own policy',
    policy: 'Never',
    containers: [{ name: 'a', restartPolicy: 'Always' }, { name: 'b' }],
    statuses: { a: { state: ended(0) }, b: { state: ended(1) } },
    want: 'Running',
  },
  {
    name: 'what does not, in a pod that would',
    policy: 'Always',
    containers: [{ name: 'a', restartPolicy: 'Never' }],
    statuses: { a: { state: ended(1) } },
    want: 'Failed',
  },
  {
    name: 'success that does not, in a pod that would',
    policy: 'Always',
    containers: [{ name: 'a', restartPolicy: 'OnFailure' }],
    statuses: { a: { state: ended(0) } },
    want: 'Succeeded',
  },
  {
    name: 'an exit code that a rule is for',
    policy: 'Never',
    containers: [{ name: 'a', restartPolicyRules: rules }],
    statuses: { a: again(42) },
    want: 'Running',
  },
  {
    name: 'one that it is not for',
    policy: 'Never',
    containers: [{ name: 'a', restartPolicyRules: rules }],
    statuses: { a: { state: ended(1) } },
    want: 'Failed',
  },
  {
    name: 'an init container that a rule starts again',
    policy: 'Never',
    init: { name: 'i', restartPolicyRules: rules },
    statuses: { i: again(42), a: { state: { waiting: {} } } },
    want: 'Pending',
  },
  {
    name: 'an init container that has failed for good in a pod that starts others again',
    policy: 'Always',
    init: { name: 'i', restartPolicy: 'Never' },
    statuses: { i: { state: ended(1) }, a: { state: { waiting: {} } } },
    want: 'Failed',
  },
  {
    name: 'an init container that is tried again in a new sandbox, after containers of the one before',
    policy: 'Always',
    init: { name: 'i' },
    statuses: { i: { state: ended(1) }, a: { state: ended(137) } },
    want: 'Pending',
  },
  { name: 'one that runs', policy: 'Never', statuses: { a: { state: running } }, want: 'Running' },
];

describe('computePhase()', () => {
  for (const { name, policy, init, containers = [{ name: 'a' }], statuses, want } of cases) {
    test(name, () => {
      const spec = { restartPolicy: policy, containers, initContainers: init ? [init] : [] };
      const list = Object.entries(statuses).map(([id, status]) => ({ name: id, ...status }) as ContainerStatus);
      const phase = computePhase(
        { metadata: {}, spec, status: {} },
        { statuses: list, isTerminal: false, wasInitialized: false },
      );
      assert.equal(phase, want);
    });
  }
});
