// Checks of single values that the validation of many kinds is built from.
// Upstream: apimachinery's util/validation and apis/meta/v1/validation.
import { append, type FieldError, forbidden, invalid, notSupported, required } from '../../machinery/field-error.ts';
import { sortKeys } from '../../machinery/go-json.ts';
import { jsonEqual } from '../../machinery/json.ts';
import type { LabelSelector } from '../../machinery/metadata.ts';
import {
  checkDNS1035Label,
  checkDNS1123Label,
  checkDNS1123Subdomain,
  checkHTTPPath,
  checkLabelValue,
  checkQualifiedName,
} from '../../machinery/name-rules.ts';
import { immutableText, validateLabels } from './validation.ts';

export const rangeText = (min: number, max: number) => `must be between ${min} and ${max}, inclusive`;

type Check = (value: string) => string[];

/** One error for each complaint about the value. */
export function validateWith(check: Check, value: string, path: string): FieldError[] {
  return check(value).map((complaint) => invalid(path, value, complaint));
}

export const validateDNSLabel = (value: string, path: string) => validateWith(checkDNS1123Label, value, path);
export const validateDNSSubdomain = (value: string, path: string) => validateWith(checkDNS1123Subdomain, value, path);
export const validateQualifiedName = (value: string, path: string) => validateWith(checkQualifiedName, value, path);

/** Where in a list stands what stood before. */
export function repeatsIn(list: readonly string[]): ReadonlySet<number> {
  const first = new Map(list.map((value, i) => [value, i] as const).reverse());
  return new Set([...list.keys()].filter((i) => first.get(list[i]!) !== i));
}

/** `example.com/path` */
export function validateDomainPrefixedPath(value: string, path: string): FieldError[] {
  if (value === '') return [required(path)];
  const slash = value.indexOf('/');
  if (slash <= 0 || slash === value.length - 1) {
    return [invalid(path, value, 'must be a domain-prefixed path (such as "acme.io/foo")')];
  }
  return [
    ...validateDNSSubdomain(value.slice(0, slash), path),
    ...validateWith(checkHTTPPath, value.slice(slash + 1), path),
  ];
}

/** Required, and one of the supported words. */
export function validateWord(value: string | undefined, supported: readonly string[], path: string): FieldError[] {
  if (!value) return [required(path)];
  return validateOptionalWord(value, supported, path);
}

export function validateOptionalWord(
  value: string | undefined,
  supported: readonly string[],
  path: string,
): FieldError[] {
  return value === undefined || supported.includes(value) ? [] : [notSupported(path, value, supported)];
}

/** A list of words, each one of the supported ones. */
export const validateWords = (values: readonly string[], supported: readonly string[], path: string): FieldError[] =>
  values.flatMap((value, i) => validateOptionalWord(value, supported, `${path}[${i}]`));

/** One error with all complaints about the value; `head` leads them in. */
export function validateInOne(check: Check, value: string, path: string, head = ''): FieldError[] {
  const complaints = check(value);
  return complaints.length > 0 ? [invalid(path, value, `${head}${complaints.join(',')}`)] : [];
}

/** The name of a kind, which may have capitals. */
export const validateKindName = (kind: string, path: string): FieldError[] =>
  validateInOne(
    (text) => checkDNS1035Label(text.toLowerCase()),
    kind,
    path,
    'may have mixed case, but should otherwise match: ',
  );

export function validateRequired(value: unknown, path: string): FieldError[] {
  return value === undefined || value === null || value === '' ? [required(path)] : [];
}

function checkPortNumber(port: number): string[] {
  return port >= 1 && port <= 65535 ? [] : [rangeText(1, 65535)];
}

export function checkPortName(name: string): string[] {
  const complaints: string[] = [];
  if (name.length > 15) complaints.push('must be no more than 15 characters');
  if (!/^[-a-z0-9]+$/.test(name)) {
    complaints.push('must contain only alpha-numeric characters (a-z, 0-9), and hyphens (-)');
  }
  if (!/[a-z]/.test(name)) complaints.push('must contain at least one letter (a-z)');
  if (name.includes('--')) complaints.push('must not contain consecutive hyphens');
  if (/^-|-$/.test(name)) complaints.push('must not begin or end with a hyphen');
  return complaints;
}

export function validatePortNumber(port: number, path: string): FieldError[] {
  return checkPortNumber(port).map((complaint) => invalid(path, port, complaint));
}

export function validatePortNumberOrName(port: number | string, path: string): FieldError[] {
  return typeof port === 'number' ? validatePortNumber(port, path) : validateWith(checkPortName, port, path);
}

const percentText =
  "a valid percent string must be a numeric string followed by an ending '%' (e.g. '1%',  or '93%', regex used for validation is '[0-9]+%')";

/** A whole number from zero, or a percentage. */
export function validateIntOrPercent(value: number | string, path: string): FieldError[] {
  if (typeof value === 'string') return /^[0-9]+%$/.test(value) ? [] : [invalid(path, value, percentText)];
  return value < 0 ? [invalid(path, value, 'must be greater than or equal to 0')] : [];
}

/** The number in front of a percent sign, or on its own; zero for texts that are neither. */
export const amountOf = (value: number | string): number =>
  typeof value === 'number' ? value : /^([0-9]+%|[+-]?[0-9]+)$/.test(value) ? Number.parseInt(value, 10) : 0;

export function validateNotAbove100Percent(value: number | string | undefined, path: string): FieldError[] {
  const isPercent = typeof value === 'string' && /^[0-9]+%$/.test(value);
  return isPercent && amountOf(value) > 100 ? [invalid(path, value, 'must not be greater than 100%')] : [];
}

export const inNeedsValuesText = "must be specified when `operator` is 'In' or 'NotIn'";
export const existsForbidsValuesText = "may not be specified when `operator` is 'Exists' or 'DoesNotExist'";
export const unknownOperatorText = 'not a valid selector operator';

export function validateLabelSelector(selector: LabelSelector | undefined, path: string): FieldError[] {
  if (!selector) return [];
  const errors = validateLabels(selector.matchLabels, `${path}.matchLabels`);
  for (const [i, { key, operator, values }] of (selector.matchExpressions ?? []).entries()) {
    const at = `${path}.matchExpressions[${i}]`;
    append(
      errors,
      validateOperands({ operator, values }, at) ?? [invalid(`${at}.operator`, operator, unknownOperatorText)],
    );
    append(errors, validateLabelRequirement(key, values, at));
  }
  return errors;
}

/** What a condition compares with; undefined for an operator that is none. */
export function validateOperands(
  { operator, values }: { operator: string; values?: readonly string[] | undefined },
  path: string,
): FieldError[] | undefined {
  if (operator === 'In' || operator === 'NotIn') {
    return values?.length ? [] : [required(`${path}.values`, inNeedsValuesText)];
  }
  if (operator !== 'Exists' && operator !== 'DoesNotExist') return undefined;
  return values?.length ? [forbidden(`${path}.values`, existsForbidsValuesText)] : [];
}

export function validateLabelRequirement(key: string, values: readonly string[] = [], path: string): FieldError[] {
  return [
    ...validateQualifiedName(key, `${path}.key`),
    ...values.flatMap((value, i) => validateWith(checkLabelValue, value, `${path}.values[${i}]`)),
  ];
}

/** Whether it selects nothing in particular: absent or without conditions. */
export function isEmptySelector(selector: LabelSelector | undefined): boolean {
  return !selector || (!Object.keys(selector.matchLabels ?? {}).length && !selector.matchExpressions?.length);
}

/** A selector as error texts show it: maps have sorted keys. */
export function showSelector(selector: LabelSelector | undefined): LabelSelector | undefined {
  if (!selector) return undefined;
  const { matchLabels, matchExpressions } = selector;
  return { ...(matchLabels && { matchLabels: sortKeys(matchLabels) }), ...(matchExpressions && { matchExpressions }) };
}

export function validateImmutableSelector(
  next: LabelSelector | undefined,
  old: LabelSelector | undefined,
  path: string,
): FieldError[] {
  return jsonEqual(next, old) ? [] : [invalid(path, showSelector(next), immutableText)];
}

const configKeyText =
  "a valid config key must consist of alphanumeric characters, '-', '_' or '.' (e.g. 'key.name',  or 'KEY_NAME',  or 'key-name', regex used for validation is '[-._a-zA-Z0-9]+')";

/** Keys of ConfigMaps and Secrets, which become file names. */
export function checkConfigMapKey(key: string): string[] {
  const complaints: string[] = [];
  if (key.length > 253) complaints.push('must be no more than 253 characters');
  if (!/^[-._a-zA-Z0-9]+$/.test(key)) complaints.push(configKeyText);
  if (key === '.') complaints.push("must not be '.'");
  else if (key === '..') complaints.push("must not be '..'");
  else if (key.startsWith('..')) complaints.push("must not start with '..'");
  return complaints;
}
