// Security settings of pods and containers.
// https://kubernetes.io/docs/tasks/configure-pod-container/security-context/ Validation: security-validation.ts.
import { atomic, mandatory, s, type TypeOf } from '../../../machinery/schema.ts';

export const appArmorProfile = s.api('core.v1.AppArmorProfile', 'An AppArmor profile.', {
  localhostProfile: s.string('Name of a profile loaded on the node.', { pointer: true }),
  type: s.string('RuntimeDefault, Localhost or Unconfined.', {
    ...mandatory,
    enum: ['Localhost', 'RuntimeDefault', 'Unconfined'],
  }),
});
export interface AppArmorProfile extends TypeOf<typeof appArmorProfile> {}

export const capabilities = s.api('core.v1.Capabilities', 'POSIX capabilities to change.', {
  add: s.list(s.string(''), 'Added to the default set.', atomic),
  drop: s.list(s.string(''), 'Taken from the default set.', atomic),
});

export const seLinuxOptions = s.api('core.v1.SELinuxOptions', 'An SELinux label.', {
  level: s.string('Level part.'),
  role: s.string('Role part.'),
  type: s.string('Type part.'),
  user: s.string('User part.'),
});

export const seccompProfile = s.api('core.v1.SeccompProfile', 'A system call filter.', {
  localhostProfile: s.string("File below the kubelet's seccomp folder.", { pointer: true }),
  type: s.string('RuntimeDefault, Localhost or Unconfined.', {
    ...mandatory,
    enum: ['Localhost', 'RuntimeDefault', 'Unconfined'],
  }),
});
export interface SeccompProfile extends TypeOf<typeof seccompProfile> {}

export const windowsSecurityContextOptions = s.api(
  'core.v1.WindowsSecurityContextOptions',
  'Security settings for Windows.',
  {
    gmsaCredentialSpec: s.string('Content of the GMSA credential spec.', { pointer: true }),
    gmsaCredentialSpecName: s.string('Name of the GMSA credential spec.', { pointer: true }),
    hostProcess: s.boolean('Run as a host process container.', { pointer: true }),
    runAsUserName: s.string('User name of the process.', { pointer: true }),
  },
);

export const securityContext = s.api('core.v1.SecurityContext', 'Security settings of a container.', {
  allowPrivilegeEscalation: s.boolean('Whether a process may gain more privileges than its parent.', { pointer: true }),
  appArmorProfile: s.field(appArmorProfile, 'AppArmor profile.'),
  capabilities: s.field(capabilities, 'Capabilities to add and drop.'),
  privileged: s.boolean("Run with nearly all rights of the node's root.", { pointer: true }),
  procMount: s.string('Default or Unmasked.', { pointer: true, enum: ['Default', 'Unmasked'] }),
  readOnlyRootFilesystem: s.boolean('Mount the image read-only.', { pointer: true }),
  runAsGroup: s.int64('Group id of the process.', { pointer: true }),
  runAsNonRoot: s.boolean('Refuse to run as uid 0.', { pointer: true }),
  runAsUser: s.int64('User id of the process.', { pointer: true }),
  seLinuxOptions: s.field(seLinuxOptions, 'SELinux label.'),
  seccompProfile: s.field(seccompProfile, 'System call filter.'),
  windowsOptions: s.field(windowsSecurityContextOptions, 'Security settings for Windows.'),
});
export interface SecurityContext extends TypeOf<typeof securityContext> {}

export const sysctl = s.api('core.v1.Sysctl', 'A kernel setting.', {
  name: s.string('Name of the setting.', mandatory),
  value: s.string('Value of the setting.', mandatory),
});
export interface Sysctl extends TypeOf<typeof sysctl> {}

export const podSecurityContext = s.api('core.v1.PodSecurityContext', 'Security settings of a pod.', {
  appArmorProfile: s.field(appArmorProfile, 'AppArmor profile of the containers.'),
  fsGroup: s.int64('Group that owns the volumes.', { pointer: true }),
  fsGroupChangePolicy: s.string('When ownership is changed: Always or OnRootMismatch.', {
    pointer: true,
    enum: ['Always', 'OnRootMismatch'],
  }),
  runAsGroup: s.int64('Group id of the processes.', { pointer: true }),
  runAsNonRoot: s.boolean('Refuse to run as uid 0.', { pointer: true }),
  runAsUser: s.int64('User id of the processes.', { pointer: true }),
  seLinuxChangePolicy: s.string('How volumes get their SELinux label: MountOption or Recursive.', { pointer: true }),
  seLinuxOptions: s.field(seLinuxOptions, 'SELinux label of the containers.'),
  seccompProfile: s.field(seccompProfile, 'System call filter of the containers.'),
  supplementalGroups: s.list(s.int64(''), 'More groups of the processes.', atomic),
  supplementalGroupsPolicy: s.string("Merge with the image's groups, or Strict.", {
    pointer: true,
    enum: ['Merge', 'Strict'],
  }),
  sysctls: s.list(sysctl, "Kernel settings of the pod's namespaces.", atomic),
  windowsOptions: s.field(windowsSecurityContextOptions, 'Security settings for Windows.'),
});
export interface PodSecurityContext extends TypeOf<typeof podSecurityContext> {}
