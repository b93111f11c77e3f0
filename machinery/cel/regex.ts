// Regular expressions in CEL: those of RE2, with errors that are CEL's.
import type { RE2JS } from 're2js';
import { compileRegExp } from '../regexp.ts';
import { CelError } from './errors.ts';

/** Throws `CelError` for what is no regular expression. */
export function regex(pattern: string): RE2JS {
  try {
    return compileRegExp(pattern);
  } catch (error) {
    const reason = error instanceof Error ? error.message.replace(/^error parsing regexp: /, '') : String(error);
    throw new CelError(`error parsing regexp: ${reason}`);
  }
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
