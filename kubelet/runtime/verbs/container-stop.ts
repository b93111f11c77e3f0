// StopContainer: asks, waits, kills. Idempotent, and a container that does not exist is stopped too (api: "must not
// return an error if the container has already been stopped"). RemoveContainer: forgets one that has ended so.
import { endContainer, eraseContainer } from '../lifecycle/container-end.ts';
import { nowNs } from '../store/id.ts';
import { stateOf } from '../store/records.ts';
import type { Verb } from './verb.ts';

export const stopContainer: Verb<'StopContainer'> = async (rt, req) => {
  const container = rt.containers.find(req.container_id);
  if (container && stateOf(container) === 'CONTAINER_RUNNING') {
    await endContainer(rt, container, Number(req.timeout) * 1000);
  }
  return {};
};

/** Also its writable layer. Idempotent. The log stays: it is the kubelet's. */
export const removeContainer: Verb<'RemoveContainer'> = async (rt, req) => {
  const container = rt.containers.find(req.container_id);
  if (!container) return {};
  const { id, sandboxId } = container;
  if (stateOf(container) === 'CONTAINER_RUNNING') await endContainer(rt, container, 0);
  await rt.locks.run(id, async () => {
    if (!rt.containers.get(id)) return;
    await eraseContainer(rt, id);
    rt.events.publish({ id, sandboxId, type: 'CONTAINER_DELETED_EVENT', atNs: nowNs(rt.clock) });
  });
  return {};
};
