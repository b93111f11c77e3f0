// Validation of what is asked of devices.
// Upstream: pkg/apis/resource/validation.
import { append, type FieldError, invalid, notSupported, required, tooLong } from '../../../machinery/field-error.ts';
import { isObject, jsonEqual, writeJson } from '../../../machinery/json.ts';
import { byteLength } from '../../../machinery/name-rules.ts';
import { validateDNSSubdomain, validateOptionalWord, validateQualifiedName } from '../../meta/checks.ts';
import { validateExpression } from './expression.ts';
import {
  validateDriverName,
  validateFullAttributeName,
  validateLabelName,
  validateLabelValue,
  validateList,
  validateSet,
} from './names.ts';
import type {
  DeviceClaim,
  DeviceClaimConfiguration,
  DeviceConstraint,
  DeviceRequest,
  DeviceSelector,
  DeviceSubRequest,
  DeviceToleration,
  ExactDeviceRequest,
  OpaqueDeviceConfiguration,
} from './schema.ts';

/** Longest lists of a claim. */
export const limits = {
  requests: 32,
  firstAvailable: 8,
  selectors: 32,
  constraints: 32,
  config: 32,
  results: 32,
  reservedFor: 256,
} as const;
const maxParametersLength = 10 * 1024;

/** The names that a claim's requests can be referred to by: `request` and `request/subrequest`. */
export function requestNamesOf(claim: DeviceClaim | undefined): ReadonlySet<string> {
  const names = new Set<string>();
  for (const { name, firstAvailable } of claim?.requests ?? []) {
    names.add(name);
    for (const sub of firstAvailable ?? []) names.add(`${name}/${sub.name}`);
  }
  return names;
}

export function validateDeviceClaim(claim: DeviceClaim, path: string): FieldError[] {
  const names = requestNamesOf(claim);
  return [
    ...validateSet(claim.requests, limits.requests, `${path}.requests`, validateRequest, ({ name }) => name),
    ...validateList(claim.constraints, limits.constraints, `${path}.constraints`, (constraint, at) =>
      validateConstraint(constraint, names, at),
    ),
    ...validateList(claim.config, limits.config, `${path}.config`, (config, at) =>
      validateConfiguration(config, names, at),
    ),
  ];
}

function validateRequest({ name, exactly, firstAvailable }: DeviceRequest, path: string): FieldError[] {
  const errors = validateLabelName(name, `${path}.name`);
  const one = 'exactly one of `exactly` or `firstAvailable` is required';
  if (firstAvailable?.length && exactly) {
    errors.push(invalid(path, undefined, `${one}, but multiple fields are set`));
  } else if (firstAvailable?.length) {
    const at = `${path}.firstAvailable`;
    append(
      errors,
      validateSet(firstAvailable, limits.firstAvailable, at, validateSubRequest, (sub) => sub.name),
    );
  } else if (exactly) append(errors, validateAmount(exactly, `${path}.exactly`));
  else errors.push(required(path, one));
  return errors;
}

const validateSubRequest = (sub: DeviceSubRequest, path: string): FieldError[] => [
  ...validateLabelName(sub.name, `${path}.name`),
  ...validateAmount(sub, path),
];

function validateAmount(request: ExactDeviceRequest | DeviceSubRequest, path: string): FieldError[] {
  const { deviceClassName, selectors, allocationMode = '', count = 0, tolerations } = request;
  const at = `${path}.deviceClassName`;
  const errors = deviceClassName ? validateDNSSubdomain(deviceClassName, at) : [required(at)];
  append(errors, validateSelectors(selectors, `${path}.selectors`));
  if (allocationMode === 'All') {
    const text = "must not be specified when allocationMode is 'All'";
    if (count !== 0) errors.push(invalid(`${path}.count`, count, text));
  } else if (allocationMode === 'ExactCount') {
    if (count <= 0) errors.push(invalid(`${path}.count`, count, 'must be greater than zero'));
  } else errors.push(notSupported(`${path}.allocationMode`, allocationMode, ['All', 'ExactCount']));
  for (const [i, toleration] of (tolerations ?? []).entries()) {
    append(errors, validateDeviceToleration(toleration, `${path}.tolerations[${i}]`));
  }
  return errors;
}

/** Selectors that are `known` already were good when they were stored. */
export function validateSelectors(
  selectors: readonly DeviceSelector[] | undefined,
  path: string,
  known?: readonly DeviceSelector[],
): FieldError[] {
  const isKnown = known !== undefined && jsonEqual(selectors ?? [], known);
  return validateList(selectors, limits.selectors, path, ({ cel }, at) => {
    if (!cel) return [required(`${at}.cel`)];
    return isKnown ? [] : validateExpression(cel.expression, `${at}.cel.expression`);
  });
}

export const deviceTaintEffects = ['NoExecute', 'NoSchedule', 'None'];

export function validateDeviceToleration(toleration: DeviceToleration, path: string): FieldError[] {
  const { key, operator = '', value = '', effect } = toleration;
  const errors = key ? validateQualifiedName(key, `${path}.key`) : [];
  if (operator === 'Exists') {
    if (value) errors.push(invalid(`${path}.value`, value, 'must be empty for operator `Exists`'));
  } else if (operator === 'Equal') append(errors, validateLabelValue(value, `${path}.value`));
  else if (operator === '') errors.push(required(`${path}.operator`));
  else errors.push(notSupported(`${path}.operator`, operator, ['Equal', 'Exists']));
  append(errors, validateOptionalWord(effect || undefined, deviceTaintEffects, `${path}.effect`));
  return errors;
}

export function validateRequestReference(name: string, names: ReadonlySet<string>, path: string): FieldError[] {
  const text = "must be the name of a request in the claim or the name of a request and a subrequest separated by '/'";
  const parts = name.split('/');
  const errors = parts.length > 2 ? [] : parts.flatMap((part) => validateLabelName(part, path));
  return parts.length > 2 || !names.has(name) ? [...errors, invalid(path, name, text)] : errors;
}

const validateRequestReferences = (
  requests: readonly string[] | undefined,
  names: ReadonlySet<string>,
  path: string,
): FieldError[] =>
  validateSet(requests, limits.requests, path, (name, at) => validateRequestReference(name, names, at), String);

function validateConstraint(constraint: DeviceConstraint, names: ReadonlySet<string>, path: string): FieldError[] {
  const { distinctAttribute, matchAttribute, requests } = constraint;
  const errors = validateRequestReferences(requests, names, `${path}.requests`);
  if (matchAttribute !== undefined) {
    append(errors, validateFullAttributeName(matchAttribute, `${path}.matchAttribute`));
  } else if (distinctAttribute !== undefined) {
    append(errors, validateFullAttributeName(distinctAttribute, `${path}.distinctAttribute`));
  } else {
    // The second half does not fit, and is what people meet.
    const text = 'exactly one of "matchAttribute" or "distinctAttribute" is required, but multiple fields are set';
    errors.push(required(path, text));
  }
  return errors;
}

export function validateConfiguration(
  { opaque, requests }: DeviceClaimConfiguration,
  names: ReadonlySet<string>,
  path: string,
): FieldError[] {
  return [...validateRequestReferences(requests, names, `${path}.requests`), ...validateOpaque(opaque, path)];
}

export function validateOpaque(opaque: OpaqueDeviceConfiguration | undefined, path: string): FieldError[] {
  if (!opaque) return [required(`${path}.opaque`)];
  return [
    ...validateDriverName(opaque.driver, `${path}.opaque.driver`),
    ...validateRawObject(opaque.parameters, maxParametersLength, `${path}.opaque.parameters`),
  ];
}

/** Free JSON that must be an object of bounded size. */
export function validateRawObject(value: unknown, maxLength: number, path: string): FieldError[] {
  if (value === undefined || value === null) return [required(path)];
  if (byteLength(writeJson(value)) > maxLength) return [tooLong(path, maxLength)];
  return isObject(value) ? [] : [invalid(path, '<value omitted>', 'must be a valid JSON object')];
}
