// Literals whose text must mean something: `duration('1x')` is wrong wherever it is evaluated. Upstream: cel-go's
// cel/validator.go, and programs that cannot be made.
import type { CallExpr } from './ast.ts';
import type { Issue } from './errors.ts';
import { isRegex } from './regex.ts';
import { parseDuration, parseTimestamp } from './time.ts';

const literalParsers: Record<string, (text: string) => boolean> = {
  duration: (text) => parseDuration(text) !== undefined,
  timestamp: (text) => parseTimestamp(text) !== undefined,
  matches: isRegex,
  find: isRegex,
  findAll: isRegex,
};

export function literalIssue(call: CallExpr): Issue | undefined {
  const isValid = literalParsers[call.name];
  const arg = call.name === 'findAll' ? call.args[0] : call.args.at(-1);
  if (isValid === undefined || arg?.kind !== 'const' || typeof arg.value !== 'string' || isValid(arg.value)) {
    return undefined;
  }
  return { at: arg.at, message: `invalid ${call.name} argument` };
}
