// Expressions of webhooks and policies: compiled when an object is written, so that what is stored can run.
// Upstream: the compiler in apiserver's admission/plugin/cel. https://kubernetes.io/docs/reference/using-api/cel/
import { compile } from '../../machinery/cel/cel.ts';
import { type PolicyEnvOptions, policyEnv } from '../../machinery/cel/kubernetes-env.ts';
import { type CelType, formatType, t } from '../../machinery/cel/types.ts';
import { append, type FieldError, invalid } from '../../machinery/field-error.ts';

/** What an expression may give; absent: anything. */
type ResultTypes = readonly string[] | undefined;

interface Compiled {
  errors: FieldError[];
  type: CelType;
}

/** Compiles an expression; its errors, and the type that others may know it by. */
function compileExpression(text: string, env: PolicyEnvOptions, results: ResultTypes, path: string): Compiled {
  const compiled = compile(text, policyEnv(env));
  if (!compiled.ok) return { errors: [invalid(path, text, `compilation failed: ${compiled.issues}`)], type: t.dyn };
  const given = formatType(compiled.type);
  if (!results || results.includes(given)) return { errors: [], type: compiled.type };
  const why =
    results.length === 1 ? `must evaluate to ${results[0]}` : `must evaluate to one of [${results.join(' ')}]`;
  return { errors: [invalid(path, text, why)], type: compiled.type };
}

export const checkExpression = (text: string, env: PolicyEnvOptions, results: ResultTypes, path: string) =>
  compileExpression(text, env, results, path).errors;

interface NamedExpression {
  name: string;
  expression: string;
}

/** Variables of a policy, each of which knows those before it. */
export function checkVariables(
  variables: readonly NamedExpression[],
  env: PolicyEnvOptions,
  path: string,
): { errors: FieldError[]; types: ReadonlyMap<string, CelType> } {
  const types = new Map<string, CelType>();
  const errors: FieldError[] = [];
  for (const [i, { name, expression }] of variables.entries()) {
    if (expression.trim() === '') continue;
    const at = `${path}[${i}].expression`;
    const found = compileExpression(expression, { ...env, variables: types }, undefined, at);
    append(errors, found.errors);
    types.set(name, found.type);
  }
  return { errors, types };
}
