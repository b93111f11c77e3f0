// What a container gets as a device must be one, and one that this node may open: who holds the node may have restricted
// its control group, which the container would only meet with the text of a system call.
import { open, stat } from 'node:fs/promises';

/** Throws with a text for the FailedMapVolume event. */
export async function checkBlockDevice(path: string): Promise<void> {
  if (!(await stat(path)).isBlockDevice()) throw new Error(`path "${path}" is not a block device`);
  try {
    await (await open(path, 'r')).close();
  } catch (err) {
    // Any other trouble is that of who reads it.
    if ((err as NodeJS.ErrnoException).code !== 'EPERM') return;
    throw new Error(`device "${path}" must not be opened: this node has no block devices for pods`, { cause: err });
  }
}
