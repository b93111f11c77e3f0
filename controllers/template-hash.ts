// A short name for a template: equal templates of one owner get equal names. Upstream: ComputeHash
// in pkg/controller, HashControllerRevision in pkg/controller/history and SafeEncodeString.
import { goJson } from '../machinery/go-json.ts';
import { canonicalJson } from '../machinery/json.ts';

const alphabet = 'bcdfghjklmnpqrstvwxz2456789';

const [offset, prime] = [0x811c9dc5, 0x01000193];

/** FNV-1 over the UTF-8 bytes, 32 bits. */
function fnv1(text: string): number {
  let hash = offset;
  for (const byte of new TextEncoder().encode(text)) hash = Math.imul(hash, prime) ^ byte;
  return hash >>> 0;
}

/** FNV-1a over the UTF-8 bytes, 32 bits. */
function fnv1a(text: string): number {
  let hash = offset;
  for (const byte of new TextEncoder().encode(text)) hash = Math.imul(hash ^ byte, prime);
  return hash >>> 0;
}

/** Digits and letters as characters that form no words. */
function encodeSafely(text: string): string {
  return [...text].map((c) => alphabet[c.charCodeAt(0) % alphabet.length]).join('');
}

/** The hash of a template. `collisionCount` gives another one where the first was taken by something else. */
export function hashTemplate(template: unknown, collisionCount = 0): string {
  return encodeSafely(String(fnv1a(`${canonicalJson(template)}${collisionCount || ''}`)));
}

/** The hash of what a ControllerRevision keeps, whose keys are sorted: Kubernetes' own for the same data. */
export function hashRevision(data: object, collisionCount: number): string {
  return encodeSafely(String(fnv1(`${goJson(data)}${collisionCount}`)));
}
