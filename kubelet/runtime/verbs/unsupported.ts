// Calls this runtime does not serve: UNIMPLEMENTED with the reason, never a wrong success.
import { unimplemented } from '../errors.ts';

export const refuse = (reason: string) => async (): Promise<never> => {
  throw unimplemented(reason);
};

export const refuseStream = (reason: string) =>
  // biome-ignore lint/correctness/useYield: the type of a stream that only fails
  async function* (): AsyncGenerator<never> {
    throw unimplemented(reason);
  };
