// Carries a preemption out: the victims say why they end, and end. Upstream: prepareCandidate of the preemption executor.

import { preemptedReason } from '../../api/core/pod/disruption-target.ts';
import { PodKind } from '../../api/core/pod.ts';
import { disrupt } from '../../client/disrupt.ts';
import { targetOf } from '../../client/events.ts';
import type { KubeClient } from '../../client/rest.ts';
import type { SeriesRecorder } from '../../client/series-events.ts';
import type { Clock } from '../../machinery/clock.ts';
import type { Preemption } from '../framework/plugin.ts';
import type { PodInfo } from '../framework/pod-info.ts';

interface PreemptDeps {
  client: KubeClient;
  recorder: SeriesRecorder;
  clock: Clock;
  /** The scheduler's name. */
  name: string;
}

/** Rejects when one of the victims could not be ended; those that end already are left alone. */
export async function endVictims(deps: PreemptDeps, { uid }: PodInfo, { node, victims }: Preemption): Promise<void> {
  const { client, recorder, clock, name } = deps;
  const pods = client.resource(PodKind);
  const message = `${name}: preempting to accommodate a higher priority pod`;
  const end = async ({ pod }: PodInfo) => {
    if (pod.metadata.deletionTimestamp) return;
    await disrupt(pods, pod, { reason: preemptedReason, message, nowMs: clock.now() });
    recorder.event(targetOf(PodKind, pod), {
      type: 'Normal',
      reason: 'Preempted',
      action: 'Preempting',
      message: `Preempted by pod ${uid} on node ${node.name}`,
    });
  };
  await Promise.all(victims.map(end));
}
