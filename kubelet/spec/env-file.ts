// Variables out of files of volumes, as init containers leave them: NAME='value' a line, the value as it stands, over
// several lines where it has them; empty lines and comments are passed over. What a shell would read otherwise is
// refused. Upstream: pkg/kubelet/util/env.
// https://kubernetes.io/docs/tasks/inject-data-application/define-environment-variable-via-file/
import { realpath } from 'node:fs/promises';
import { join } from 'node:path';
import { openInside } from '../../host/open-inside.ts';

const maxBytes = 1 << 20;
const entry = /[ \t]*(?:#[^\n]*|([^=\s'#][^=\s]*)='([^']*)'[ \t]*(?:(?<=[ \t])#[^\n]*)?)?\r?(?:\n|$)/y;

/** The value of a name, undefined where the file does not have it. Throws where it breaks the form before that. */
export function findInEnvFile(text: string, key: string): string | undefined {
  entry.lastIndex = 0;
  while (entry.lastIndex < text.length) {
    const match = entry.exec(text);
    if (!match) throw new Error("an entry is not of the form NAME='value'");
    if (match[1] === key) return match[2];
  }
  return undefined;
}

/** The same of a file below a volume. Throws where there is none. */
export async function readEnvFile(volume: string, path: string, key: string): Promise<string | undefined> {
  const file = await openInside(await realpath(volume), join(volume, path));
  if (!file) throw new Error(`there is no file ${path}`);
  try {
    const stats = await file.stat();
    if (!stats.isFile() || stats.size > maxBytes) throw new Error(`${path} is no file, or too large`);
    const { buffer, bytesRead } = await file.read(Buffer.alloc(stats.size), 0, stats.size, 0);
    return findInEnvFile(buffer.toString('utf8', 0, bytesRead), key);
  } finally {
    await file.close();
  }
}
