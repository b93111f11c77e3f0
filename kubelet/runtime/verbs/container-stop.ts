// StopContainer: asks, waits, kills. Idempotent, and a container that does not exist is stopped too (api: "must not
// return an error if the container has already been stopped").
import { endContainer } from '../lifecycle/container-end.ts';
import { stateOf } from '../store/records.ts';
import type { Verb } from './verb.ts';

export const stopContainer: Verb<'StopContainer'> = async (rt, req) => {
  const container = rt.containers.find(req.container_id);
  if (container && stateOf(container) === 'CONTAINER_RUNNING') {
    await endContainer(rt, container, Number(req.timeout) * 1000);
  }
  return {};
};
