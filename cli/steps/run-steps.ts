// Runs the steps of a command: each as soon as those it comes after are done, so that independent ones overlap.
import type { Progress } from '../progress.ts';

export interface Step<C> {
  title: string;
  /** Titles of the steps that must be done before. */
  after: readonly string[];
  /** Does its work and returns a short note for the user, if any. Stops early when the signal aborts. */
  run(context: C, signal: AbortSignal): Promise<string | undefined>;
}

/** Runs all steps. When one fails the others are aborted, and the first error is thrown once all have ended. */
export async function runSteps<C>(
  steps: readonly Step<C>[],
  context: C,
  { progress, signal }: { progress: Progress; signal: AbortSignal },
): Promise<void> {
  const abort = new AbortController();
  const both = AbortSignal.any([abort.signal, signal]);
  const outcomes = new Map<string, Promise<void>>();
  let failure: { error: unknown } | undefined;
  const perform = async (step: Step<C>) => {
    const before = step.after.map((title) => {
      const outcome = outcomes.get(title);
      if (!outcome) throw new Error(`step "${step.title}" comes after "${title}", which is not before it in the list`);
      return outcome;
    });
    await Promise.all(before);
    both.throwIfAborted();
    progress.start(step.title);
    try {
      progress.done(step.title, await step.run(context, both));
    } catch (error) {
      progress.failed(step.title);
      failure ??= { error };
      abort.abort(error);
      throw error;
    }
  };
  for (const step of steps) outcomes.set(step.title, perform(step));
  await Promise.allSettled(outcomes.values());
  if (failure) throw failure.error;
  signal.throwIfAborted();
}
