// What names stand for: within the container first, then outside of it.
import type { Meaning } from './ast.ts';
import type { FunctionDecl } from './decls.ts';
import type { Env } from './env.ts';
import { type CelType, t } from './types.ts';
import { TypeValue } from './values.ts';

/** The names that a name may stand for, the most specific first: within `a.b`, `x` is `a.b.x`, `a.x`, `x`. */
export function candidateNames(container: string, name: string): string[] {
  if (name.startsWith('.')) return [name.slice(1)];
  const names = [name];
  for (let scope = container; scope !== ''; scope = scope.slice(0, Math.max(0, scope.lastIndexOf('.')))) {
    names.splice(names.length - 1, 0, `${scope}.${name}`);
  }
  return names;
}

/** Finds what a qualified name means among variables and types. */
export function lookUpName(env: Env, name: string): { meaning: Meaning; type: CelType } | undefined {
  for (const candidate of candidateNames(env.container, name)) {
    const variable = env.variables.get(candidate);
    if (variable !== undefined) return { meaning: { kind: 'variable', name: candidate }, type: variable.type };
    const type = env.types.get(candidate) ?? env.options.resolveType?.(candidate);
    if (type !== undefined) return { meaning: { kind: 'value', value: new TypeValue(type) }, type: t.typeOf(type) };
    const constant = env.options.constants?.[candidate];
    if (constant !== undefined) return { meaning: { kind: 'value', value: constant }, type: t.int };
  }
  return undefined;
}

/** The function of a name as it is called within the container. */
export function lookUpFunction(env: Env, name: string): FunctionDecl | undefined {
  for (const candidate of candidateNames(env.container, name)) {
    const found = env.functions.get(candidate);
    if (found !== undefined) return found;
  }
  return undefined;
}
