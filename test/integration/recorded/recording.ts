// What was recorded of a lifecycle, and its texts: what differs from run to run is masked in them.
import { existsSync, readFileSync } from 'node:fs';

export interface Recording {
  name: string;
  manifest: any;
  result: any;
}

const file = '../shared/reference/golden/pods.json';

/** Why recordings cannot be compared with, or false. */
export const noRecordings = existsSync(file) ? false : 'reference not present';

/** All recordings; none where there is no reference. */
export function readRecordings(): Recording[] {
  return noRecordings ? [] : JSON.parse(readFileSync(file, 'utf8')).scenarios;
}

export interface Masks {
  namespace: string;
  node: string;
}

const escapeRegExp = (text: string) => text.replace(/[.*+?^${}()|[\]\\]/g, '\\$&');

/** Words of the recorded runtime that another runtime says shorter. */
const runtimeWords = [
  [
    'failed to create containerd task: failed to create shim task: OCI runtime create failed: runc create failed: ',
    'failed to create container task: OCI runtime create failed: ',
  ],
  ['failed to start exec "<any>": ', 'failed to start exec: '],
] as const;

/** Whether a text is the recorded one, but for its masks. */
export function matchesText(recorded: string, actual: string, { namespace, node }: Masks): boolean {
  const words = runtimeWords.reduce((text, [theirs, ours]) => text.replace(theirs, ours), recorded);
  const pattern = escapeRegExp(words)
    .replaceAll('<any>', '[^\\n]*')
    .replaceAll('<ns>', escapeRegExp(namespace))
    .replaceAll('node-1', escapeRegExp(node))
    .replace('<4096 times x>', 'x{4096}');
  return new RegExp(`^${pattern}$`).test(actual);
}

/** The difference of two texts that may be absent. */
export function sameText(
  what: string,
  recorded: string | undefined,
  actual: string | undefined,
  masks: Masks,
): string[] {
  if (recorded === undefined && actual === undefined) return [];
  if (recorded !== undefined && actual !== undefined && matchesText(recorded, actual, masks)) return [];
  return [`${what}: recorded ${JSON.stringify(recorded)}, is ${JSON.stringify(actual)}`];
}
