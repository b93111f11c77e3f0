// StopPodSandbox: ends every process of a sandbox and frees its address, link, ports and mounts. Idempotent; an unknown
// sandbox counts as stopped. RemovePodSandbox: also forgets it with all its containers. Idempotent.
import { eraseContainer } from '../lifecycle/container-end.ts';
import { containersOf } from '../lifecycle/find.ts';
import { stopSandbox } from '../lifecycle/sandbox-teardown.ts';
import { nowNs } from '../store/id.ts';
import type { Verb } from './verb.ts';

export const stopPodSandbox: Verb<'StopPodSandbox'> = async (rt, req) => {
  const sandbox = rt.sandboxes.find(req.pod_sandbox_id);
  if (sandbox) await stopSandbox(rt, sandbox.id);
  return {};
};

export const removePodSandbox: Verb<'RemovePodSandbox'> = async (rt, req) => {
  const sandbox = rt.sandboxes.find(req.pod_sandbox_id);
  if (!sandbox) return {};
  const { id } = sandbox;
  await stopSandbox(rt, id);
  await Promise.all(
    containersOf(rt, id).map((c) =>
      rt.locks.run(c.id, async () => {
        await eraseContainer(rt, c.id);
        rt.events.publish({ id: c.id, sandboxId: id, type: 'CONTAINER_DELETED_EVENT', atNs: nowNs(rt.clock) });
      }),
    ),
  );
  await rt.sandboxes.remove(id);
  rt.events.publish({ id, sandboxId: id, type: 'CONTAINER_DELETED_EVENT', atNs: nowNs(rt.clock) });
  return {};
};
