// What a validating policy says of one request with one parameter. Upstream: apiserver's
// admission/plugin/policy/validating/validator.go.
import type {
  ValidatingAdmissionPolicySpec,
  Validation,
} from '../../../api/admissionregistration/validatingadmissionpolicy.ts';
import { policyEnv } from '../../../machinery/cel/kubernetes-env.ts';
import { maxMessageExpressionBytes } from '../../../machinery/cel/limits.ts';
import { type CompiledExpression, holdAll } from '../webhooks/match-conditions.ts';
import {
  Budget,
  compilePolicy,
  compileText,
  type Evaluated,
  Evaluator,
  OutOfBudget,
  type PolicyPrograms,
} from './programs.ts';

interface Rule {
  validation: Validation;
  condition: CompiledExpression;
  message: CompiledExpression | undefined;
}

export interface ValidatingPrograms extends PolicyPrograms {
  rules: readonly Rule[];
  notes: readonly { key: string; value: CompiledExpression }[];
  failurePolicy: string;
}

export function compileValidating(spec: ValidatingAdmissionPolicySpec): ValidatingPrograms {
  const programs = compilePolicy(spec);
  const env = policyEnv(programs.env);
  const silent = policyEnv({ ...programs.env, hasAuthorizer: false });
  return {
    ...programs,
    rules: (spec.validations ?? []).map((validation) => ({
      validation,
      condition: compileText(validation.expression, env),
      message: validation.messageExpression ? compileText(validation.messageExpression, silent) : undefined,
    })),
    notes: (spec.auditAnnotations ?? []).map(({ key, valueExpression }) => ({
      key,
      value: compileText(valueExpression, env),
    })),
    failurePolicy: spec.failurePolicy ?? 'Fail',
  };
}

/** A rule that is not kept, or that could not be told of. */
export interface Failure {
  index: number;
  message: string;
  /** Absent where the rule could not be told of. */
  reason?: string;
}

export interface Verdict {
  failures: readonly Failure[];
  /** For the audit log: a note each, or why there is none. */
  notes: readonly ({ key: string; value: string } | { error: string })[];
}

const nothing: Verdict = { failures: [], notes: [] };

/** `given`: the variables of the request, with `params`. */
export async function judge(programs: ValidatingPrograms, given: Record<string, unknown>): Promise<Verdict> {
  const isStrict = programs.failurePolicy !== 'Ignore';
  const fail = (message: string): Verdict => (isStrict ? { failures: [{ index: 0, message }], notes: [] } : nothing);
  const matches = await holdAll(programs.conditions, given);
  if (typeof matches === 'string') return fail(matches);
  if (!matches) return nothing;
  const evaluator = new Evaluator(programs, given);
  try {
    const failures = await findFailures(programs.rules, evaluator, isStrict);
    return { failures, notes: await takeNotes(programs.notes, evaluator, isStrict) };
  } catch (err) {
    if (err instanceof OutOfBudget) return fail(err.message);
    throw err;
  }
}

async function findFailures(rules: readonly Rule[], evaluator: Evaluator, isStrict: boolean): Promise<Failure[]> {
  const budget = new Budget();
  const failures: Failure[] = [];
  const broken: Rule[] = [];
  for (const [index, rule] of rules.entries()) {
    const outcome = await evaluator.evaluate(rule.condition, budget);
    if (outcome.ok && outcome.value === true) continue;
    if (outcome.ok) failures.push({ index, message: '', reason: rule.validation.reason ?? 'Invalid' });
    else if (isStrict) failures.push({ index, message: outcome.error });
    else continue;
    broken.push(rule);
  }
  for (const [i, failure] of failures.entries()) {
    if (failure.reason === undefined) continue;
    const { validation, message } = broken[i]!;
    try {
      failure.message = messageOf(validation, message && (await evaluator.evaluate(message, budget)));
    } catch (err) {
      if (!(err instanceof OutOfBudget)) throw err;
      return isStrict ? [{ index: failure.index, message: `failed messageExpression: ${err.message}` }] : [];
    }
  }
  return failures;
}

/** The text of a failure: what its expression gives, if that is a line of text, its own, or the rule itself. */
function messageOf({ message, expression }: Validation, given: Evaluated | undefined): string {
  const text = given?.ok && typeof given.value === 'string' ? given.value.trim() : '';
  const isFit = text !== '' && Buffer.byteLength(text) <= maxMessageExpressionBytes && !text.includes('\n');
  if (isFit) return text;
  return message?.trim() || `failed expression: ${expression.trim()}`;
}

async function takeNotes(
  notes: ValidatingPrograms['notes'],
  evaluator: Evaluator,
  isStrict: boolean,
): Promise<Verdict['notes']> {
  const budget = new Budget();
  const taken: Verdict['notes'][number][] = [];
  for (const { key, value } of notes) {
    const outcome = await evaluator.evaluate(value, budget);
    if (!outcome.ok) {
      if (isStrict) taken.push({ error: outcome.error });
    } else if (typeof outcome.value === 'string' && outcome.value.trim() !== '') {
      taken.push({ key, value: outcome.value.trim() });
    }
  }
  return taken;
}
