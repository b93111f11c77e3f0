// Conditions in CEL that a request must fulfil before a webhook is asked. Upstream: apiserver's
// admission/plugin/webhook/matchconditions.
import { LRUCache } from 'lru-cache';
import { type MatchCondition, webhookEnv } from '../../../api/admissionregistration/match.ts';
import { compile, type Program } from '../../../machinery/cel/cel.ts';
import { policyEnv } from '../../../machinery/cel/kubernetes-env.ts';
import {
  type AuthorizationQuestion,
  authorizerValue,
  requestResourceValue,
} from '../../../machinery/cel/lib/authorizer.ts';
import { matchConditionsCostBudget } from '../../../machinery/cel/limits.ts';
import { serviceAccountUser } from '../../authn/user.ts';
import type { AdmissionDeps, AdmissionRequest } from '../plugin.ts';

const programs = new LRUCache<string, Program | string>({ max: 1000 });
const env = policyEnv(webhookEnv);

/** The program of an expression, or why there is none: what is stored was compiled before, but perhaps by another version. */
function programOf(expression: string): Program | string {
  let program = programs.get(expression);
  if (program === undefined) {
    const compiled = compile(expression, env);
    program = compiled.ok ? compiled.program : `compilation failed: ${compiled.issues}`;
    programs.set(expression, program);
  }
  return program;
}

/** Variables of expressions: the review of the request, and who may do what. */
export function variablesOf(
  review: any,
  request: AdmissionRequest,
  { authorizer }: AdmissionDeps,
): Record<string, unknown> {
  const { object, oldObject, ...rest } = review.request;
  const ask = async ({ serviceAccount, path, ...question }: AuthorizationQuestion) => {
    const user = serviceAccount ? serviceAccountUser(serviceAccount.namespace, serviceAccount.name, '') : request.user;
    const isResource = path === undefined;
    const blank = { group: '', version: '', resource: '', subresource: '', namespace: '', name: '' };
    const { allowed, reason, error } = await authorizer.authorize({
      ...blank,
      ...question,
      user,
      isResource,
      path: path ?? '',
    });
    return { isAllowed: allowed, reason, ...(error === undefined ? {} : { error }) };
  };
  const { kind, subresource, namespace, name } = request;
  const own = { group: kind.group, resource: kind.plural, subresource, namespace, name };
  return {
    object,
    oldObject,
    request: rest,
    authorizer: authorizerValue(ask),
    'authorizer.requestResource': requestResourceValue(ask, own),
  };
}

/** Whether all conditions hold; a text says why that cannot be told. One that is false decides, whatever others do. */
export async function matchesConditions(
  conditions: readonly MatchCondition[],
  review: object,
  request: AdmissionRequest,
  deps: AdmissionDeps,
): Promise<boolean | string> {
  if (conditions.length === 0) return true;
  const compiled = conditions.map(({ expression }) => {
    const text = expression.trim();
    return { expression: text, program: programOf(text) };
  });
  return holdAll(compiled, variablesOf(review, request, deps));
}

/** An expression, and its program or why it has none. */
export interface CompiledExpression {
  expression: string;
  program: Program | string;
}

/** The same of conditions that are compiled. */
export async function holdAll(
  conditions: readonly CompiledExpression[],
  variables: Record<string, unknown>,
): Promise<boolean | string> {
  const errors: string[] = [];
  let budget = matchConditionsCostBudget;
  for (const { expression, program } of conditions) {
    if (typeof program === 'string') {
      errors.push(program);
      continue;
    }
    const outcome = await program.evaluateAsync(variables, { costLimit: budget });
    budget -= outcome.cost;
    if (!outcome.ok) errors.push(`expression '${expression}' resulted in error: ${outcome.message}`);
    else if (outcome.value === false) return false;
  }
  if (errors.length === 0) return true;
  return errors.length === 1 ? errors[0]! : `[${errors.join(', ')}]`;
}
