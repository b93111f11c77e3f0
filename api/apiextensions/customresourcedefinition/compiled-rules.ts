// The rules in CEL of a schema, compiled. What is wrong with them is told when the definition is written; later they run
// over every custom resource. Upstream: apiextensions-apiserver's schema/cel/compilation.go.
import { compile, type Program } from '../../../machinery/cel/cel.ts';
import { declFromOpenApi, type OpenApiSchema } from '../../../machinery/cel/decl-openapi.ts';
import type { DeclType } from '../../../machinery/cel/decl-type.ts';
import { crdEnv } from '../../../machinery/cel/kubernetes-env.ts';
import { staticCostLimit, staticCrdCostLimit } from '../../../machinery/cel/limits.ts';
import { type FieldError, forbidden, invalid } from '../../../machinery/field-error.ts';
import type { JSONSchemaProps, ValidationRule } from './json-schema.ts';
import { itemsOf, valuesOf } from './schema-walk.ts';

export interface CompiledRule {
  rule: ValidationRule;
  program: Program;
  /** It compares with the old value, and does not run where there is none. */
  isTransition: boolean;
  message: Program | undefined;
  /** The largest estimated costs of one run. */
  cost: number;
  messageCost: number;
}

interface RuleProblem {
  /** `rule`, `messageExpression` or `optionalOldSelf`. */
  field: string;
  detail: string;
}

/** What CEL knows of the values of a schema; undefined where it cannot see them. */
export const declOf = (schema: JSONSchemaProps, isResource: boolean): DeclType | undefined =>
  declFromOpenApi(schema as OpenApiSchema, 'selfType', isResource);

type Compiled = { ok: true; rule: CompiledRule } | { ok: false; problem: RuleProblem };
type OldSelf = 'none' | 'value' | 'optional';

const oldSelfUnused: RuleProblem = {
  field: 'optionalOldSelf',
  detail: 'may not be set if oldSelf is not used in rule',
};

/** Compiles a rule on values of a schema. */
export function compileRule(rule: ValidationRule, self: DeclType): Compiled {
  const wrong = (field: string, detail: string): Compiled => ({ ok: false, problem: { field, detail } });
  let old: OldSelf = rule.optionalOldSelf ? 'optional' : 'none';
  let compiled = compile(rule.rule, crdEnv(self, old));
  if (!compiled.ok && old === 'none' && rule.rule.includes('oldSelf')) {
    old = 'value';
    compiled = compile(rule.rule, crdEnv(self, old));
  }
  if (!compiled.ok) return wrong('rule', `compilation failed: ${compiled.issues}`);
  if (compiled.type.kind !== 'bool') return wrong('rule', 'cel expression must evaluate to a bool');
  if (rule.optionalOldSelf !== undefined && compile(rule.rule, crdEnv(self, 'none')).ok) {
    return { ok: false, problem: oldSelfUnused };
  }
  let message: Program | undefined;
  let messageCost = 0;
  if (rule.messageExpression) {
    const text = compile(rule.messageExpression, crdEnv(self, old));
    if (!text.ok) return wrong('messageExpression', `messageExpression compilation failed: ${text.issues}`);
    if (text.type.kind !== 'string') return wrong('messageExpression', 'messageExpression must evaluate to a string');
    message = text.program;
    messageCost = text.cost.max;
  }
  const isTransition = old === 'value';
  return {
    ok: true,
    rule: { rule, program: compiled.program, isTransition, message, cost: compiled.cost.max, messageCost },
  };
}

const unbounded = Number.POSITIVE_INFINITY;

interface Place {
  path: string;
  /** How many such values one object may have. */
  cardinality: number;
  /** The list whose items cannot be told apart, or the atomic map, where the place is in one. */
  uncorrelatable: string | undefined;
  isRoot?: boolean;
}

interface Costs {
  errors: FieldError[];
  /** Where something is wrong with the schema itself, in order: rules above such a place are not looked at. */
  unsound: readonly string[];
  total: number;
  /** What each rule adds to the total. */
  shares: { path: string; cost: number }[];
}

/** What is wrong with the rules of a whole schema: each by itself, and all together by their cost. */
export function checkRules(schema: JSONSchemaProps, path: string, unsound: readonly FieldError[] = []): FieldError[] {
  const costs: Costs = { errors: [], unsound: unsound.map(({ field }) => field).sort(), total: 0, shares: [] };
  visit(schema, { path, cardinality: 1, uncorrelatable: undefined, isRoot: true }, costs);
  if (costs.total <= staticCrdCostLimit) return costs.errors;
  const why = 'contributed to estimated rule cost total exceeding cost limit for entire OpenAPIv3 schema';
  const worst = [...costs.shares].sort((a, b) => b.cost - a.cost).slice(0, 4);
  const name = 'x-kubernetes-validations estimated rule cost total for entire OpenAPIv3 schema';
  const culprits = worst.filter(({ cost }) => cost > staticCrdCostLimit / 100).map((one) => forbidden(one.path, why));
  return [...costs.errors, ...culprits, forbidden(path, costMessage(name, costs.total, staticCrdCostLimit))];
}

/** The texts are sorted: those that start so come next after `start` itself. */
function someStartsWith(texts: readonly string[], start: string): boolean {
  let [low, high] = [0, texts.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if (texts[middle]! < start) low = middle + 1;
    else high = middle;
  }
  return texts[low]?.startsWith(start) ?? false;
}

function visit(schema: JSONSchemaProps, place: Place, costs: Costs): void {
  const { path, cardinality, uncorrelatable } = place;
  const given = schema['x-kubernetes-validations'] ?? [];
  const rules = given.length > 0 && someStartsWith(costs.unsound, path) ? [] : given;
  const self =
    rules.length > 0 ? declOf(schema, place.isRoot || schema['x-kubernetes-embedded-resource'] === true) : undefined;
  for (const [i, rule] of rules.entries()) {
    if (self && rule.rule.trim() !== '') {
      checkRule(rule, self, { ...place, path: `${path}.x-kubernetes-validations[${i}]` }, costs);
    }
  }
  const { 'x-kubernetes-map-type': mapType = 'granular' } = schema;
  const within = uncorrelatable ?? (['granular', 'atomic'].includes(mapType) ? undefined : path);
  for (const [key, property] of Object.entries(schema.properties ?? {})) {
    visit(property, { path: `${path}.properties[${key}]`, cardinality, uncorrelatable: within }, costs);
  }
  const below = { uncorrelatable };
  const values = valuesOf(schema);
  const many = (max: number | undefined) =>
    cardinality === 0 ? 0 : cardinality * (max ?? declOf(schema, false)?.maxElements ?? unbounded);
  if (values) {
    const at = `${path}.additionalProperties`;
    visit(values, { ...below, path: at, cardinality: many(schema.maxProperties) }, costs);
  }
  const items = itemsOf(schema);
  if (items) {
    const isMap = schema['x-kubernetes-list-type'] === 'map';
    const list = { ...below, uncorrelatable: uncorrelatable ?? (isMap ? undefined : path) };
    visit(items, { ...list, path: `${path}.items`, cardinality: many(schema.maxItems) }, costs);
  }
}

function checkRule(rule: ValidationRule, self: DeclType, place: Place, costs: Costs): void {
  const compiled = compileRule(rule, self);
  if (!compiled.ok) {
    // What does not compile uses nothing.
    const usesNothing = compiled.problem.field === 'rule' && rule.optionalOldSelf !== undefined;
    for (const { field, detail } of usesNothing ? [compiled.problem, oldSelfUnused] : [compiled.problem]) {
      const shown = field === 'optionalOldSelf' ? rule.optionalOldSelf : shownRule(rule);
      costs.errors.push(invalid(`${place.path}.${field}`, shown, detail));
    }
    return;
  }
  const { isTransition, cost, messageCost } = compiled.rule;
  if ((isTransition || rule.optionalOldSelf) && place.uncorrelatable !== undefined) {
    const why = `oldSelf cannot be used on the uncorrelatable portion of the schema within ${place.uncorrelatable}`;
    costs.errors.push(invalid(`${place.path}.rule`, rule.rule, why));
  }
  for (const [field, name, one] of [
    ['rule', 'estimated rule cost', cost],
    ['messageExpression', 'estimated messageExpression cost', messageCost],
  ] as const) {
    const all = one * place.cardinality;
    if (all > staticCostLimit) {
      costs.errors.push(forbidden(`${place.path}.${field}`, costMessage(name, all, staticCostLimit)));
    }
    if (one === 0) continue;
    costs.total += all;
    costs.shares.push({ path: `${place.path}.${field}`, cost: all });
  }
}

/** As Kubernetes shows its own form of a rule. */
const shownRule = ({ rule, message, messageExpression, reason, fieldPath, optionalOldSelf }: ValidationRule) => ({
  Rule: rule,
  Message: message ?? '',
  MessageExpression: messageExpression ?? '',
  Reason: reason ?? null,
  FieldPath: fieldPath ?? '',
  OptionalOldSelf: optionalOldSelf ?? null,
});

function costMessage(name: string, cost: number, limit: number): string {
  const factor = cost / limit;
  const shown = factor > 100 ? 'more than 100' : factor < 1.5 ? factor.toFixed(6) : factor.toFixed(1);
  return `${name} exceeds budget by factor of ${shown}x (try simplifying the rule, or adding maxItems, maxProperties, and maxLength where arrays, maps, and strings are declared)`;
}
