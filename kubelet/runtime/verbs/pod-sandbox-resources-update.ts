// UpdatePodSandboxResources: tells the runtime about limits of the whole pod. The kubelet owns and
// has already changed the pod's cgroup; there is nothing of the pause process to adjust. Kept on
// record for the verbose status.
import { findSandbox } from '../lifecycle/find.ts';
import type { Verb } from './verb.ts';

export const updatePodSandboxResources: Verb<'UpdatePodSandboxResources'> = async (rt, req) => {
  const { id, config } = findSandbox(rt, req.pod_sandbox_id);
  if (config.linux) {
    const linux = { ...config.linux, overhead: req.overhead, resources: req.resources };
    rt.sandboxes.update(id, { config: { ...config, linux } });
  }
  return {};
};
