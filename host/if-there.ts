// What files hold that somebody else may remove at any time.

const isGone = (err: unknown, also: readonly string[]) =>
  ['ENOENT', ...also].includes((err as NodeJS.ErrnoException | null)?.code ?? '');

/** What a call answers; undefined where the file is not there, or where it fails with one of the other codes. */
export async function ifThere<T>(answer: Promise<T>, ...also: string[]): Promise<T | undefined> {
  try {
    return await answer;
  } catch (err) {
    if (isGone(err, also)) return undefined;
    throw err;
  }
}

/** The same of a call that nobody has to wait for. */
export function ifThereSync<T>(call: () => T, ...also: string[]): T | undefined {
  try {
    return call();
  } catch (err) {
    if (isGone(err, also)) return undefined;
    throw err;
  }
}
