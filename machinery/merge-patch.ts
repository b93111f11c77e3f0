// JSON merge patch, RFC 7386.
import { isObject, setKey } from './json.ts';

/**
 * The target with the patch applied: null removes, objects merge, everything else replaces. Inputs
 * stay as they are.
 */
export function applyMergePatch(target: unknown, patch: unknown): unknown {
  if (!isObject(patch)) return patch;
  const out: Record<string, unknown> = isObject(target) ? { ...target } : {};
  for (const [key, value] of Object.entries(patch)) {
    if (value === null) delete out[key];
    else setKey(out, key, applyMergePatch(out[key], value));
  }
  return out;
}
