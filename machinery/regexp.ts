// Regular expressions that users write: in the syntax of Go's RE2, matched in time linear in the text. A backtracking
// engine could be kept busy for hours by a few characters.
import { RE2JS } from 're2js';

/** Longest expression that is taken, in characters: what is compiled grows with it. */
const maxLength = 10_000;

export interface UserRegExp {
  /** Whether the expression is found anywhere in the text. */
  test(text: string): boolean;
}

const compiled = new Map<string, UserRegExp>();
const maxCompiled = 1_000;

/** Compiles an expression, once while it is in use. Throws an Error with what is wrong with it. */
export function userRegExp(pattern: string): UserRegExp {
  const known = compiled.get(pattern);
  if (known) return known;
  if (pattern.length > maxLength) throw new Error(`error parsing regexp: expression is longer than ${maxLength}`);
  const program = RE2JS.compile(pattern);
  const made: UserRegExp = { test: (text) => program.matcher(text).find() };
  // The oldest makes room.
  if (compiled.size >= maxCompiled) compiled.delete(compiled.keys().next().value!);
  compiled.set(pattern, made);
  return made;
}
