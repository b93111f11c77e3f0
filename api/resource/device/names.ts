// Names of drivers, pools, devices and their attributes, and lists of bounded length.
// Upstream: pkg/apis/resource/validation.
import { duplicate, type FieldError, invalid, required, tooLong, tooMany } from '../../../machinery/field-error.ts';
import { byteLength, checkCIdentifier, checkDNS1123Label, checkLabelValue } from '../../../machinery/name-rules.ts';
import { validateDNSSubdomain, validateWith } from '../../meta/checks.ts';
import { validateCSIDriverName } from '../../storage/parameters.ts';

/** Drivers of devices are named as drivers of storage are. */
export const validateDriverName = validateCSIDriverName;

export const validateLabelName = (name: string, path: string): FieldError[] =>
  validateWith(checkDNS1123Label, name, path);
export const validateLabelValue = (value: string, path: string): FieldError[] =>
  validateWith(checkLabelValue, value, path);

const maxPoolNameLength = 253;

/** Subdomains, separated by slashes. */
export function validatePoolName(name: string | undefined, path: string): FieldError[] {
  if (!name) return [required(path)];
  const errors = byteLength(name) > maxPoolNameLength ? [tooLong(path, maxPoolNameLength)] : [];
  return [...errors, ...name.split('/').flatMap((part) => validateDNSSubdomain(part, path))];
}

const maxIdentifierLength = 32;

function validateIdentifier(id: string, path: string): FieldError[] {
  const errors = byteLength(id) > maxIdentifierLength ? [tooLong(path, maxIdentifierLength)] : [];
  return [...errors, ...validateWith(checkCIdentifier, id, path)];
}

/** An attribute or capacity: an identifier, with the domain of who defined it in front. */
export function validateAttributeName(name: string, path: string): FieldError[] {
  const parts = name.split('/');
  if (parts.length > 2) return [invalid(path, name, 'must not contain more than one slash')];
  const [domain, id = ''] = parts.length === 2 ? parts : [undefined, parts[0]];
  if (domain === undefined) return validateIdentifier(id, path);
  const errors = domain ? validateDriverName(domain, path) : [invalid(path, '', 'the domain must not be empty')];
  return [...errors, ...(id ? validateIdentifier(id, path) : [invalid(path, '', 'the name must not be empty')])];
}

export function validateFullAttributeName(name: string, path: string): FieldError[] {
  const errors = validateAttributeName(name, path);
  if (name.includes('/')) return errors;
  return [...errors, invalid(path, name, 'a fully qualified name must be a domain and a name separated by a slash')];
}

/** Each item of a list that is not too long; the others are not looked at when it is. */
export function validateList<T>(
  items: readonly T[] | undefined,
  max: number,
  path: string,
  validateItem: (item: T, path: string) => FieldError[],
): FieldError[] {
  if (!items) return [];
  if (items.length > max) return [tooMany(path, items.length, max)];
  return items.flatMap((item, i) => validateItem(item, `${path}[${i}]`));
}

/** As `validateList`, where no two items may have the same key. */
export function validateSet<T>(
  items: readonly T[] | undefined,
  max: number,
  path: string,
  validateItem: (item: T, path: string) => FieldError[],
  keyOf: (item: T) => string,
): FieldError[] {
  const errors = validateList(items, max, path, validateItem);
  if (!items || items.length > max) return errors;
  const seen = new Set<string>();
  for (const [i, item] of items.entries()) {
    const key = keyOf(item);
    if (seen.has(key)) errors.push(duplicate(`${path}[${i}]`, key));
    seen.add(key);
  }
  return errors;
}

/** The pieces of an error path that come from clients are not longer than this. */
export function shortKey(key: string, max: number): string {
  if (key.length <= max) return key;
  const left = max - 3;
  return `${key.slice(0, Math.ceil(left / 2))}...${key.slice(key.length - Math.floor(left / 2))}`;
}
