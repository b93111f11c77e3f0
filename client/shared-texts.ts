// Objects of a kind say the same in many places: images, types of conditions, what defaults to what. JSON's reader makes
// each text anew; kept once, thousands of pods take a third less memory.

/** So many are known at a time. Those that only one object has (names, uids) make the table begin anew now and then. */
const maxTexts = 4_096;
const known = new Map<string, string>();

function share(text: string): string {
  const first = known.get(text);
  if (first !== undefined) return first;
  if (known.size >= maxTexts) known.clear();
  known.set(text, text);
  return text;
}

/** Below this a value is left as it is. */
const maxDepth = 32;

/** Puts texts that were met before in the place of equal ones, in the object itself. */
export function shareTexts(object: object, depth = 0): void {
  if (depth > maxDepth) return;
  if (Array.isArray(object)) {
    for (let i = 0; i < object.length; i++) object[i] = shared(object[i], depth);
    return;
  }
  const fields = object as Record<string, unknown>;
  for (const name in fields) fields[name] = shared(fields[name], depth);
}

function shared(value: unknown, depth: number): unknown {
  if (typeof value === 'string') return share(value);
  if (typeof value === 'object' && value !== null) shareTexts(value, depth + 1);
  return value;
}
