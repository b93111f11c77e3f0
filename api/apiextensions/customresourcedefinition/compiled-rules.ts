// The rules in CEL of a schema, compiled. What is wrong with them is told when the definition is written; later they run
// over every custom resource. Upstream: apiextensions-apiserver's schema/cel/compilation.go.
import { compile, type Program } from '../../../machinery/cel/cel.ts';
import { declFromOpenApi, type OpenApiSchema } from '../../../machinery/cel/decl-openapi.ts';
import type { DeclType } from '../../../machinery/cel/decl-type.ts';
import { crdEnv } from '../../../machinery/cel/kubernetes-env.ts';
import { maxRequestBytes, staticCostLimit, staticCrdCostLimit } from '../../../machinery/cel/limits.ts';
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

/** The rule is undefined where it is no condition; a wrong message or option leaves it what it costs. */
interface Compiled {
  rule?: CompiledRule;
  problems: readonly RuleProblem[];
}
type OldSelf = 'none' | 'value' | 'optional';

const oldSelfUnused: RuleProblem = {
  field: 'optionalOldSelf',
  detail: 'may not be set if oldSelf is not used in rule',
};

/** Compiles a rule on values of a schema. */
export function compileRule(rule: ValidationRule, self: DeclType): Compiled {
  let old: OldSelf = rule.optionalOldSelf ? 'optional' : 'none';
  let compiled = compile(rule.rule, crdEnv(self, old));
  if (!compiled.ok && old === 'none' && rule.rule.includes('oldSelf')) {
    old = 'value';
    compiled = compile(rule.rule, crdEnv(self, old));
  }
  const problems: RuleProblem[] = [];
  let made: CompiledRule | undefined;
  if (!compiled.ok) problems.push({ field: 'rule', detail: `compilation failed: ${compiled.issues}` });
  else if (compiled.type.kind !== 'bool')
    problems.push({ field: 'rule', detail: 'cel expression must evaluate to a bool' });
  else {
    const { program, cost } = compiled;
    made = { rule, program, isTransition: old === 'value', message: undefined, cost: cost.max, messageCost: 0 };
    if (rule.messageExpression) {
      const text = compile(rule.messageExpression, crdEnv(self, old));
      const wrong = text.ok
        ? 'messageExpression must evaluate to a string'
        : `messageExpression compilation failed: ${text.issues}`;
      if (text.ok && text.type.kind === 'string') made = { ...made, message: text.program, messageCost: text.cost.max };
      else problems.push({ field: 'messageExpression', detail: wrong });
    }
  }
  // What does not compile uses nothing.
  if (rule.optionalOldSelf !== undefined && (!made || compile(rule.rule, crdEnv(self, 'none')).ok))
    problems.push(oldSelfUnused);
  return { ...(made && { rule: made }), problems };
}

interface Place {
  path: string;
  /** How many such values one object may have; undefined below a list or map without a bound. */
  cardinality: number | undefined;
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
  if (rules.length > 0 && self === undefined) {
    const why = 'failed to construct type information for x-kubernetes-validations rules';
    const detail = `Internal error: internal error: ${why}: unable to convert structural schema to CEL declarations`;
    costs.errors.push({ type: 'Internal', field: `${path}.x-kubernetes-validations`, detail });
  }
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
    cardinality === undefined || max === undefined ? undefined : cardinality * max;
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
  const { rule: compiled, problems } = compileRule(rule, self);
  // Without a bound a request holds as many as fit, however they are nested: upstream's maxCardinality. Of a message
  // only one run is reckoned.
  const times = place.cardinality ?? Math.floor(maxRequestBytes / (self.minBytes + 1));
  for (const [field, name, cost] of [
    ['rule', 'estimated rule cost', (compiled?.cost ?? 0) * times],
    ['messageExpression', 'estimated messageExpression cost', compiled?.messageCost ?? 0],
  ] as const) {
    if (cost > staticCostLimit) {
      costs.errors.push(forbidden(`${place.path}.${field}`, costMessage(name, cost, staticCostLimit)));
    }
    if (cost === 0) continue;
    costs.total += cost;
    costs.shares.push({ path: `${place.path}.${field}`, cost });
  }
  for (const { field, detail } of problems) {
    const shown = field === 'optionalOldSelf' ? rule.optionalOldSelf : shownRule(rule);
    costs.errors.push(invalid(`${place.path}.${field}`, shown, detail));
  }
  const usesOld = compiled?.isTransition || (rule.optionalOldSelf && !problems.includes(oldSelfUnused));
  if (usesOld && place.uncorrelatable !== undefined) {
    const why = `oldSelf cannot be used on the uncorrelatable portion of the schema within ${place.uncorrelatable}`;
    costs.errors.push(invalid(`${place.path}.rule`, rule.rule, why));
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
