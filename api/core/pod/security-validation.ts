// Validation of security settings. What a cluster allows is the matter of admission; this only refuses nonsense.
// Upstream: pkg/apis/core/validation.
import {
  append,
  duplicate,
  type FieldError,
  invalid,
  notSupported,
  required,
  tooLong,
} from '../../../machinery/field-error.ts';
import { byteLength } from '../../../machinery/name-rules.ts';
import { rangeText, validateOptionalWord } from '../../meta/checks.ts';
import { validateDescendingPath } from './path-validation.ts';
import type { PodSpec } from './pod-spec.ts';
import {
  type AppArmorProfile,
  type SeccompProfile,
  type SecurityContext,
  type Sysctl,
  seccompProfile,
  securityContext,
} from './security-context.ts';
import { showInternal } from './spec-diff.ts';
import { validateWindowsOptions } from './windows-validation.ts';

const maxId = 2 ** 31 - 1;

function validateId(id: number | undefined, path: string): FieldError[] {
  return id !== undefined && (id < 0 || id > maxId) ? [invalid(path, id, rangeText(0, maxId))] : [];
}

const profileTypes = ['Localhost', 'RuntimeDefault', 'Unconfined'];

function validateSeccomp(profile: SeccompProfile | undefined, path: string): FieldError[] {
  if (!profile) return [];
  const { type, localhostProfile: file } = profile;
  const at = `${path}.localhostProfile`;
  const errors = type
    ? validateOptionalWord(type, profileTypes, `${path}.type`)
    : [required(`${path}.type`, 'type is required when seccompProfile is set')];
  if (type === 'Localhost') {
    if (file === undefined) errors.push(required(at, 'must be set when seccomp type is Localhost'));
    else append(errors, validateDescendingPath(file, at));
  } else if (file !== undefined) {
    const shown = showInternal(seccompProfile, profile);
    errors.push(invalid(at, shown, 'can only be set when seccomp type is Localhost'));
  }
  return errors;
}

const maxProfileLength = 4095;

function validateAppArmor(profile: AppArmorProfile | undefined, path: string): FieldError[] {
  if (!profile) return [];
  const { type, localhostProfile: name } = profile;
  const at = `${path}.localhostProfile`;
  if (!type) return [required(`${path}.type`, 'type is required when appArmorProfile is set')];
  if (!profileTypes.includes(type)) return [notSupported(`${path}.type`, type, profileTypes)];
  if (type !== 'Localhost') {
    return name === undefined ? [] : [invalid(at, name, 'can only be set when AppArmor type is Localhost')];
  }
  if (!name) return [required(at, 'must be set when AppArmor type is Localhost')];
  return [
    ...(name.trim() === name ? [] : [invalid(at, name, 'must not be padded with whitespace')]),
    ...(byteLength(name) > maxProfileLength ? [tooLong(at, maxProfileLength)] : []),
  ];
}

export function validateSecurityContext(context: SecurityContext | undefined, path: string): FieldError[] {
  if (!context) return [];
  const errors = validateId(context.runAsUser, `${path}.runAsUser`);
  append(errors, validateId(context.runAsGroup, `${path}.runAsGroup`));
  append(errors, validateOptionalWord(context.procMount, ['Default', 'Unmasked'], `${path}.procMount`));
  append(errors, validateSeccomp(context.seccompProfile, `${path}.seccompProfile`));
  append(errors, validateEscalation(context, path));
  append(errors, validateWindowsOptions(context.windowsOptions, `${path}.windowsOptions`));
  append(errors, validateAppArmor(context.appArmorProfile, `${path}.appArmorProfile`));
  return errors;
}

function validateEscalation(context: SecurityContext, path: string): FieldError[] {
  if (context.allowPrivilegeEscalation !== false) return [];
  const isAdmin = (context.capabilities?.add ?? []).some((name) => name === 'CAP_SYS_ADMIN' || name === 'SYS_ADMIN');
  const found = [
    ...(context.privileged ? ['`privileged` to true'] : []),
    ...(isAdmin ? ['`capabilities.Add` CAP_SYS_ADMIN'] : []),
  ];
  return found.map((what) =>
    invalid(
      path,
      showInternal(securityContext, context),
      `cannot set \`allowPrivilegeEscalation\` to false and ${what}`,
    ),
  );
}

const sysctlPattern = '^([a-z0-9]([-_a-z0-9]*[a-z0-9])?[\\./])*[a-z0-9]([-_a-z0-9]*[a-z0-9])?$';
const sysctlMaxLength = 253;

/** Settings of a namespace that the pod shares with its node would be the node's. */
function sharedNamespaceOf(name: string, { hostNetwork, hostIPC }: PodSpec): string | undefined {
  const dotted = /^[^.]*\//.test(name) ? name.replace(/[./]/g, (char) => (char === '/' ? '.' : '/')) : name;
  if (hostNetwork && dotted.startsWith('net.')) return 'hostNetwork';
  return hostIPC && /^(kernel\.(shm|msg|sem$)|fs\.mqueue\.)/.test(dotted) ? 'hostIPC' : undefined;
}

function validateSysctls(sysctls: readonly Sysctl[], spec: PodSpec, path: string): FieldError[] {
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
    const shared = sharedNamespaceOf(name, spec);
    if (shared) errors.push(invalid(at, name, `may not be specified when '${shared}' is true`));
    seen.add(name);
  }
  return errors;
}

/** The pod's own settings and the namespaces it shares; `path` is that of the spec. */
export function validatePodSecurity(spec: PodSpec, path: string): FieldError[] {
  const at = `${path}.securityContext`;
  const context = spec.securityContext;
  if (!context) return validateShared(spec, at);
  const errors = (['fsGroup', 'runAsUser', 'runAsGroup'] as const).flatMap((field) =>
    validateId(context[field], `${at}.${field}`),
  );
  for (const [i, id] of (context.supplementalGroups ?? []).entries()) {
    append(errors, validateId(id, `${at}.supplementalGroups[${i}]`));
  }
  const checkWord = (
    field: 'fsGroupChangePolicy' | 'supplementalGroupsPolicy' | 'seLinuxChangePolicy',
    words: string[],
  ) => validateOptionalWord(context[field], words, `${at}.${field}`);
  return [
    ...errors,
    ...validateShared(spec, at),
    ...validateSysctls(context.sysctls ?? [], spec, `${at}.sysctls`),
    ...checkWord('fsGroupChangePolicy', ['Always', 'OnRootMismatch']),
    ...validateSeccomp(context.seccompProfile, `${at}.seccompProfile`),
    ...validateWindowsOptions(context.windowsOptions, `${at}.windowsOptions`),
    ...validateAppArmor(context.appArmorProfile, `${at}.appArmorProfile`),
    ...checkWord('supplementalGroupsPolicy', ['Merge', 'Strict']),
    ...checkWord('seLinuxChangePolicy', ['MountOption', 'Recursive']),
  ];
}

function validateShared({ shareProcessNamespace, hostPID }: PodSpec, path: string): FieldError[] {
  const detail = 'ShareProcessNamespace and HostPID cannot both be enabled';
  return shareProcessNamespace && hostPID ? [invalid(`${path}.shareProcessNamespace`, true, detail)] : [];
}

/** In the node's network a container port is a port of the node. Templates may leave it out. */
export function validateHostPorts(spec: PodSpec, path: string, isPod: boolean): FieldError[] {
  if (!spec.hostNetwork) return [];
  return (spec.containers ?? []).flatMap((container, i) =>
    (container.ports ?? []).flatMap(({ hostPort = 0, containerPort }, j) => {
      if (hostPort === containerPort || (hostPort === 0 && !isPod)) return [];
      const at = `${path}.containers[${i}].ports[${j}].hostPort`;
      return [invalid(at, hostPort, 'must match `containerPort` when `hostNetwork` is true')];
    }),
  );
}
