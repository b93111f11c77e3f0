// How long the suite goes on, and from which seeds: a run of 25 seconds in the gate, always the same choices; rounds of
// them, each from a seed of its own, for as long as K8TS_FUZZ_SECONDS says. K8TS_FUZZ_SEED makes one round with the choices of that seed.
import { realClock } from '../../machinery/clock.ts';
import { Draw, firstSeed, maxSeed } from '../environment/fuzz.ts';

/** Of one round, without its beginning and its checks. */
export const scenarioSeconds = 25;
const totalSeconds = Number(process.env.K8TS_FUZZ_SECONDS ?? 0);
const slackMs = 240_000;

async function run(round: (draw: Draw, seed: number) => Promise<void>): Promise<void> {
  const isOne = process.env.K8TS_FUZZ_SEED !== undefined;
  const endMs = realClock.monotonicMs() + totalSeconds * 1000;
  let seed = firstSeed();
  do {
    await round(new Draw(seed), seed);
    seed = (seed + 1) % maxSeed;
  } while (!isOne && realClock.monotonicMs() < endMs);
}

export const robustness = { run, timeoutMs: totalSeconds * 1000 + slackMs };
