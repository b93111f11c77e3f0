// Validation of environment variables and of the references to fields and resources that volumes share with them.
// Upstream: pkg/apis/core/validation.
import { type FieldError, invalid, notSupported, required } from '../../../machinery/field-error.ts';
import { checkQualifiedName } from '../../../machinery/name-rules.ts';
import { checkConfigMapKey, validateRequired, validateWith } from '../../meta/checks.ts';
import type { EnvFromSource, EnvVar, EnvVarSource, ObjectFieldSelector, ResourceFieldSelector } from './env.ts';

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
    if (variable.valueFrom) errors.push(...validateValueFrom(variable.valueFrom, variable.value, `${at}.valueFrom`));
    return errors;
  });
}

function validateValueFrom(source: EnvVarSource, value: string | undefined, path: string): FieldError[] {
  const errors: FieldError[] = [];
  const { fieldRef, resourceFieldRef, configMapKeyRef, secretKeyRef, fileKeyRef } = source;
  if (fieldRef) errors.push(...validateFieldRef(fieldRef, envFieldPaths, `${path}.fieldRef`));
  if (resourceFieldRef) errors.push(...validateResourceFieldRef(resourceFieldRef, `${path}.resourceFieldRef`, false));
  if (configMapKeyRef) errors.push(...validateKeyRef(configMapKeyRef, `${path}.configMapKeyRef`));
  if (secretKeyRef) errors.push(...validateKeyRef(secretKeyRef, `${path}.secretKeyRef`));
  if (fileKeyRef) {
    for (const field of ['volumeName', 'path', 'key'] as const) {
      errors.push(...validateRequired(fileKeyRef[field], `${path}.fileKeyRef.${field}`));
    }
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
  const errors = validateRequired(ref.name, `${path}.name`);
  if (!ref.key) errors.push(required(`${path}.key`));
  else errors.push(...validateWith(checkConfigMapKey, ref.key, `${path}.key`));
  return errors;
}

const subscriptPattern = /^(metadata\.(?:annotations|labels))\['(.*)'\]$/;

export function validateFieldRef(ref: ObjectFieldSelector, allowed: readonly string[], path: string): FieldError[] {
  if (!ref.apiVersion) return [required(`${path}.apiVersion`)];
  if (!ref.fieldPath) return [required(`${path}.fieldPath`)];
  const at = `${path}.fieldPath`;
  const subscript = subscriptPattern.exec(ref.fieldPath);
  if (subscript) {
    const key = subscript[1] === 'metadata.annotations' ? subscript[2]!.toLowerCase() : subscript[2]!;
    return checkQualifiedName(key).map((complaint) => invalid(at, subscript[2], complaint));
  }
  if (!knownFieldPaths.has(ref.fieldPath)) {
    const detail = `error converting fieldPath: field label not supported: ${ref.fieldPath}`;
    return [invalid(at, ref.fieldPath, detail)];
  }
  return allowed.includes(ref.fieldPath) ? [] : [notSupported(at, ref.fieldPath, allowed)];
}

const resourceNames = ['cpu', 'ephemeral-storage', 'memory'];
const resourceFields = ['limits', 'requests'].flatMap((side) => resourceNames.map((name) => `${side}.${name}`));
const hugePagesField = /^(limits|requests)\.hugepages-.+$/;
const cpuDivisors = ['1m', '1'];
const byteDivisors = ['1', '1k', '1M', '1G', '1T', '1P', '1E', '1Ki', '1Mi', '1Gi', '1Ti', '1Pi', '1Ei'];

/** In volumes the container must be named. */
export function validateResourceFieldRef(ref: ResourceFieldSelector, path: string, inVolume: boolean): FieldError[] {
  if (inVolume && !ref.containerName) return [required(`${path}.containerName`)];
  if (!ref.resource) return [required(`${path}.resource`)];
  if (!resourceFields.includes(ref.resource) && !hugePagesField.test(ref.resource)) {
    return [notSupported(`${path}.resource`, ref.resource, resourceFields)];
  }
  const isCpu = ref.resource.endsWith('.cpu');
  const divisors = isCpu ? cpuDivisors : byteDivisors;
  if (!ref.divisor || ref.divisor === '0' || divisors.includes(ref.divisor)) return [];
  const shown = divisors.length === 2 ? divisors.join(' and ') : divisors.join(', ');
  const resource = ref.resource.slice(ref.resource.indexOf('.') + 1);
  const detail = `only divisor's values ${shown} are supported with the ${resource} resource`;
  return [invalid(`${path}.divisor`, ref.resource, detail)];
}

export function validateEnvFrom(sources: readonly EnvFromSource[], path: string): FieldError[] {
  return sources.flatMap((source, i) => {
    const at = `${path}[${i}]`;
    const errors = source.prefix ? validateWith(checkEnvName, source.prefix, `${at}.prefix`) : [];
    const { configMapRef, secretRef } = source;
    if (configMapRef) errors.push(...validateRequired(configMapRef.name, `${at}.configMapRef.name`));
    if (secretRef) errors.push(...validateRequired(secretRef.name, `${at}.secretRef.name`));
    if (!configMapRef && !secretRef) {
      errors.push(invalid(at, '', 'must specify one of: `configMapRef` or `secretRef`'));
    } else if (configMapRef && secretRef) {
      errors.push(invalid(at, '', 'may not have more than one field specified at a time'));
    }
    return errors;
  });
}
