// What the classes of storage share: the name of a driver and the parameters it is given.
// Upstream: pkg/apis/storage/validation.
import { type FieldError, invalid, required, tooLong } from '../../machinery/field-error.ts';
import { byteLength } from '../../machinery/name-rules.ts';
import { validateDNSSubdomain, validateQualifiedName } from '../meta/checks.ts';

const maxParameters = 512;
const maxParameterBytes = 256 * 1024;

/** A provisioner or driver of a class. */
export function validateProvisioner(name: string | undefined, path: string): FieldError[] {
  return name ? validateQualifiedName(name.toLowerCase(), path) : [required(path)];
}

export function validateParameters(
  parameters: Readonly<Record<string, string>> | undefined,
  { mayBeEmpty }: { mayBeEmpty: boolean },
  path: string,
): FieldError[] {
  const entries = Object.entries(parameters ?? {});
  if (entries.length > maxParameters) return [tooLong(path, maxParameters)];
  const errors = entries.some(([key]) => key === '') ? [invalid(path, '', 'field can not be empty.')] : [];
  const bytes = entries.reduce((sum, [key, value]) => sum + byteLength(key) + byteLength(value), 0);
  if (bytes > maxParameterBytes) errors.push(tooLong(path, maxParameterBytes));
  if (!mayBeEmpty && entries.length === 0) errors.push(required(path, 'must contain at least one key/value pair'));
  return errors;
}

/** The name of a CSI driver: a domain of at most 63 characters, in which capitals are let through. */
export function validateCSIDriverName(name: string | undefined, path: string): FieldError[] {
  if (!name) return [required(path)];
  const errors = byteLength(name) > 63 ? [tooLong(path, 63)] : [];
  return [...errors, ...validateDNSSubdomain(name.toLowerCase(), path)];
}
