// The rules of a schema as CEL: compiled when a definition is written, with what they can cost at most.
// Upstream: apiextensions-apiserver's schema/cel/compilation.go and apis/apiextensions/validation/cel_validation.go.
// https://kubernetes.io/docs/tasks/extend-kubernetes/custom-resources/custom-resource-definitions/#resource-use-by-validation-functions
import { type CompileResult, compile } from '../../../machinery/cel/cel.ts';
import { declFromOpenApi, type OpenApiSchema } from '../../../machinery/cel/decl-openapi.ts';
import type { DeclType } from '../../../machinery/cel/decl-type.ts';
import { crdEnv } from '../../../machinery/cel/kubernetes-env.ts';
import { maxRequestBytes, staticCostLimit, staticCrdCostLimit } from '../../../machinery/cel/limits.ts';
import { type FieldError, forbidden, invalid } from '../../../machinery/field-error.ts';
import type { JSONSchemaProps, ValidationRule } from './json-schema.ts';
import { itemsOf, valuesOf } from './schema-walk.ts';

interface Place {
  schema: JSONSchemaProps;
  path: string;
  isRoot: boolean;
  /** How many values of it an object can have; undefined: as many as a request has room for. */
  count: number | undefined;
  /** The list above it whose items before and after cannot be told to be the same. */
  uncorrelated: string | undefined;
}

interface Walk {
  errors: FieldError[];
  costs: { path: string; cost: number }[];
}

/** Every rule of a schema that is sound otherwise. */
export function validateRuleExpressions(schema: JSONSchemaProps, path: string): FieldError[] {
  const walk: Walk = { errors: [], costs: [] };
  visit({ schema, path, isRoot: true, count: 1, uncorrelated: undefined }, walk);
  return [...walk.errors, ...validateTotal(walk.costs, path)];
}

function visit(place: Place, walk: Walk): void {
  const { schema, path, count, uncorrelated } = place;
  for (const [name, field] of Object.entries(schema.properties ?? {})) {
    visit({ schema: field, path: `${path}.properties[${name}]`, isRoot: false, count, uncorrelated }, walk);
  }
  const values = valuesOf(schema);
  if (values) {
    const below = { isRoot: false, count: times(count, schema.maxProperties), uncorrelated };
    visit({ ...below, schema: values, path: `${path}.additionalProperties` }, walk);
  }
  const items = itemsOf(schema);
  if (items) {
    const isMap = schema['x-kubernetes-list-type'] === 'map';
    const below = {
      isRoot: false,
      count: times(count, schema.maxItems),
      uncorrelated: uncorrelated ?? (isMap ? undefined : path),
    };
    visit({ ...below, schema: items, path: `${path}.items` }, walk);
  }
  const rules = schema['x-kubernetes-validations'] ?? [];
  if (rules.length === 0) return;
  // Lists of schemas for items were refused before.
  const self = declFromOpenApi(schema as OpenApiSchema, 'self', place.isRoot);
  if (!self) {
    const why = 'internal error: failed to retrieve type information for x-kubernetes-validations';
    walk.errors.push({ type: 'Internal', field: `${path}.x-kubernetes-validations`, detail: `Internal error: ${why}` });
    return;
  }
  for (const [i, rule] of rules.entries())
    checkRule(rule, { ...place, self, at: `${path}.x-kubernetes-validations[${i}]` }, walk);
}

const times = (count: number | undefined, bound: number | undefined) =>
  count === undefined || bound === undefined ? undefined : count * bound;

/** A rule as error texts show it: in the names of Kubernetes' own code. */
const shown = (rule: ValidationRule) => ({
  Rule: rule.rule,
  Message: rule.message ?? '',
  MessageExpression: rule.messageExpression ?? '',
  Reason: rule.reason ?? null,
  FieldPath: rule.fieldPath ?? '',
  OptionalOldSelf: rule.optionalOldSelf ?? null,
});

function checkRule(rule: ValidationRule, place: Place & { self: DeclType; at: string }, walk: Walk): void {
  const { self, at, count, uncorrelated } = place;
  const env = (oldSelf: Parameters<typeof crdEnv>[1]) => crdEnv(self, oldSelf);
  const old = rule.optionalOldSelf ? 'optional' : 'value';
  const compiled = compile(rule.rule, env(old));
  const isTransition = compiled.ok && !compile(rule.rule, env('none')).ok;
  const ruleProblem = findProblem(compiled, 'bool', 'compilation failed', 'cel expression must evaluate to a bool');
  if (compiled.ok) {
    const cost = compiled.cost.max * (count ?? Math.floor(maxRequestBytes / (self.minBytes + 1)));
    observe(walk, `${at}.rule`, cost, 'estimated rule cost');
  }
  if (ruleProblem) walk.errors.push(invalid(`${at}.rule`, shown(rule), ruleProblem));
  if (rule.messageExpression) {
    const message = compile(rule.messageExpression, env(old));
    const head = 'messageExpression compilation failed';
    const problem = findProblem(message, 'string', head, 'messageExpression must evaluate to a string');
    if (problem) walk.errors.push(invalid(`${at}.messageExpression`, shown(rule), problem));
    else if (message.ok) observe(walk, `${at}.messageExpression`, message.cost.max, 'estimated messageExpression cost');
  }
  if (isTransition && uncorrelated !== undefined) {
    const why = `oldSelf cannot be used on the uncorrelatable portion of the schema within ${uncorrelated}`;
    walk.errors.push(invalid(`${at}.rule`, rule.rule, why));
  }
  if (compiled.ok && !isTransition && rule.optionalOldSelf !== undefined) {
    const why = 'may not be set if oldSelf is not used in rule';
    walk.errors.push(invalid(`${at}.optionalOldSelf`, rule.optionalOldSelf, why));
  }
}

function findProblem(result: CompileResult, kind: string, head: string, otherwise: string): string | undefined {
  if (!result.ok) return `${head}: ${result.issues}`;
  return result.type.kind === kind ? undefined : otherwise;
}

function observe(walk: Walk, path: string, cost: number, what: string): void {
  walk.costs.push({ path, cost });
  if (cost > staticCostLimit) walk.errors.push(forbidden(path, costText(what, cost, staticCostLimit)));
}

function costText(what: string, cost: number, limit: number): string {
  const factor = cost / limit;
  const shownFactor = factor > 100 ? 'more than 100x' : `${factor.toFixed(factor < 1.5 ? 6 : 1)}x`;
  return `${what} exceeds budget by factor of ${shownFactor} (try simplifying the rule, or adding maxItems, maxProperties, and maxLength where arrays, maps, and strings are declared)`;
}

const mostNamed = 4;
/** What is less than this part of the limit is not to blame. */
const smallPart = 1 / 100;

function validateTotal(costs: Walk['costs'], path: string): FieldError[] {
  const total = costs.reduce((sum, { cost }) => sum + cost, 0);
  if (total <= staticCrdCostLimit) return [];
  const large = costs.filter(({ cost }) => cost >= staticCrdCostLimit * smallPart);
  const largest = large.sort((a, b) => b.cost - a.cost).slice(0, mostNamed);
  const part = 'contributed to estimated rule cost total exceeding cost limit for entire OpenAPIv3 schema';
  const whole = 'x-kubernetes-validations estimated rule cost total for entire OpenAPIv3 schema';
  return [
    ...largest.map((one) => forbidden(one.path, part)),
    forbidden(path, costText(whole, total, staticCrdCostLimit)),
  ];
}
