// Small files that only we read, replaced so that a reader, or the next process after a kill, sees the old content or the
// new. What is left of a killed writer stands beside the file, under `nextOf`.
import { renameSync, writeFileSync } from 'node:fs';
import { rename, writeFile } from 'node:fs/promises';

/** Where a file's new content stands until it takes the file's place. */
export const nextOf = (path: string): string => `${path}.new`;

const mode = 0o600;

/** Survives the end of the process. Does not wait for the disk: for what a lost power supply may take. */
export function replaceFile(path: string, content: string): void {
  writeFileSync(nextOf(path), content, { mode });
  renameSync(nextOf(path), path);
}

/** The content is on the disk when this resolves. */
export async function replaceFileDurably(path: string, content: string): Promise<void> {
  await writeFile(nextOf(path), content, { mode, flush: true });
  await rename(nextOf(path), path);
}
