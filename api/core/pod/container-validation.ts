// Validation of containers, init containers and ephemeral containers. Upstream: pkg/apis/core/validation.
import {
  append,
  duplicate,
  type FieldError,
  forbidden,
  notFound,
  required,
  tooMany,
} from '../../../machinery/field-error.ts';
import {
  checkPortName,
  validateDNSLabel,
  validateOptionalWord,
  validatePortNumber,
  validateWith,
  validateWord,
} from '../../meta/checks.ts';
import type { Container, ContainerPort, EphemeralContainer } from './container.ts';
import { validateEnv, validateEnvFrom } from './env-validation.ts';
import type { PodSpec } from './pod-spec.ts';
import { validateProbesAndHooks } from './probe-validation.ts';
import { isSidecar } from './resource-totals.ts';
import { type ClaimNames, validateResizePolicies, validateResources } from './resource-validation.ts';
import { validateSecurityContext } from './security-validation.ts';
import type { Volume } from './volume.ts';
import { validateMounts } from './volume-validation.ts';

const protocols = ['SCTP', 'TCP', 'UDP'];
const pullPolicies = ['Always', 'IfNotPresent', 'Never'];
const messagePolicies = ['File', 'FallbackToLogsOnError'];

/** What containers refer to in their pod: the volumes are those that are fine. */
export interface Surroundings {
  spec: PodSpec;
  volumes: ReadonlyMap<string, Volume>;
  claims: ClaimNames;
  graceSeconds: number;
}

/** What all three sorts of containers share. */
function validateCommon(container: Container, { spec, volumes, claims }: Surroundings, path: string): FieldError[] {
  const errors = container.name ? validateDNSLabel(container.name, `${path}.name`) : [required(`${path}.name`)];
  if (!container.image) errors.push(required(`${path}.image`));
  const at = `${path}.terminationMessagePolicy`;
  append(errors, validateWord(container.terminationMessagePolicy, messagePolicies, at));
  append(errors, validatePorts(container.ports ?? [], `${path}.ports`));
  append(errors, validateEnv(container.env ?? [], `${path}.env`));
  append(errors, validateEnvFrom(container.envFrom ?? [], `${path}.envFrom`));
  append(errors, validateMounts(container, volumes, path));
  append(errors, validateWord(container.imagePullPolicy, pullPolicies, `${path}.imagePullPolicy`));
  append(errors, validateResources(container.resources, claims, `${path}.resources`));
  append(errors, validateResizePolicies(container.resizePolicy ?? [], `${path}.resizePolicy`, spec.restartPolicy));
  append(errors, validateSecurityContext(container.securityContext, `${path}.securityContext`));
  return errors;
}

function validatePorts(ports: readonly ContainerPort[], path: string): FieldError[] {
  const errors: FieldError[] = [];
  const names = new Set<string>();
  for (const [i, port] of ports.entries()) {
    const at = `${path}[${i}]`;
    if (port.name) {
      const complaints = validateWith(checkPortName, port.name, `${at}.name`);
      if (complaints.length === 0 && names.has(port.name)) complaints.push(duplicate(`${at}.name`, port.name));
      append(errors, complaints);
      names.add(port.name);
    }
    if (!port.containerPort) errors.push(required(`${at}.containerPort`));
    else append(errors, validatePortNumber(port.containerPort, `${at}.containerPort`));
    if (port.hostPort) append(errors, validatePortNumber(port.hostPort, `${at}.hostPort`));
    append(errors, validateWord(port.protocol, protocols, `${at}.protocol`));
  }
  return errors;
}

/** Two containers of a pod cannot take the same port of the node. */
function validateHostPortConflicts(containers: readonly Container[], path: string): FieldError[] {
  const errors: FieldError[] = [];
  const seen = new Set<string>();
  for (const [i, container] of containers.entries()) {
    for (const [j, port] of (container.ports ?? []).entries()) {
      if (!port.hostPort) continue;
      const key = `${port.protocol}/${port.hostIP ?? ''}/${port.hostPort}`;
      if (seen.has(key)) errors.push(duplicate(`${path}[${i}].ports[${j}].hostPort`, key));
      seen.add(key);
    }
  }
  return errors;
}

export function validateContainers(around: Surroundings, path: string): FieldError[] {
  const { spec, graceSeconds } = around;
  const containers = spec.containers ?? [];
  if (containers.length === 0) return [required(path)];
  const errors: FieldError[] = [];
  const names = new Set<string>();
  for (const [i, container] of containers.entries()) {
    const at = `${path}[${i}]`;
    append(errors, validateCommon(container, around, at));
    if (names.has(container.name)) errors.push(duplicate(`${at}.name`, container.name));
    names.add(container.name);
    append(errors, validateProbesAndHooks(container, at, graceSeconds));
    append(errors, validateRestart(container, ['Always', 'OnFailure', 'Never'], at));
  }
  append(errors, validateHostPortConflicts(containers, path));
  return errors;
}

function validateRestart(container: Container, supported: readonly string[], path: string): FieldError[] {
  const errors: FieldError[] = validateOptionalWord(container.restartPolicy, supported, `${path}.restartPolicy`);
  const rules = container.restartPolicyRules ?? [];
  if (rules.length > 0 && container.restartPolicy === undefined) {
    errors.push(required(`${path}.restartPolicy`, 'must specify restartPolicy when restart rules are used'));
  }
  if (rules.length > maxRules) errors.push(tooMany(`${path}.restartPolicyRules`, rules.length, maxRules));
  for (const [i, { action = '', exitCodes }] of rules.entries()) {
    const at = `${path}.restartPolicyRules[${i}]`;
    if (!exitCodes) errors.push(required(`${at}.exitCodes`, 'must be specified'));
    else {
      const { operator = '', values = [] } = exitCodes;
      append(errors, validateOptionalWord(operator, ['In', 'NotIn'], `${at}.exitCodes.operator`));
      if (values.length > maxExitCodes) errors.push(tooMany(`${at}.exitCodes.values`, values.length, maxExitCodes));
    }
    append(errors, validateOptionalWord(action, ['Restart', 'RestartAllContainers'], `${at}.action`));
  }
  return errors;
}

const maxRules = 20;
const maxExitCodes = 255;

// An init container that ends has no use for what watches a running one.
const sidecarOnly = ['livenessProbe', 'readinessProbe', 'startupProbe'] as const;

export function validateInitContainers(around: Surroundings, path: string): FieldError[] {
  const { spec, graceSeconds } = around;
  const errors: FieldError[] = [];
  const names = new Set((spec.containers ?? []).map((container) => container.name));
  for (const [i, container] of (spec.initContainers ?? []).entries()) {
    const at = `${path}[${i}]`;
    append(errors, validateCommon(container, around, at));
    if (isSidecar(container)) append(errors, validateProbesAndHooks(container, at, graceSeconds));
    else {
      if (container.lifecycle?.postStart || container.lifecycle?.preStop) {
        errors.push(forbidden(`${at}.lifecycle`, 'may not be set for init containers without restartPolicy=Always'));
      }
      for (const probe of sidecarOnly) {
        if (!container[probe]) continue;
        errors.push(forbidden(`${at}.${probe}`, 'may not be set for init containers without restartPolicy=Always'));
      }
    }
    append(errors, validateRestart(container, ['Always', 'Never', 'OnFailure'], at));
    if (container.name && names.has(container.name)) errors.push(duplicate(`${at}.name`, container.name));
    names.add(container.name);
    append(errors, validateHostPortConflicts([container], path));
  }
  return errors;
}

const ephemeralForbidden = [
  'ports',
  'resources',
  'resizePolicy',
  'restartPolicy',
  'restartPolicyRules',
  'livenessProbe',
  'readinessProbe',
  'startupProbe',
  'lifecycle',
] as const satisfies (keyof EphemeralContainer)[];

export function validateEphemeralContainers(around: Surroundings, path: string): FieldError[] {
  const { spec } = around;
  const errors: FieldError[] = [];
  const targets = new Set([...(spec.containers ?? []), ...(spec.initContainers ?? [])].map((c) => c.name));
  const names = new Set(targets);
  for (const [i, container] of (spec.ephemeralContainers ?? []).entries()) {
    const at = `${path}[${i}]`;
    append(errors, validateCommon(container as Container, around, at));
    if (container.name && names.has(container.name)) errors.push(duplicate(`${at}.name`, container.name));
    names.add(container.name);
    if (container.targetContainerName && !targets.has(container.targetContainerName)) {
      errors.push(notFound(`${at}.targetContainerName`, container.targetContainerName));
    }
    for (const field of ephemeralForbidden) {
      const value = container[field];
      if (value === undefined || (field === 'resources' && Object.keys(value).length === 0)) continue;
      errors.push(forbidden(`${at}.${field}`, 'cannot be set for an Ephemeral Container'));
    }
    for (const [j, mount] of (container.volumeMounts ?? []).entries()) {
      const mountPath = `${at}.volumeMounts[${j}]`;
      if (mount.subPath) errors.push(forbidden(`${mountPath}.subPath`, 'cannot be set for an Ephemeral Container'));
      if (mount.subPathExpr) {
        errors.push(forbidden(`${mountPath}.subPathExpr`, 'cannot be set for an Ephemeral Container'));
      }
    }
  }
  return errors;
}
