// Validation of environment variables and of the references to fields and resources that volumes share with them.
// Upstream: pkg/apis/core/validation.
import { append, type FieldError, invalid, notSupported, required } from '../../../machinery/field-error.ts';
import { isZeroQuantity } from '../../../machinery/quantity.ts';
import {
  checkConfigMapKey,
  validateDNSSubdomain,
  validateQualifiedName,
  validateRequired,
  validateWith,
} from '../../meta/checks.ts';
import { checkNamePrefix } from '../../meta/validation.ts';
import type { EnvFromSource, EnvVar, EnvVarSource, ObjectFieldSelector, ResourceFieldSelector } from './env.ts';
import { validateFilePath } from './path-validation.ts';

const nameText = "a valid environment variable name must consist only of printable ASCII characters other than '='";
const checkEnvName = (name: string) => (/^[ -<>-~]+$/.test(name) ? [] : [nameText]);

const envFieldPaths = [
  'metadata.name',
  'metadata.namespace',
  'metadata.uid',
  'spec.nodeName',
  'spec.serviceAccountName',
  'status.hostIP',
  'status.hostIPs',
  'status.podIP',
  'status.podIPs',
];
export const volumeFieldPaths = [
  'metadata.annotations',
  'metadata.labels',
  'metadata.name',
  'metadata.namespace',
  'metadata.uid',
];
const knownFieldPaths = new Set([
  ...envFieldPaths,
  ...volumeFieldPaths,
  'spec.restartPolicy',
  'spec.schedulerName',
  'status.phase',
]);

export function validateEnv(env: readonly EnvVar[], path: string): FieldError[] {
  return env.flatMap((variable, i) => {
    const at = `${path}[${i}]`;
    const errors = variable.name ? validateWith(checkEnvName, variable.name, `${at}.name`) : [required(`${at}.name`)];
    if (variable.valueFrom) append(errors, validateValueFrom(variable.valueFrom, variable.value, `${at}.valueFrom`));
    return errors;
  });
}

function validateValueFrom(source: EnvVarSource, value: string | undefined, path: string): FieldError[] {
  const errors: FieldError[] = [];
  const { fieldRef, resourceFieldRef, configMapKeyRef, secretKeyRef, fileKeyRef } = source;
  if (fieldRef) append(errors, validateFieldRef(fieldRef, envFieldPaths, `${path}.fieldRef`));
  if (resourceFieldRef) append(errors, validateResourceFieldRef(resourceFieldRef, `${path}.resourceFieldRef`, false));
  if (configMapKeyRef) append(errors, validateKeyRef(configMapKeyRef, `${path}.configMapKeyRef`));
  if (secretKeyRef) append(errors, validateKeyRef(secretKeyRef, `${path}.secretKeyRef`));
  if (fileKeyRef) {
    const at = `${path}.fileKeyRef`;
    for (const field of ['volumeName', 'path', 'key'] as const) {
      append(errors, validateRequired(fileKeyRef[field], `${at}.${field}`));
    }
    append(errors, validateFilePath(fileKeyRef.path ?? '', `${at}.path`));
  }
  const sources = [fieldRef, resourceFieldRef, configMapKeyRef, secretKeyRef, fileKeyRef].filter(Boolean).length;
  if (sources === 0) {
    const detail =
      'must specify one of: `fieldRef`, `resourceFieldRef`, `configMapKeyRef`, `fileKeyRef` or `secretKeyRef`';
    errors.push(invalid(path, '', detail));
  } else if (value) {
    errors.push(invalid(path, '', 'may not be specified when `value` is not empty'));
  } else if (sources > 1) {
    errors.push(invalid(path, '', 'may not have more than one field specified at a time'));
  }
  return errors;
}

function validateKeyRef(ref: { name?: string; key?: string }, path: string): FieldError[] {
  const errors = validateDNSSubdomain(ref.name ?? '', `${path}.name`);
  if (!ref.key) errors.push(required(`${path}.key`));
  else append(errors, validateWith(checkConfigMapKey, ref.key, `${path}.key`));
  return errors;
}

const subscriptPattern = /^([^[]+)\['(.*)'\]$/s;

/** `spec.host` is the old name of `spec.nodeName`. */
export function validateFieldRef(ref: ObjectFieldSelector, allowed: readonly string[], path: string): FieldError[] {
  const { apiVersion, fieldPath } = ref;
  if (!apiVersion) return [required(`${path}.apiVersion`)];
  if (!fieldPath) return [required(`${path}.fieldPath`)];
  const [, parent = '', subscript] = subscriptPattern.exec(fieldPath) ?? [];
  const at = `${path}.fieldPath`;
  const complain = (why: string) => [invalid(at, fieldPath, `error converting fieldPath: ${why}`)];
  if (apiVersion !== 'v1') return complain(`unsupported pod version: ${apiVersion}`);
  if (subscript !== undefined) {
    if (parent === 'metadata.annotations') return validateQualifiedName(subscript.toLowerCase(), path);
    if (parent === 'metadata.labels') return validateQualifiedName(subscript, path);
    return complain(`field label does not support subscript: ${fieldPath}`);
  }
  const known = fieldPath === 'spec.host' ? 'spec.nodeName' : fieldPath;
  if (!knownFieldPaths.has(known)) return complain(`field label not supported: ${fieldPath}`);
  return allowed.includes(known) ? [] : [notSupported(at, known, allowed)];
}

const resourceNames = ['cpu', 'ephemeral-storage', 'memory'];
const resourceFields = ['limits', 'requests'].flatMap((side) => resourceNames.map((name) => `${side}.${name}`));
const hugePagesField = /^(limits|requests)\.hugepages-/;
const byteDivisors = ['1', '1k', '1M', '1G', '1T', '1P', '1E', '1Ki', '1Mi', '1Gi', '1Ti', '1Pi', '1Ei'];

/** In volumes the container must be named. */
export function validateResourceFieldRef(ref: ResourceFieldSelector, path: string, inVolume: boolean): FieldError[] {
  const { containerName, resource, divisor = '0' } = ref;
  const isHugePages = hugePagesField.test(resource);
  const errors: FieldError[] = [];
  if (inVolume && !containerName) errors.push(required(`${path}.containerName`));
  else if (!resource) errors.push(required(`${path}.resource`));
  else if (!resourceFields.includes(resource) && !isHugePages) {
    errors.push(notSupported(`${path}.resource`, resource, resourceFields));
  }
  if (isZeroQuantity(divisor) || (!resourceFields.includes(resource) && !isHugePages)) return errors;
  const [, name = ''] = resource.split('.');
  const divisors = name === 'cpu' ? ['1m', '1'] : byteDivisors;
  if (divisors.includes(divisor)) return errors;
  const shown = divisors.join(name === 'cpu' ? ' and ' : ', ');
  const what = isHugePages ? 'hugepages' : name === 'ephemeral-storage' ? 'local ephemeral storage' : name;
  const detail = `only divisor's values ${shown} are supported with the ${what} resource`;
  return [...errors, invalid(`${path}.divisor`, resource, detail)];
}

/** How many sources there are is said of the whole list. */
export function validateEnvFrom(sources: readonly EnvFromSource[], path: string): FieldError[] {
  return sources.flatMap(({ prefix, configMapRef, secretRef }, i) => {
    const at = `${path}[${i}]`;
    const errors = prefix ? validateWith(checkEnvName, prefix, `${at}.prefix`) : [];
    for (const [field, ref] of Object.entries({ configMapRef, secretRef })) {
      if (!ref) continue;
      const namePath = `${at}.${field}.name`;
      const complaints = ref.name ? checkNamePrefix(ref.name, 'subdomain') : [];
      append(errors, ref.name ? complaints.map((why) => invalid(namePath, ref.name, why)) : [required(namePath)]);
    }
    if (!configMapRef && !secretRef) {
      errors.push(invalid(path, '', 'must specify one of: `configMapRef` or `secretRef`'));
    } else if (configMapRef && secretRef) {
      errors.push(invalid(path, '', 'may not have more than one field specified at a time'));
    }
    return errors;
  });
}
