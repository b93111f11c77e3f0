// What `up` does at once and a supervisor only after a while: ends processes that are there and do not answer.
import { signalProcess, waitForExit } from '../host/processes.ts';
import { endHung } from '../supervisor/hang.ts';
import { askPatiently, probeUnit } from '../supervisor/liveness.ts';
import { findUnit, type UnitPlan } from '../supervisor/plan.ts';
import type { UpContext } from './context.ts';

export interface Patience {
  /** How long an answer may take. */
  patienceMs: number;
  say(line: string): void;
}

const killedWithinMs = 5_000;

/** Asks every process of the cluster; those that say nothing are killed, for the supervisor to start again. */
export async function endHungUnits({ plan, program }: UpContext, { patienceMs, say }: Patience): Promise<void> {
  const look = async (unit: UnitPlan) => {
    const ref = findUnit(unit);
    const failure = ref && (await askPatiently(ref, patienceMs, (timeoutMs) => probeUnit(unit, ref, timeoutMs)));
    if (!ref || !failure?.silent) return;
    if (!unit.liveness) return signalProcess(ref, 'SIGCONT'); // a node's first process: its end is the node's
    say(`${unit.name} ${failure.reason}: starting it again`);
    await endHung(unit, ref, { program, reason: failure.reason });
    await waitForExit(ref, killedWithinMs);
  };
  await Promise.all(plan.units.map(look));
}
