// A step of the start that bears to be taken again: while etcd does not answer, has no leader or no room, it is waited
// for. Whoever ends instead is started again by somebody, who gives up some day.
import type { ComponentContext } from '../machinery/component.ts';
import { StatusError } from '../machinery/errors.ts';

const retryMs = 200;

export async function startStep<T>(
  { clock, log, signal }: Pick<ComponentContext, 'clock' | 'log' | 'signal'>,
  step: () => Promise<T>,
): Promise<T> {
  for (;;) {
    try {
      return await step();
    } catch (err) {
      // What is nobody's fault outside would fail for ever.
      if (!(err instanceof StatusError) || err.code < 500) throw err;
      log.warn({ err }, 'a step of the start failed; taking it again');
      await clock.sleep(retryMs, signal);
    }
  }
}
