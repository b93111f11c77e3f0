// The rules in CEL of a custom resource, compiled once and run over each object.
// https://kubernetes.io/docs/tasks/extend-kubernetes/custom-resources/custom-resource-definitions/#validation-rules

import type { Program } from '../../../machinery/cel/cel.ts';
import type { DeclType } from '../../../machinery/cel/decl-type.ts';
import { readJson } from '../../../machinery/cel/json-values.ts';
import { maxMessageExpressionBytes, perCallCostLimit, runtimeCostBudget } from '../../../machinery/cel/limits.ts';
import { noneOptional, Optional } from '../../../machinery/cel/values.ts';
import { duplicate, type FieldError, forbidden, invalid, required } from '../../../machinery/field-error.ts';
import { isObject, jsonEqual } from '../../../machinery/json.ts';
import { type CompiledRule, compileRule, declOf } from './compiled-rules.ts';
import { findField } from './field-path.ts';
import type { JSONSchemaProps, ValidationRule } from './json-schema.ts';
import { childPath, itemsOf, valuesOf } from './schema-walk.ts';
import { correlate } from './value-validation.ts';

/** A schema with its rules, as far down as there are any. */
interface RuleNode {
  schema: JSONSchemaProps;
  self: DeclType | undefined;
  rules: CompiledRule[];
  properties: [string, RuleNode][];
  values: RuleNode | undefined;
  items: RuleNode | undefined;
}

interface Run {
  errors: FieldError[];
  budget: number;
}

interface Place {
  path: string;
  value: unknown;
  old: unknown;
  /** It is as it was, or in something that is: what rules say of it now is only a warning. */
  isAsBefore(): boolean;
}

/** Compiles the rules of a schema; what cannot be compiled was refused with its definition, and is left out. */
export function compileRules(
  props: JSONSchemaProps,
  isResource = true,
): (value: unknown, old?: unknown, path?: string) => FieldError[] {
  const root = nodeOf(props, isResource);
  return (value, old, path = '') => {
    const run: Run = { errors: [], budget: runtimeCostBudget };
    if (root) visit(root, { path, value, old, isAsBefore: () => old !== undefined && jsonEqual(value, old) }, run);
    return run.errors;
  };
}

function nodeOf(schema: JSONSchemaProps, isResource: boolean): RuleNode | undefined {
  const own = schema['x-kubernetes-validations'] ?? [];
  const self = own.length > 0 ? declOf(schema, isResource) : undefined;
  const rules = own.flatMap((rule) => (self && compileRule(rule, self).rule) ?? []);
  const properties = Object.entries(schema.properties ?? {}).flatMap(([key, property]): [string, RuleNode][] => {
    const node = nodeOf(property, isEmbedded(property));
    return node ? [[key, node]] : [];
  });
  const [values, items] = [valuesOf(schema), itemsOf(schema)].map((one) => one && nodeOf(one, isEmbedded(one)));
  if (rules.length === 0 && properties.length === 0 && !values && !items) return undefined;
  return { schema, self, rules, properties, values, items };
}

const isEmbedded = (schema: JSONSchemaProps) => schema['x-kubernetes-embedded-resource'] === true;

/** Of null rules say nothing: those above can. */
function visit(node: RuleNode, place: Place, run: Run): void {
  const { path, value, old } = place;
  if (run.budget < 0 || value === undefined || value === null) return;
  for (const rule of node.rules) {
    runRule(rule, node, place, run);
    if (run.budget < 0) return;
  }
  const below = (child: RuleNode, at: string, part: unknown, before: unknown) => {
    const isAsBefore = () => place.isAsBefore() || (before !== undefined && jsonEqual(part, before));
    visit(child, { path: at, value: part, old: before, isAsBefore }, run);
  };
  if (Array.isArray(value) && node.items) {
    const before = correlate(node.schema, Array.isArray(old) ? old : []);
    for (const [i, item] of value.entries()) below(node.items, `${path}[${i}]`, item, before(item));
  }
  if (!isObject(value)) return;
  const before = (key: string) => (isObject(old) && Object.hasOwn(old, key) ? old[key] : undefined);
  if (node.values) for (const key in value) below(node.values, `${path}[${key}]`, value[key], before(key));
  for (const [key, property] of node.properties) {
    if (Object.hasOwn(value, key)) below(property, childPath(path, key), value[key], before(key));
  }
}

function oldSelfOf({ optionalOldSelf }: ValidationRule, self: DeclType | undefined, old: unknown): object {
  if (!optionalOldSelf) return old === undefined ? {} : { oldSelf: old };
  return { oldSelf: old === undefined || !self ? noneOptional : new Optional(readJson(old, self)) };
}

const outOfBudget = 'running out of cost budget, no further validation rules will be run';

function runRule(compiled: CompiledRule, { schema, self }: RuleNode, place: Place, run: Run): void {
  const { rule, program, isTransition } = compiled;
  const { path, value, old } = place;
  if (isTransition && old === undefined) return;
  const fail = (text: string) => run.errors.push(invalidValue(path, `${JSON.stringify(schema.type ?? '')}: ${text}`));
  const failForGood = (text: string) => {
    fail(text);
    run.budget = -1;
  };
  const variables = { self: value, ...oldSelfOf(rule, self, old) };
  const result = run.budget > 0 && evaluate(program, variables, run);
  if (!result) failForGood(`validation failed due to ${outOfBudget}`);
  else if (!result.ok && result.isOverCost) {
    const why = 'no further validation rules will be run due to call cost exceeds limit for rule';
    failForGood(`'${result.message}': ${why}: ${nameOf(rule)}`);
  } else if (!result.ok && result.message.startsWith('no such overload')) {
    const why = 'call arguments did not match a supported operator, function or macro signature for rule';
    fail(`'${result.message}': ${why}: ${nameOf(rule)}`);
  } else if (!result.ok) fail(`${result.message} evaluating rule: ${nameOf(rule)}`);
  else if (result.value !== true) {
    const message = messageOf(compiled, variables, run);
    if (typeof message === 'string') {
      const error = failureOf(compiled, schema, message, place);
      const mayStay = !isTransition && !rule.optionalOldSelf && place.isAsBefore();
      run.errors.push(mayStay ? { ...error, isWarning: true } : error);
    } else failForGood(message.problem);
  }
}

/** Undefined where the budget is not enough. */
function evaluate(program: Program, variables: Record<string, unknown>, run: Run) {
  const result = program.evaluate(variables, { costLimit: Math.min(perCallCostLimit, run.budget) });
  if (result.cost > run.budget || (!result.ok && result.isOverCost && run.budget < perCallCostLimit)) return undefined;
  run.budget -= result.cost;
  return result;
}

const nameOf = ({ message, rule }: ValidationRule) => (message || rule).trim();

/** What a failed rule says: of its expression where that gives a text, else its message, else the rule itself. */
function messageOf(
  { rule, message }: CompiledRule,
  variables: Record<string, unknown>,
  run: Run,
): string | { problem: string } {
  if (message) {
    const result = evaluate(message, variables, run);
    if (!result) return { problem: `messageExpression evaluation failed due to ${outOfBudget}` };
    if (!result.ok && result.isOverCost) {
      const why = 'no further validation rules will be run due to call cost exceeds limit for messageExpression';
      return { problem: `${why}: ${JSON.stringify(rule.messageExpression)}` };
    }
    const text = result.ok && typeof result.value === 'string' ? result.value.trim() : '';
    if (text !== '' && !/[\r\n]/.test(text) && Buffer.byteLength(text) <= maxMessageExpressionBytes) return text;
  }
  return rule.message ? rule.message.trim() : `failed rule: ${rule.rule.trim()}`;
}

const invalidValue = (field: string, text: string): FieldError => ({
  type: 'Invalid',
  field: field || '<nil>',
  detail: `Invalid value: ${text}`,
});

/** Scalars are shown, objects and lists are not. */
function failureOf({ rule }: CompiledRule, schema: JSONSchemaProps, text: string, { path, value }: Place): FieldError {
  const found = rule.fieldPath ? findField(rule.fieldPath, schema) : undefined;
  const at = typeof found === 'object' ? childPath(path, found.path) : path;
  const isShown = schema.type !== 'object' && schema.type !== 'array';
  switch (rule.reason) {
    case 'FieldValueForbidden':
      return forbidden(at || '<nil>', text);
    case 'FieldValueRequired':
      return required(at || '<nil>', text);
    case 'FieldValueDuplicate':
      return isShown ? duplicate(at, value) : { type: 'Duplicate', field: at || '<nil>', detail: 'Duplicate value' };
    default:
      return isShown ? invalid(at, value, text) : invalidValue(at, text);
  }
}
