// The rules in CEL of a custom resource, compiled once and run over each object.
// https://kubernetes.io/docs/tasks/extend-kubernetes/custom-resources/custom-resource-definitions/#validation-rules
import {
  type CompiledRule,
  compileRule,
  declOf,
} from '../../api/apiextensions/customresourcedefinition/compiled-rules.ts';
import type { JSONSchemaProps, ValidationRule } from '../../api/apiextensions/customresourcedefinition/json-schema.ts';
import { itemsOf, valuesOf } from '../../api/apiextensions/customresourcedefinition/schema-walk.ts';
import { childPath, correlate } from '../../api/apiextensions/customresourcedefinition/value-validation.ts';
import type { Program } from '../../machinery/cel/cel.ts';
import type { DeclType } from '../../machinery/cel/decl-type.ts';
import { readJson } from '../../machinery/cel/json-values.ts';
import { maxMessageExpressionBytes, perCallCostLimit, runtimeCostBudget } from '../../machinery/cel/limits.ts';
import { noneOptional, Optional } from '../../machinery/cel/values.ts';
import { type FieldError, forbidden, required } from '../../machinery/field-error.ts';
import { isObject, jsonEqual } from '../../machinery/json.ts';
import type { KubeObject } from '../../machinery/metadata.ts';

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
}

/** Compiles the rules of a schema; what cannot be compiled was refused with its definition, and is left out. */
export function compileRules(props: JSONSchemaProps): (object: KubeObject, old?: KubeObject) => FieldError[] {
  const root = nodeOf(props, true);
  return (object, old) => {
    const run: Run = { errors: [], budget: runtimeCostBudget };
    if (root) visit(root, { path: '', value: object, old }, run);
    return run.errors;
  };
}

function nodeOf(schema: JSONSchemaProps, isResource: boolean): RuleNode | undefined {
  const own = schema['x-kubernetes-validations'] ?? [];
  const self = own.length > 0 ? declOf(schema, isResource) : undefined;
  const rules = own.flatMap((rule) => {
    const compiled = self && compileRule(rule, self);
    return compiled?.ok ? [compiled.rule] : [];
  });
  const properties = Object.entries(schema.properties ?? {}).flatMap(([key, property]): [string, RuleNode][] => {
    const node = nodeOf(property, property['x-kubernetes-embedded-resource'] === true);
    return node ? [[key, node]] : [];
  });
  const [values, items] = [valuesOf(schema), itemsOf(schema)].map((one) => one && nodeOf(one, false));
  if (rules.length === 0 && properties.length === 0 && !values && !items) return undefined;
  return { schema, self, rules, properties, values, items };
}

function visit(node: RuleNode, place: Place, run: Run): void {
  const { path, value, old } = place;
  if (run.budget < 0 || value === undefined) return;
  if (!(value === null && !node.schema.nullable)) {
    for (const rule of node.rules) {
      runRule(rule, node, place, run);
      if (run.budget < 0) return;
    }
  }
  if (Array.isArray(value) && node.items) {
    const before = correlate(node.schema, Array.isArray(old) ? old : []);
    for (const [i, item] of value.entries()) {
      visit(node.items, { path: `${path}[${i}]`, value: item, old: before(item) }, run);
    }
  }
  if (!isObject(value)) return;
  const before = (key: string) => (isObject(old) && Object.hasOwn(old, key) ? old[key] : undefined);
  for (const [key, property] of node.properties) {
    if (!Object.hasOwn(value, key)) continue;
    visit(property, { path: childPath(path, key), value: value[key], old: before(key) }, run);
  }
  if (!node.values) return;
  for (const key of Object.keys(value)) {
    visit(node.values, { path: childPath(path, key), value: value[key], old: before(key) }, run);
  }
}

function oldSelfOf({ optionalOldSelf }: ValidationRule, self: DeclType | undefined, old: unknown): object {
  if (!optionalOldSelf) return old === undefined ? {} : { oldSelf: old };
  return { oldSelf: old === undefined || !self ? noneOptional : new Optional(readJson(old, self)) };
}

function runRule(compiled: CompiledRule, { schema, self }: RuleNode, { path, value, old }: Place, run: Run): void {
  const { rule, program, isTransition } = compiled;
  if (isTransition && old === undefined) return;
  // What did not change may stay as it is, whatever rules say now.
  if (!isTransition && !rule.optionalOldSelf && old !== undefined && jsonEqual(value, old)) return;
  const variables = { self: value, ...oldSelfOf(rule, self, old) };
  const result = evaluate(program, variables, run);
  const fail = (text: string) => run.errors.push(invalidValue(path, `${JSON.stringify(schema.type ?? '')}: ${text}`));
  if (!result.ok) {
    if (result.isOverCost) {
      const over = run.budget < 0 ? 'validation failed due to running out of cost budget' : result.message;
      fail(
        `'${over}': no further validation rules will be run due to call cost exceeds limit for rule: ${nameOf(rule)}`,
      );
      run.budget = -1;
    } else if (result.message.startsWith('no such overload')) {
      const why = 'call arguments did not match a supported operator, function or macro signature for rule';
      fail(`'${result.message}': ${why}: ${nameOf(rule)}`);
    } else fail(`${result.message} evaluating rule: ${nameOf(rule)}`);
  } else if (result.value !== true) {
    run.errors.push(failureOf(rule, messageOf(compiled, variables, run), path));
  }
  if (run.budget < 0 && result.ok) {
    run.errors.push(
      invalidValue(
        path,
        'validation failed due to running out of cost budget, no further validation rules will be run',
      ),
    );
  }
}

function evaluate(program: Program, variables: Record<string, unknown>, run: Run) {
  const result = program.evaluate(variables, { costLimit: Math.min(perCallCostLimit, run.budget) });
  run.budget -= result.cost;
  return result;
}

const nameOf = ({ message, rule }: ValidationRule) => (message || rule).trim();

/** What a failed rule says: of its expression where that gives a text, else its message, else the rule itself. */
function messageOf({ rule, message }: CompiledRule, variables: Record<string, unknown>, run: Run): string {
  const result = message && evaluate(message, variables, run);
  if (result?.ok && typeof result.value === 'string') {
    const text = result.value.trim();
    if (text !== '' && !/[\r\n]/.test(text) && Buffer.byteLength(text) <= maxMessageExpressionBytes) return text;
  }
  return rule.message ? rule.message.trim() : `failed rule: ${rule.rule.trim()}`;
}

const invalidValue = (field: string, text: string): FieldError => ({
  type: 'Invalid',
  field: field === '' ? '<nil>' : field,
  detail: `Invalid value: ${text}`,
});

function failureOf({ reason, fieldPath = '' }: ValidationRule, text: string, path: string): FieldError {
  const at = path === '' ? fieldPath.replace(/^\./, '') : `${path}${fieldPath}`;
  switch (reason) {
    case 'FieldValueForbidden':
      return forbidden(at, text);
    case 'FieldValueRequired':
      return required(at, text);
    case 'FieldValueDuplicate':
      return { type: 'Duplicate', field: at, detail: `Duplicate value: ${text}` };
    default:
      return invalidValue(at, text);
  }
}
