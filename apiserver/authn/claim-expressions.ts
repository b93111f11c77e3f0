// Expressions in CEL over the claims of an ID token, and over the user that they make. Upstream: authentication/cel.
// https://kubernetes.io/docs/reference/access-authn-authz/authentication/#using-authentication-configuration
import { compile, type Program } from '../../machinery/cel/cel.ts';
import { decl } from '../../machinery/cel/decl-type.ts';
import type { Env } from '../../machinery/cel/env.ts';
import { kubernetesEnv } from '../../machinery/cel/kubernetes-env.ts';
import { formatType } from '../../machinery/cel/types.ts';
import { CelList, type Value } from '../../machinery/cel/values.ts';
import { type FieldError, invalid } from '../../machinery/field-error.ts';
import { CredentialsError } from './authenticator.ts';
import type { Claims } from './claim-mapping.ts';
import type { UserInfo } from './user.ts';

const text = decl.string();
const userDecl = decl.object('kubernetes.UserInfo', () =>
  Object.entries({
    username: text,
    uid: text,
    groups: decl.list(text),
    extra: decl.map(decl.list(text)),
  }),
);
const claimsEnv = kubernetesEnv({ variables: { claims: decl.map(decl.dyn()) } });
const userEnv = kubernetesEnv({ variables: { user: userDecl } });
const strings = ['string', 'list(string)', 'list(dyn)', 'dyn', 'null_type'];

/** What an expression may give. */
const results = {
  text: ['string', 'dyn'],
  texts: strings,
  bool: ['bool', 'dyn'],
} as const;

/** Why an expression over claims, or over the user, cannot be used. */
export function checkClaimExpression(
  expression: string,
  { over = 'claims', gives, path }: { over?: 'claims' | 'user'; gives: keyof typeof results; path: string },
): FieldError[] {
  const compiled = compile(expression, envOf(over));
  if (!compiled.ok) return [invalid(path, expression, `compilation failed: ${compiled.issues}`)];
  const given = formatType(compiled.type);
  if ((results[gives] as readonly string[]).includes(given)) return [];
  const wanted = gives === 'texts' ? 'string or list(string)' : gives === 'text' ? 'string' : 'bool';
  return [invalid(path, expression, `must evaluate to ${wanted}`)];
}

const envOf = (over: 'claims' | 'user'): Env => (over === 'claims' ? claimsEnv : userEnv);

function programOf(expression: string, over: 'claims' | 'user' = 'claims'): Program {
  const compiled = compile(expression, envOf(over));
  if (!compiled.ok) throw new Error(`${expression}: ${compiled.issues}`);
  return compiled.program;
}

function evaluate(program: Program, variables: Record<string, unknown>, what: string): Value {
  const outcome = program.evaluate(variables);
  if (!outcome.ok) throw new CredentialsError(`oidc: error evaluating ${what}: ${outcome.message}`);
  return outcome.value;
}

export function textOf(expression: string, what: string): (claims: Claims) => string {
  const program = programOf(expression);
  return (claims) => {
    const value = evaluate(program, { claims }, `${what} claim expression`);
    if (typeof value === 'string') return value;
    throw new CredentialsError(`oidc: error evaluating ${what} claim expression: it must return a string`);
  };
}

/** A string or a list of strings; nothing is none. */
export function textsOf(expression: string, what: string): (claims: Claims) => string[] {
  const program = programOf(expression);
  return (claims) => {
    const value = evaluate(program, { claims }, `${what} claim expression`);
    const list = value instanceof CelList ? Array.from({ length: value.size }, (_, i) => value.at(i)) : [value];
    return list.flatMap((one) => {
      if (one === null || one === '') return [];
      if (typeof one === 'string') return [one];
      throw new CredentialsError(`oidc: error evaluating ${what} claim expression: it must return strings`);
    });
  };
}

export interface Rule {
  expression: string;
  message?: string | undefined;
}

function demand(rules: readonly Rule[], over: 'claims' | 'user', what: string) {
  const compiled = rules.map((rule) => ({ ...rule, program: programOf(rule.expression, over) }));
  return (variables: Record<string, unknown>): void => {
    for (const { program, expression, message } of compiled) {
      if (evaluate(program, variables, what) === true) continue;
      const why = message ? `: ${message}` : '';
      throw new CredentialsError(`oidc: error evaluating ${what}: validation expression '${expression}' failed${why}`);
    }
  };
}

/** Throws CredentialsError for the first rule that the claims do not fulfil. */
export function claimRules(rules: readonly Rule[]): (claims: Claims) => void {
  const check = demand(rules, 'claims', 'claim validation expression');
  return (claims) => check({ claims });
}

export function userRules(rules: readonly Rule[]): (user: UserInfo) => void {
  const check = demand(rules, 'user', 'user info validation rule');
  return ({ username, uid = '', groups, extra = {} }) => check({ user: { username, uid, groups: [...groups], extra } });
}
