// Regular expressions that users write: in the syntax of Go's RE2, matched in time linear in the text. A backtracking
// engine could be kept busy for hours by a few characters.
import { LRUCache } from 'lru-cache';
import { RE2JS } from 're2js';

/** Longest expression that a schema may hold, in characters: what is compiled grows with it. */
const maxLength = 10_000;

const compiled = new LRUCache<string, RE2JS>({ max: 1000 });

/** Compiles an expression, once while it is in use. Throws an Error with what is wrong with it, in Go's words. */
export function compileRegExp(pattern: string): RE2JS {
  let known = compiled.get(pattern);
  if (known === undefined) {
    known = RE2JS.compile(pattern);
    compiled.set(pattern, known);
  }
  return known;
}

/** The same for the pattern of a schema, which has a bound of its own. `test` finds it anywhere in a text. */
export function userRegExp(pattern: string): Pick<RE2JS, 'test'> {
  if (pattern.length > maxLength) throw new Error(`error parsing regexp: expression is longer than ${maxLength}`);
  return compileRegExp(pattern);
}
