// Regular expressions of RE2's syntax, matched in time linear in the text. Compiled ones are kept.
import { LRUCache } from 'lru-cache';
import { RE2JS } from 're2js';
import { CelError } from './errors.ts';

const compiled = new LRUCache<string, RE2JS>({ max: 1000 });

/** Throws `CelError` for what is no regular expression. */
export function regex(pattern: string): RE2JS {
  let known = compiled.get(pattern);
  if (known === undefined) {
    try {
      known = RE2JS.compile(pattern);
    } catch (error) {
      const reason = error instanceof Error ? error.message.replace(/^error parsing regexp: /, '') : String(error);
      throw new CelError(`error parsing regexp: ${reason}`);
    }
    compiled.set(pattern, known);
  }
  return known;
}

export function isRegex(pattern: string): boolean {
  try {
    regex(pattern);
    return true;
  } catch (error) {
    if (error instanceof CelError) return false;
    throw error;
  }
}

/** Whether the pattern is found anywhere in the text. */
export function matches(text: string, pattern: string): boolean {
  return regex(pattern).test(text);
}

/** What the pattern matches, from the left, at most `limit` of it. */
export function findMatches(text: string, pattern: string, limit: number): string[] {
  const found: string[] = [];
  if (limit === 0) return found;
  const matcher = regex(pattern).matcher(text);
  while (found.length < limit && matcher.find()) found.push(matcher.group() ?? '');
  return found;
}
