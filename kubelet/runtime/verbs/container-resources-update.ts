// UpdateContainerResources: writes the new limits into the cgroup of a running container and keeps them in its record.
import { writeFileSync } from 'node:fs';
import { applyResources } from '../cgroup.ts';
import { failedPrecondition, invalidArgument } from '../errors.ts';
import { checkResources } from '../lifecycle/cgroup-inputs.ts';
import { findContainer } from '../lifecycle/find.ts';
import { mergeResources } from '../spec/resources.ts';
import { stateOf } from '../store/records.ts';
import type { Verb } from './verb.ts';

export const updateContainerResources: Verb<'UpdateContainerResources'> = async (rt, req) => {
  if (!req.linux) throw invalidArgument('no linux resources were given');
  const update = req.linux;
  checkResources(update);
  const container = findContainer(rt, req.container_id);
  const state = stateOf(container);
  if (state === 'CONTAINER_EXITED') throw failedPrecondition(`container "${container.id}" is in ${state} state`);
  if (state === 'CONTAINER_RUNNING') {
    applyResources(rt.cgroups, container.cgroupPath, update);
    const wanted = Math.max(Number(update.oom_score_adj), rt.node.minOomScoreAdj);
    if (update.oom_score_adj !== '0') writeFileSync(`/proc/${container.process!.pid}/oom_score_adj`, `${wanted}`);
  }
  const resources = mergeResources(container.resources, update);
  const linux = container.config.linux && { ...container.config.linux, resources };
  rt.containers.update(container.id, { resources, config: { ...container.config, linux } });
  return {};
};
