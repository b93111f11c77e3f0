// Validation of quotas. Upstream: ValidateResourceQuota in pkg/apis/core/validation.
import { append, type FieldError, invalid, required } from '../../../machinery/field-error.ts';
import { unknownOperatorText } from '../../meta/checks.ts';
import { immutableText } from '../../meta/validation.ts';
import { isStandardQuotaResource, validateAmount, validateQuotaResourceName } from '../resource-names.ts';
import {
  quotaScopes,
  type ResourceQuota,
  type ResourceQuotaSpec,
  type ResourceQuotaStatus,
  type ScopedResourceSelectorRequirement,
} from './schema.ts';

export function validateQuota({ spec, status }: ResourceQuota): FieldError[] {
  return [
    ...validateList(spec.hard, 'spec.hard'),
    ...validateScopes(spec),
    ...validateSelector(spec, 'spec.scopeSelector.matchExpressions'),
    ...validateQuotaStatus(status),
  ];
}

export function validateQuotaStatus(status: ResourceQuotaStatus | undefined): FieldError[] {
  return [...validateList(status?.hard, 'status.hard'), ...validateList(status?.used, 'status.used')];
}

export function validateQuotaUpdate(next: ResourceQuota, old: ResourceQuota): FieldError[] {
  const scopes = ({ spec }: ResourceQuota) => [...new Set(spec.scopes)].sort().join();
  return scopes(next) === scopes(old) ? [] : [invalid('spec.scopes', next.spec.scopes, immutableText)];
}

function validateList(list: Readonly<Record<string, string>> | undefined, path: string): FieldError[] {
  return Object.entries(list ?? {}).flatMap(([name, amount]) => [
    ...validateQuotaResourceName(name, `${path}[${name}]`),
    ...validateAmount(name, amount, `${path}[${name}]`),
  ]);
}

const podResources = ['cpu', 'memory', 'limits.cpu', 'limits.memory', 'requests.cpu', 'requests.memory'];

/** Whether objects of a scope use the resource at all. */
function countsInScope(scope: string, name: string): boolean {
  switch (scope) {
    case 'BestEffort':
      return name === 'pods';
    case 'VolumeAttributesClass':
      return name === 'persistentvolumeclaims' || name === 'requests.storage';
    default:
      return name === 'pods' || podResources.includes(name) || !isScope(scope);
  }
}

const isScope = (scope: string) => quotaScopes.some((known) => known === scope);

/** Resources that are limited, and that the scope has none of. */
const foreignTo = (scope: string, { hard }: ResourceQuotaSpec) =>
  Object.keys(hard ?? {}).filter((name) => isStandardQuotaResource(name) && !countsInScope(scope, name));

const foreignText = 'unsupported scope applied to resource';
/** Each of these complaints shows the whole list: of many, some are enough. */
const maxListErrors = 10;

function validateScopes(spec: ResourceQuotaSpec): FieldError[] {
  const scopes = spec.scopes ?? [];
  const errors: FieldError[] = [];
  const kinds = [...new Set(scopes)];
  const details = kinds.flatMap((scope) =>
    isScope(scope) ? foreignTo(scope, spec).map(() => foreignText) : ['unsupported scope'],
  );
  for (const detail of details.slice(0, maxListErrors)) errors.push(invalid('spec.scopes', scopes, detail));
  return [...errors, ...validatePairs(scopes, scopes, 'spec.scopes')];
}

function validatePairs(scopes: readonly string[], shown: unknown, path: string): FieldError[] {
  return ['BestEffort', 'Terminating']
    .filter((scope) => scopes.includes(scope) && scopes.includes(`Not${scope}`))
    .map(() => invalid(path, shown, 'conflicting scopes'));
}

function validateSelector(spec: ResourceQuotaSpec, path: string): FieldError[] {
  if (!spec.scopeSelector) return [];
  const expressions = spec.scopeSelector.matchExpressions ?? [];
  const errors: FieldError[] = [];
  const shown = { MatchExpressions: expressions.map(showExpression) };
  // Many may be of one scope, and limits may be many.
  const foreignOf = new Map<string, string[]>(quotaScopes.map((scope) => [scope, foreignTo(scope, spec)]));
  let foreign = 0;
  for (const expression of expressions) {
    const { scopeName } = expression;
    if (!isScope(scopeName)) errors.push(invalid(`${path}.scopeName`, scopeName, 'unsupported scope'));
    else if (foreign < maxListErrors) {
      const names = foreignOf.get(scopeName) ?? [];
      for (const _ of names.slice(0, maxListErrors - foreign)) errors.push(invalid(path, shown, foreignText));
      foreign += names.length;
    }
    append(errors, validateExpression(expression, path));
  }
  const names = expressions.map(({ scopeName }) => scopeName);
  return [...errors, ...validatePairs(names, spec.scopes, path)];
}

/** As upstream's error texts show it: the internal type. */
const showExpression = ({ scopeName, operator, values }: ScopedResourceSelectorRequirement) => ({
  ScopeName: scopeName,
  Operator: operator,
  Values: values ?? null,
});

/** Scopes that an object is in or not, without a value. */
const plainScopes = ['BestEffort', 'NotBestEffort', 'Terminating', 'NotTerminating', 'CrossNamespacePodAffinity'];
const plainScopesText =
  "must be 'Exists' when scope is any of ResourceQuotaScopeTerminating, ResourceQuotaScopeNotTerminating, ResourceQuotaScopeBestEffort, ResourceQuotaScopeNotBestEffort or ResourceQuotaScopeCrossNamespacePodAffinity";

function validateExpression(expression: ScopedResourceSelectorRequirement, path: string): FieldError[] {
  const { scopeName, operator, values = [] } = expression;
  const errors: FieldError[] = [];
  if (plainScopes.includes(scopeName) && operator !== 'Exists') {
    errors.push(invalid(`${path}.operator`, operator, plainScopesText));
  }
  if (operator === 'In' || operator === 'NotIn') {
    const detail = "must be at least one value when `operator` is 'In' or 'NotIn' for scope selector";
    if (values.length === 0) errors.push(required(`${path}.values`, detail));
  } else if (operator === 'Exists' || operator === 'DoesNotExist') {
    const detail = "must be no value when `operator` is 'Exist' or 'DoesNotExist' for scope selector";
    if (values.length > 0) errors.push(invalid(`${path}.values`, values, detail));
  } else {
    errors.push(invalid(`${path}.operator`, operator, unknownOperatorText));
  }
  return errors;
}
