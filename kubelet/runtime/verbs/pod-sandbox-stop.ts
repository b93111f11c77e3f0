// StopPodSandbox: ends every process of a sandbox and frees its address, link, ports and mounts. Idempotent; an unknown
// sandbox counts as stopped.
import { stopSandbox } from '../lifecycle/sandbox-teardown.ts';
import type { Verb } from './verb.ts';

export const stopPodSandbox: Verb<'StopPodSandbox'> = async (rt, req) => {
  const sandbox = rt.sandboxes.find(req.pod_sandbox_id);
  if (sandbox) await stopSandbox(rt, sandbox.id);
  return {};
};
