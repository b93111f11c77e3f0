// Validation of secrets: their type says what keys they need. Upstream: ValidateSecret in pkg/apis/core/validation.
import { messageOf } from '../../../machinery/errors.ts';
import { append, type FieldError, forbidden, invalid, required, tooLong } from '../../../machinery/field-error.ts';
import { jsonEqual } from '../../../machinery/json.ts';
import { readJson } from '../../../machinery/json-reader.ts';
import { checkConfigMapKey } from '../../meta/checks.ts';
import { validateImmutable } from '../../meta/validation.ts';
import type { Secret } from '../secret.ts';

/** Of a Secret or a ConfigMap. */
export const maxDataBytes = 1024 * 1024;
export const immutableDataText = 'field is immutable when `immutable` is set';

const decodedLength = (base64: string) =>
  Math.floor((base64.length * 3) / 4) - (base64.endsWith('==') ? 2 : base64.endsWith('=') ? 1 : 0);

export function validateSecret(secret: Secret): FieldError[] {
  const errors: FieldError[] = [];
  let bytes = 0;
  for (const [key, value] of Object.entries(secret.data ?? {})) {
    for (const complaint of checkConfigMapKey(key)) errors.push(invalid(`data[${key}]`, key, complaint));
    bytes += decodedLength(value ?? '');
  }
  if (bytes > maxDataBytes) errors.push(tooLong('data', maxDataBytes));
  append(errors, typeValidators.get(secret.type ?? '')?.(secret) ?? []);
  return errors;
}

function requireKeys(secret: Secret, keys: readonly string[]): FieldError[] {
  return keys.filter((key) => secret.data?.[key] === undefined).map((key) => required(`data[${key}]`));
}

function requireJson(secret: Secret, key: string): FieldError[] {
  const missing = requireKeys(secret, [key]);
  if (missing.length > 0) return missing;
  const complaint = checkJsonObject(atob(secret.data![key]!));
  return complaint ? [invalid(`data[${key}]`, '<secret contents redacted>', complaint)] : [];
}

/** What is wrong with the text, in words that show nothing of it but one character. */
function checkJsonObject(text: string): string | undefined {
  try {
    const { value } = readJson(text);
    if (value === null || (typeof value === 'object' && !Array.isArray(value))) return undefined;
    const type = Array.isArray(value) ? 'array' : typeof value === 'boolean' ? 'bool' : typeof value;
    return `json: cannot unmarshal ${type} into Go value of type map[string]interface {}`;
  } catch (err) {
    return messageOf(err);
  }
}

const accountAnnotation = 'kubernetes.io/service-account.name';

const typeValidators = new Map<string, (secret: Secret) => FieldError[]>(
  Object.entries({
    'kubernetes.io/service-account-token': (secret: Secret) =>
      secret.metadata.annotations?.[accountAnnotation] ? [] : [required(`metadata.annotations[${accountAnnotation}]`)],
    'kubernetes.io/dockercfg': (secret: Secret) => requireJson(secret, '.dockercfg'),
    'kubernetes.io/dockerconfigjson': (secret: Secret) => requireJson(secret, '.dockerconfigjson'),
    'kubernetes.io/basic-auth': (secret: Secret) => {
      // Either will do.
      const missing = requireKeys(secret, ['username', 'password']);
      return missing.length === 2 ? missing : [];
    },
    'kubernetes.io/ssh-auth': (secret: Secret) =>
      secret.data?.['ssh-privatekey'] ? [] : [required('data[ssh-privatekey]')],
    'kubernetes.io/tls': (secret: Secret) => requireKeys(secret, ['tls.crt', 'tls.key']),
  }),
);

export function validateSecretUpdate(next: Secret, old: Secret): FieldError[] {
  const errors = validateImmutable(next.type, old.type, 'type');
  if (!old.immutable) return errors;
  if (!next.immutable) errors.push(forbidden('immutable', immutableDataText));
  if (!jsonEqual(next.data ?? {}, old.data ?? {})) errors.push(forbidden('data', immutableDataText));
  return errors;
}
