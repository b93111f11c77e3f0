// LimitRange: defaults and bounds for single pods, containers and claims of a namespace.
// Admission applies them.
// https://kubernetes.io/docs/concepts/policy/limit-range/
import { append, duplicate, type FieldError, forbidden, invalid, required } from '../../machinery/field-error.ts';
import { defineKind } from '../../machinery/kind.ts';
import { objectFields } from '../../machinery/metadata.ts';
import { compareQuantities, quantityMilliValue } from '../../machinery/quantity.ts';
import { atomic, mandatory, s, type TypeOf } from '../../machinery/schema.ts';
import { validateQualifiedName } from '../meta/checks.ts';
import type { ObjectOf } from '../meta/object.ts';
import { isOvercommitAllowed, validateAnyResourceName, validateContainerResourceName } from './resource-names.ts';

const limitRangeItem = s.api('core.v1.LimitRangeItem', 'Bounds for one type of object.', {
  default: s.map(s.quantity(''), 'Limits for containers that say none.'),
  defaultRequest: s.map(s.quantity(''), 'Requests for containers that say none.'),
  max: s.map(s.quantity(''), 'Most of each resource.'),
  maxLimitRequestRatio: s.map(s.quantity(''), 'Most times that a limit may be of its request.'),
  min: s.map(s.quantity(''), 'Least of each resource.'),
  type: s.string('Pod, Container or PersistentVolumeClaim.', mandatory),
});
export interface LimitRangeItem extends TypeOf<typeof limitRangeItem> {}

const limitRangeSpec = s.api('core.v1.LimitRangeSpec', 'Bounds for single objects.', {
  limits: s.list(limitRangeItem, 'Bounds by type.', { ...mandatory, ...atomic }),
});

const schema = s.api('core.v1.LimitRange', 'Defaults and bounds for single objects of a namespace.', {
  ...objectFields,
  spec: s.field(limitRangeSpec, 'The bounds.', { always: true }),
});
export interface LimitRange extends ObjectOf<typeof schema> {}

export const LimitRangeKind = defineKind<LimitRange>({
  kind: 'LimitRange',
  plural: 'limitranges',
  scope: 'Namespaced',
  shortNames: ['limits'],
  served: [{ group: '', version: 'v1', schema, setDefaults }],
  allowCreateOnUpdate: true,
  validate: ({ spec }) => {
    const types = new Set<string>();
    return (spec.limits ?? []).flatMap((item, i) => validateItem(item, types, `spec.limits[${i}]`));
  },
});

/** Of containers, what is said of one bound is taken for the others where those say nothing. */
function setDefaults({ spec }: LimitRange): void {
  for (const item of spec.limits ?? []) {
    if (item.type !== 'Container') continue;
    const limits = { ...item.max, ...item.default };
    const requests = { ...item.min, ...limits, ...item.defaultRequest };
    if (Object.keys(limits).length > 0) item.default = limits;
    if (Object.keys(requests).length > 0) item.defaultRequest = requests;
  }
}

const standardTypes = ['Pod', 'Container', 'PersistentVolumeClaim'];
const sides = ['max', 'min', 'default', 'defaultRequest', 'maxLimitRequestRatio'] as const;

function validateItem(item: LimitRangeItem, types: Set<string>, path: string): FieldError[] {
  const { type } = item;
  const errors = validateQualifiedName(type, `${path}.type`);
  if (errors.length === 0 && !type.includes('/') && !standardTypes.includes(type)) {
    errors.push(invalid(`${path}.type`, type, 'must be a standard limit type or fully qualified'));
  }
  if (types.has(type)) errors.push(duplicate(`${path}.type`, type));
  types.add(type);
  const isForPods = type === 'Pod';
  for (const side of sides) {
    const list = Object.keys(item[side] ?? {});
    if (isForPods && (side === 'default' || side === 'defaultRequest')) {
      if (list.length > 0) errors.push(forbidden(`${path}.${side}`, "may not be specified when `type` is 'Pod'"));
      continue;
    }
    const check = isForPods || type === 'Container' ? validateContainerResourceName : validateAnyResourceName;
    for (const name of list) append(errors, check(name, `${path}.${side}[${name}]`));
  }
  if (type === 'PersistentVolumeClaim' && item.min?.storage === undefined && item.max?.storage === undefined) {
    const detail = 'either minimum or maximum storage value is required, but neither was provided';
    errors.push(required(`${path}.limits`, detail));
  }
  const bounds = isForPods ? { ...item, default: undefined, defaultRequest: undefined } : item;
  const names = new Set(sides.flatMap((side) => Object.keys(bounds[side] ?? {})));
  for (const name of [...names].sort()) append(errors, validateBounds(bounds, name, path));
  return errors;
}

function validateBounds(item: Partial<LimitRangeItem>, name: string, path: string): FieldError[] {
  const [max, min, limit, request, ratio] = sides.map((side) => item[side]?.[name]);
  const isAbove = (a: string | undefined, b: string | undefined) =>
    a !== undefined && b !== undefined && compareQuantities(a, b) > 0;
  const at = (side: string) => `${path}.${side}[${name}]`;
  const errors: FieldError[] = [];
  const add = (side: string, value: string | undefined, detail: string) =>
    errors.push(invalid(at(side), value, detail));
  if (isAbove(min, max)) add('min', min, `min value ${min} is greater than max value ${max}`);
  if (isAbove(min, request)) {
    add('defaultRequest', request, `min value ${min} is greater than default request value ${request}`);
  }
  if (isAbove(request, max)) {
    add('defaultRequest', request, `default request value ${request} is greater than max value ${max}`);
  }
  if (isAbove(request, limit)) {
    add('defaultRequest', request, `default request value ${request} is greater than default limit value ${limit}`);
  }
  if (isAbove(min, limit)) add('default', min, `min value ${min} is greater than default value ${limit}`);
  if (isAbove(limit, max)) add('default', max, `default value ${limit} is greater than max value ${max}`);
  if (ratio !== undefined) {
    if (isAbove('1', ratio)) add('maxLimitRequestRatio', ratio, `ratio ${ratio} is less than 1`);
    const most = quantityMilliValue(max) / quantityMilliValue(min);
    if (max !== undefined && min !== undefined && quantityMilliValue(ratio) / 1000 > most) {
      add('maxLimitRequestRatio', ratio, `ratio ${ratio} is greater than max/min = ${most.toFixed(6)}`);
    }
  }
  const differ = limit !== undefined && request !== undefined && compareQuantities(limit, request) !== 0;
  if (differ && !isOvercommitAllowed(name)) {
    add('defaultRequest', request, `default value ${limit} must equal to defaultRequest value ${request} in ${name}`);
  }
  return errors;
}
