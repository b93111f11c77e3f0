// ListPodSandbox: the sandboxes that pass every part of the filter. One that is still being made is not there yet.
import type { PodSandbox, PodSandboxFilter } from '../../../proto/cri.gen.ts';
import type { Init } from '../../../proto/message.ts';
import type { Runtime } from '../runtime.ts';
import { matchesLabels, type SandboxRecord } from '../store/records.ts';
import { sandboxStateOf } from './pod-sandbox-status.ts';
import type { Verb } from './verb.ts';

export const listPodSandbox: Verb<'ListPodSandbox'> = async (rt, req) => ({
  items: selectSandboxes(rt, req.filter).map(describeSandbox),
});

export function selectSandboxes(rt: Runtime, filter: Partial<PodSandboxFilter> | null): SandboxRecord[] {
  return rt.sandboxes.list().filter((s) => {
    if (s.phase === 'creating') return false;
    if (filter?.id && !s.id.startsWith(filter.id)) return false;
    if (filter?.state && sandboxStateOf(s) !== filter.state.state) return false;
    return matchesLabels(s.config.labels, filter?.label_selector ?? {});
  });
}

const describeSandbox = (s: SandboxRecord): Init<PodSandbox> => ({
  id: s.id,
  metadata: s.config.metadata,
  state: sandboxStateOf(s),
  created_at: s.createdAtNs,
  labels: s.config.labels,
  annotations: s.config.annotations,
});
