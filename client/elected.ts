// A component of which one replica works at a time: leader election by flags, as kube-controller-manager and kube-scheduler
// have them. A process that loses the lease ends, and its keeper starts it again.
// https://kubernetes.io/docs/concepts/architecture/leases/#leader-election
import { randomUUID } from 'node:crypto';
import { hostname } from 'node:os';
import { LeaseKind } from '../api/coordination/lease.ts';
import type { ComponentContext, RunningComponent } from '../machinery/component.ts';
import { parseGoDuration } from '../machinery/duration.ts';
import { type Flags, type FlagTable, flag } from '../machinery/flags.ts';
import { metricsIn } from '../machinery/hot-metrics.ts';
import type { ClientConfig } from './config.ts';
import { createEventRecorder } from './events.ts';
import { LeaderElector } from './leader-election.ts';
import { KubeClient } from './rest.ts';

/** The flags of a component that elects; `resource` is the name of its lease. */
export const leaderElectionFlags = (resource: string) =>
  ({
    'leader-elect': flag.boolean('Work only while this process holds the lease.', { default: true }),
    'leader-elect-lease-duration': flag.string(
      'So long others wait before they take over a lease that is not renewed.',
      { default: '15s' },
    ),
    'leader-elect-renew-deadline': flag.string('So long the holder tries to renew the lease before it gives up.', {
      default: '10s',
    }),
    'leader-elect-retry-period': flag.string('Time between two tries.', { default: '2s' }),
    'leader-elect-resource-name': flag.string('Name of the lease.', { default: resource }),
    'leader-elect-resource-namespace': flag.string('Namespace of the lease.', { default: 'kube-system' }),
    'leader-elect-identity': flag.string(
      'Name of this process in the lease. Whoever starts it again under the same name, once the one before is gone, need not wait until the lease runs out; unique by default.',
      { default: '' },
    ),
  }) as const satisfies FlagTable;

export type LeaderElectionFlags = Flags<ReturnType<typeof leaderElectionFlags>>;

/** Runs `start` once this process leads; without --leader-elect at once. `component` is the source of events. */
export async function runElected(
  flags: LeaderElectionFlags,
  config: ClientConfig,
  component: string,
  context: ComponentContext,
  start: () => Promise<RunningComponent>,
): Promise<RunningComponent> {
  if (!flags['leader-elect']) return start();
  const { clock, random, log, signal } = context;
  // Of its own, so that no burst of work holds up a renewal.
  const client = new KubeClient(config, { userAgent: `${component}/leader-election`, clock });
  const recorder = createEventRecorder({ client, clock, log, component });
  const elector = new LeaderElector(electionOptions(flags), {
    leases: client.resource(LeaseKind),
    clock,
    random,
    log,
    event: (target, reason, message) => recorder.event(target, 'Normal', reason, message),
  });
  const help = 'Whether this process leads: 1, or 0 while it waits.';
  metricsIn(context.metrics).seen('gauge', ['leader_election_master_status', help, ['name']], () => [
    [[flags['leader-elect-resource-name']], elector.leads() ? 1 : 0],
  ]);
  let led: RunningComponent | undefined;
  const lead = async () => {
    await elector.acquire(signal);
    // A start that takes its time must not cost the lease.
    const failed = new Promise<never>((_, reject) => {
      start().then((running) => {
        led = running;
      }, reject);
    });
    const loss = await Promise.race([elector.hold(signal), failed]);
    if (loss) throw new Error(`the lease ${flags['leader-elect-resource-name']} is lost: ${loss}`);
  };
  const leading = lead().catch((err) => {
    if (!signal.aborted) context.fail(err);
  });
  return {
    // One that waits for its turn does all that it has to.
    notReady: () => (led ? led.notReady() : elector.holder() === undefined ? 'the lease has not been read' : null),
    async stop() {
      if (led) {
        await led.stop();
        await leading;
        await elector.release();
      }
      client.close();
    },
  };
}

function electionOptions(flags: LeaderElectionFlags) {
  return {
    namespace: flags['leader-elect-resource-namespace'],
    name: flags['leader-elect-resource-name'],
    identity: flags['leader-elect-identity'] || `${hostname()}_${randomUUID()}`,
    leaseDurationMs: parseGoDuration(flags['leader-elect-lease-duration']),
    renewDeadlineMs: parseGoDuration(flags['leader-elect-renew-deadline']),
    retryPeriodMs: parseGoDuration(flags['leader-elect-retry-period']),
  };
}
