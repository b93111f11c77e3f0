// Validation of security settings. What a cluster allows is the matter of admission; this only refuses nonsense.
// Upstream: pkg/apis/core/validation.
import { duplicate, type FieldError, invalid, notSupported, required } from '../../../machinery/field-error.ts';
import { rangeText, validateOptionalWord } from '../../meta/checks.ts';
import type { PodSpec } from './pod-spec.ts';
import type { AppArmorProfile, SeccompProfile, SecurityContext, Sysctl } from './security-context.ts';

const maxId = 2 ** 31 - 1;

function validateId(id: number | undefined, path: string): FieldError[] {
  return id !== undefined && (id < 0 || id > maxId) ? [invalid(path, id, rangeText(0, maxId))] : [];
}

function validateSeccomp(profile: SeccompProfile | undefined, path: string): FieldError[] {
  if (!profile) return [];
  const at = `${path}.localhostProfile`;
  const errors: FieldError[] = [];
  if (profile.type === 'Localhost') {
    if (!profile.localhostProfile) errors.push(required(at, 'must be set when seccomp type is Localhost'));
    else if (profile.localhostProfile.startsWith('/')) {
      errors.push(invalid(at, profile.localhostProfile, 'must be a relative path'));
    } else if (profile.localhostProfile.split('/').includes('..')) {
      errors.push(invalid(at, profile.localhostProfile, "must not contain '..'"));
    }
  } else if (profile.localhostProfile !== undefined) {
    errors.push(invalid(at, profile.localhostProfile, 'can only be set when seccomp type is Localhost'));
  }
  if (!profile.type) errors.push(required(`${path}.type`, 'type is required when seccompProfile is set'));
  else if (!['Localhost', 'RuntimeDefault', 'Unconfined'].includes(profile.type)) {
    errors.push(notSupported(`${path}.type`, profile.type, ['Localhost', 'RuntimeDefault', 'Unconfined']));
  }
  return errors;
}

function validateAppArmor(profile: AppArmorProfile | undefined, path: string): FieldError[] {
  if (!profile) return [];
  const at = `${path}.localhostProfile`;
  if (!profile.type) return [required(`${path}.type`, 'type is required when appArmorProfile is set')];
  if (profile.type !== 'Localhost') {
    const errors: FieldError[] = validateOptionalWord(
      profile.type,
      ['Localhost', 'RuntimeDefault', 'Unconfined'],
      `${path}.type`,
    );
    if (profile.localhostProfile !== undefined) {
      errors.push(invalid(at, profile.localhostProfile, 'can only be set when AppArmor type is Localhost'));
    }
    return errors;
  }
  if (!profile.localhostProfile) return [required(at, 'must be set when AppArmor type is Localhost')];
  if (profile.localhostProfile.trim() !== profile.localhostProfile) {
    return [invalid(at, profile.localhostProfile, 'must not be padded with whitespace')];
  }
  return [];
}

export function validateSecurityContext(context: SecurityContext | undefined, path: string): FieldError[] {
  if (!context) return [];
  const errors = validateId(context.runAsUser, `${path}.runAsUser`);
  errors.push(...validateId(context.runAsGroup, `${path}.runAsGroup`));
  errors.push(...validateOptionalWord(context.procMount, ['Default', 'Unmasked'], `${path}.procMount`));
  errors.push(...validateSeccomp(context.seccompProfile, `${path}.seccompProfile`));
  errors.push(...validateAppArmor(context.appArmorProfile, `${path}.appArmorProfile`));
  if (context.allowPrivilegeEscalation !== false) return errors;
  if (context.privileged) {
    errors.push(invalid(path, context, 'cannot set `allowPrivilegeEscalation` to false and `privileged` to true'));
  }
  if (context.capabilities?.add?.some((name) => name === 'CAP_SYS_ADMIN' || name === 'SYS_ADMIN')) {
    const detail = 'cannot set `allowPrivilegeEscalation` to false and `capabilities.Add` CAP_SYS_ADMIN';
    errors.push(invalid(path, context, detail));
  }
  return errors;
}

const sysctlPattern = '^([a-z0-9]([-_a-z0-9]*[a-z0-9])?[\\./])*[a-z0-9]([-_a-z0-9]*[a-z0-9])?$';
const sysctlMaxLength = 253;

function validateSysctls(sysctls: readonly Sysctl[], path: string): FieldError[] {
  const errors: FieldError[] = [];
  const seen = new Set<string>();
  for (const [i, { name }] of sysctls.entries()) {
    const at = `${path}[${i}].name`;
    if (!name) errors.push(required(at));
    else if (name.length > sysctlMaxLength || !new RegExp(sysctlPattern).test(name)) {
      const detail = `must have at most ${sysctlMaxLength} characters and match regex ${sysctlPattern}`;
      errors.push(invalid(at, name, detail));
    } else if (seen.has(name)) {
      errors.push(duplicate(at, name));
    }
    seen.add(name);
  }
  return errors;
}

/** The pod's own settings and the namespaces it shares; `path` is that of the spec. */
export function validatePodSecurity(spec: PodSpec, path: string): FieldError[] {
  const at = `${path}.securityContext`;
  const context = spec.securityContext;
  const errors: FieldError[] = [];
  if (spec.hostNetwork) errors.push(...validateHostPorts(spec, path));
  if (spec.shareProcessNamespace && spec.hostPID) {
    const detail = 'ShareProcessNamespace and HostPID cannot both be enabled';
    errors.push(invalid(`${path}.shareProcessNamespace`, true, detail));
  }
  if (!context) return errors;
  for (const field of ['fsGroup', 'runAsUser', 'runAsGroup'] as const) {
    errors.push(...validateId(context[field], `${at}.${field}`));
  }
  for (const [i, id] of (context.supplementalGroups ?? []).entries()) {
    errors.push(...validateId(id, `${at}.supplementalGroups[${i}]`));
  }
  errors.push(...validateSysctls(context.sysctls ?? [], `${at}.sysctls`));
  const words = [
    ['fsGroupChangePolicy', ['Always', 'OnRootMismatch']],
    ['supplementalGroupsPolicy', ['Merge', 'Strict']],
    ['seLinuxChangePolicy', ['MountOption', 'Recursive']],
  ] as const;
  for (const [field, supported] of words) {
    errors.push(...validateOptionalWord(context[field], supported, `${at}.${field}`));
  }
  errors.push(...validateSeccomp(context.seccompProfile, `${at}.seccompProfile`));
  errors.push(...validateAppArmor(context.appArmorProfile, `${at}.appArmorProfile`));
  return errors;
}

/** In the node's network a container port is a port of the node. */
function validateHostPorts(spec: PodSpec, path: string): FieldError[] {
  const errors: FieldError[] = [];
  for (const list of ['containers', 'initContainers'] as const) {
    for (const [i, container] of (spec[list] ?? []).entries()) {
      for (const [j, port] of (container.ports ?? []).entries()) {
        if (port.hostPort === port.containerPort) continue;
        const at = `${path}.${list}[${i}].ports[${j}].hostPort`;
        errors.push(invalid(at, port.hostPort ?? 0, 'must match `containerPort` when `hostNetwork` is true'));
      }
    }
  }
  return errors;
}
