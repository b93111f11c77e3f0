// JSON merge patch, RFC 7386.
import { copyOf, isObject, setKey } from './json.ts';
import type { Steps } from './steps.ts';

/**
 * The target with the patch applied: null removes, objects merge, everything else replaces. Inputs
 * stay as they are.
 */
export function* mergePatchInSteps(target: unknown, patch: unknown): Steps<unknown> {
  if (!isObject(patch)) return patch;
  const out = isObject(target) ? copyOf(target) : {};
  yield;
  for (const key in patch) {
    const value = patch[key];
    if (value === null) delete out[key];
    else if (!isObject(value)) setKey(out, key, value);
    else setKey(out, key, yield* mergePatchInSteps(Object.hasOwn(out, key) ? out[key] : undefined, value));
  }
  return out;
}
