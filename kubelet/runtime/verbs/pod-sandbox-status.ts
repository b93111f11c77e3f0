// PodSandboxStatus: all that is known of a sandbox, with the states of its containers. NOT_FOUND when there is none.
import type { PodSandboxState, PodSandboxStatus } from '../../../proto/cri.gen.ts';
import type { Init } from '../../../proto/message.ts';
import { containersOf, findSandbox } from '../lifecycle/find.ts';
import { nowNs } from '../store/id.ts';
import type { SandboxRecord } from '../store/records.ts';
import { statusOf } from './container-status.ts';
import type { Verb } from './verb.ts';

export const podSandboxStatus: Verb<'PodSandboxStatus'> = async (rt, req) => {
  const sandbox = findSandbox(rt, req.pod_sandbox_id);
  return {
    status: sandboxStatusOf(sandbox),
    info: req.verbose ? { info: JSON.stringify({ pid: sandbox.pause?.pid ?? 0, config: sandbox.config }) } : {},
    containers_statuses: containersOf(rt, sandbox.id).map((c) => statusOf(rt, c)),
    timestamp: nowNs(rt.clock),
  };
};

export const sandboxStateOf = (s: SandboxRecord): PodSandboxState =>
  s.phase === 'ready' ? 'SANDBOX_READY' : 'SANDBOX_NOTREADY';

export function sandboxStatusOf(s: SandboxRecord): Init<PodSandboxStatus> {
  return {
    id: s.id,
    metadata: s.config.metadata,
    state: sandboxStateOf(s),
    created_at: s.createdAtNs,
    // A stopped sandbox has given its address back.
    network: { ip: s.phase === 'ready' ? (s.ip ?? '') : '' },
    linux: { namespaces: { options: s.config.linux?.security_context?.namespace_options ?? {} } },
    labels: s.config.labels,
    annotations: s.config.annotations,
  };
}
