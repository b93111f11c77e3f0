// Security settings of pods and containers as the runtime takes them; the container's win over the pod's.
// Upstream: pkg/securitycontext and kuberuntime/security_context.go.
import { join } from 'node:path';
import type { Container } from '../../api/core/pod/container.ts';
import type { AppArmorProfile, SeccompProfile } from '../../api/core/pod/security-context.ts';
import type { Pod } from '../../api/core/pod.ts';
import type {
  LinuxContainerSecurityContext,
  LinuxSandboxSecurityContext,
  NamespaceOption,
  SecurityProfile,
  UserNamespace,
} from '../../proto/cri.gen.ts';
import type { Init } from '../../proto/message.ts';
import { describePod } from '../pods/pod-text.ts';
import { ContainerConfigError } from './environment.ts';

const maskedPaths = [
  '/proc/asound',
  '/proc/acpi',
  '/proc/interrupts',
  '/proc/kcore',
  '/proc/keys',
  '/proc/latency_stats',
  '/proc/timer_list',
  '/proc/timer_stats',
  '/proc/sched_debug',
  '/proc/scsi',
  '/sys/firmware',
  '/sys/devices/virtual/powercap',
];
const readonlyPaths = ['/proc/bus', '/proc/fs', '/proc/irq', '/proc/sys', '/proc/sysrq-trigger'];

function namespaceOptions(pod: Pod, userNamespace: Init<UserNamespace>): Init<NamespaceOption> {
  const { hostNetwork, hostIPC, hostPID, shareProcessNamespace } = pod.spec;
  return {
    network: hostNetwork ? 'NODE' : 'POD',
    ipc: hostIPC ? 'NODE' : 'POD',
    pid: hostPID ? 'NODE' : shareProcessNamespace ? 'POD' : 'CONTAINER',
    userns_options: userNamespace,
  };
}

function seccompOf(profile: SeccompProfile | undefined, seccompDir: string): Init<SecurityProfile> {
  if (!profile || profile.type === 'Unconfined') return { profile_type: 'Unconfined' };
  if (profile.type === 'RuntimeDefault') return { profile_type: 'RuntimeDefault' };
  return { profile_type: 'Localhost', localhost_ref: join(seccompDir, profile.localhostProfile ?? '') };
}

/** Without a wish the runtime's default applies, where the node has AppArmor at all. */
function appArmorOf(profile: AppArmorProfile | undefined): { apparmor?: Init<SecurityProfile> } {
  if (!profile) return {};
  const { type, localhostProfile = '' } = profile;
  return { apparmor: { profile_type: type, ...(type === 'Localhost' ? { localhost_ref: localhostProfile } : {}) } };
}

const runAs = (user: number | undefined, group: number | undefined) => ({
  ...(user === undefined ? {} : { run_as_user: { value: String(user) } }),
  ...(group === undefined ? {} : { run_as_group: { value: String(group) } }),
});

/** Groups the processes are in besides their own: the pod's, and the one that owns the volumes. */
function supplementalGroups(pod: Pod): string[] {
  const { supplementalGroups: own = [], fsGroup } = pod.spec.securityContext ?? {};
  return [...own, ...(fsGroup === undefined ? [] : [fsGroup])].map(String);
}

export function sandboxSecurity(
  pod: Pod,
  { seccompDir, userNamespace }: { seccompDir: string; userNamespace: Init<UserNamespace> },
): Init<LinuxSandboxSecurityContext> {
  const context = pod.spec.securityContext ?? {};
  const privileged = [...pod.spec.containers, ...(pod.spec.initContainers ?? [])].some(
    (c) => c.securityContext?.privileged,
  );
  return {
    privileged,
    namespace_options: namespaceOptions(pod, userNamespace),
    seccomp: seccompOf(context.seccompProfile ?? { type: 'RuntimeDefault' }, seccompDir),
    ...runAs(context.runAsUser, context.runAsGroup),
    supplemental_groups: supplementalGroups(pod),
    supplemental_groups_policy: context.supplementalGroupsPolicy ?? 'Merge',
  };
}

/** `targetId` names a running container of the pod whose processes this one sees. */
export function containerSecurity(
  pod: Pod,
  container: Container,
  {
    seccompDir,
    targetId,
    userNamespace,
  }: { seccompDir: string; targetId?: string | undefined; userNamespace: Init<UserNamespace> },
): Init<LinuxContainerSecurityContext> {
  const own = container.securityContext ?? {};
  const context = pod.spec.securityContext ?? {};
  const privileged = own.privileged ?? false;
  const unmasked = privileged || own.procMount === 'Unmasked';
  return {
    privileged,
    readonly_rootfs: own.readOnlyRootFilesystem ?? false,
    no_new_privs: own.allowPrivilegeEscalation === false,
    capabilities: { add_capabilities: own.capabilities?.add ?? [], drop_capabilities: own.capabilities?.drop ?? [] },
    namespace_options: {
      ...namespaceOptions(pod, userNamespace),
      ...(targetId === undefined ? {} : { pid: 'TARGET', target_id: targetId }),
    },
    seccomp: seccompOf(own.seccompProfile ?? context.seccompProfile, seccompDir),
    ...appArmorOf(own.appArmorProfile ?? context.appArmorProfile),
    supplemental_groups: supplementalGroups(pod),
    supplemental_groups_policy: context.supplementalGroupsPolicy ?? 'Merge',
    masked_paths: unmasked ? [] : maskedPaths,
    readonly_paths: unmasked ? [] : readonlyPaths,
    ...runAs(own.runAsUser ?? context.runAsUser, own.runAsGroup ?? context.runAsGroup),
  };
}

/**
 * runAsNonRoot: refuses a container that would run as root, or whose image names a user that cannot
 * be told from root.
 */
export function checkNonRoot(pod: Pod, container: Container, imageUser: { uid?: number; username: string }): void {
  const own = container.securityContext ?? {};
  const context = pod.spec.securityContext ?? {};
  if (!(own.runAsNonRoot ?? context.runAsNonRoot)) return;
  const where = `(pod: "${describePod(pod)}", container: ${container.name})`;
  const runAsUser = own.runAsUser ?? context.runAsUser;
  if (runAsUser !== undefined) {
    if (runAsUser === 0) throw new ContainerConfigError(`container's runAsUser breaks non-root policy ${where}`);
    return;
  }
  if (imageUser.uid === 0)
    throw new ContainerConfigError(`container has runAsNonRoot and image will run as root ${where}`);
  if (imageUser.uid === undefined && imageUser.username !== '') {
    throw new ContainerConfigError(
      `container has runAsNonRoot and image has non-numeric user (${imageUser.username}), cannot verify user is non-root ${where}`,
    );
  }
}
