import { accessSync, constants, realpathSync, statSync } from 'node:fs';
import { delimiter, join } from 'node:path';

/** Every program of a name on a PATH, in its order, each once. */
export function findPrograms(name: string, path = process.env.PATH ?? ''): string[] {
  const found = new Set<string>();
  for (const dir of path.split(delimiter)) {
    const file = join(dir || '.', name);
    try {
      accessSync(file, constants.X_OK);
      if (statSync(file).isFile()) found.add(realpathSync(file));
    } catch {
      // not in this folder
    }
  }
  return [...found];
}

export const isInstalled = (name: string): boolean => findPrograms(name).length > 0;
