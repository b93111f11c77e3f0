// The Pod Security Standards as a table: what each level forbids, in the words of Kubernetes.
// https://kubernetes.io/docs/concepts/security/pod-security-standards/
import {
  appArmor as appArmorPrefix,
  seccompOfContainer,
  seccompOfPod,
} from '../../../api/core/pod/annotation-validation.ts';
import { containersOf } from '../../../api/core/pod/containers.ts';
import { append } from '../../../machinery/field-error.ts';

/** A pod, or the template of one. */
export interface PodLike {
  metadata?: { annotations?: Record<string, string> };
  spec?: any;
}

export interface Violation {
  reason: string;
  detail: string;
}

interface Check {
  level: 'baseline' | 'restricted';
  /** Minor version of Kubernetes from which the check exists. */
  since: number;
  /** Minor version from which a check of the restricted level says it anew, and more strictly. */
  overridden?: number;
  check(pod: PodLike, minor: number): Violation | undefined;
}

type Container = any;

// Nothing in them is escaped.
const quoteAll = (texts: Iterable<string>) => [...texts].map((text) => `"${text}"`).join(', ');
const sorted = (texts: Iterable<string>) => [...new Set(texts)].sort();
const plural = (one: string, count: number) => (count === 1 ? one : `${one}s`);
const named = (what: string, names: readonly string[]) => `${plural(what, names.length)} ${quoteAll(names)}`;
const isWindows = (pod: PodLike, minor: number) => minor >= 25 && pod.spec.os?.name === 'windows';

/** Names of the containers of which something holds. */
function containersWhere(pod: PodLike, holds: (container: Container) => unknown): string[] {
  return containersOf(pod.spec)
    .filter((container) => holds(container))
    .map((container) => container.name);
}

/** The pod and the containers whose security context sets a bad value: `pod and container "c"`, and the values. */
function settersOf(pod: PodLike, badValue: (securityContext: any) => string | undefined) {
  const values: string[] = [];
  const isBad = (securityContext: any) => {
    const value = securityContext ? badValue(securityContext) : undefined;
    if (value !== undefined) values.push(value);
    return value !== undefined;
  };
  const setters = isBad(pod.spec.securityContext) ? ['pod'] : [];
  const names = containersWhere(pod, (container) => isBad(container.securityContext));
  if (names.length > 0) setters.push(named('container', names));
  return { text: setters.join(' and '), values: sorted(values) };
}

/** The containers that have bad values, and these, sorted. */
function containersWith(pod: PodLike, badValues: (container: Container) => readonly unknown[]) {
  const values: string[] = [];
  const names = containersWhere(pod, (container) => {
    const bad = badValues(container);
    append(values, bad.map(String));
    return bad.length > 0;
  });
  return { names, values: sorted(values) };
}

function capabilities(pod: PodLike, allowed: ReadonlySet<string>): string | undefined {
  const { names, values } = containersWith(pod, ({ securityContext }) =>
    (securityContext?.capabilities?.add ?? []).filter((one: string) => !allowed.has(one)),
  );
  if (names.length === 0) return undefined;
  const what = quoteAll(values);
  return `${named('container', names)} must not include ${what} in securityContext.capabilities.add`;
}

const setOf = (words: string) => new Set(words.split(' '));
const baselineCapabilities = setOf(
  'AUDIT_WRITE CHOWN DAC_OVERRIDE FOWNER FSETID KILL MKNOD NET_BIND_SERVICE SETFCAP SETGID SETPCAP SETUID SYS_CHROOT',
);
const restrictedCapabilities = setOf('NET_BIND_SERVICE');
const safeSysctls: [since: number, names: string][] = [
  [0, 'kernel.shm_rmid_forced net.ipv4.ip_local_port_range net.ipv4.ip_unprivileged_port_start'],
  [0, 'net.ipv4.tcp_syncookies net.ipv4.ping_group_range'],
  [27, 'net.ipv4.ip_local_reserved_ports'],
  [
    29,
    'net.ipv4.tcp_fin_timeout net.ipv4.tcp_keepalive_intvl net.ipv4.tcp_keepalive_probes net.ipv4.tcp_keepalive_time',
  ],
  [32, 'net.ipv4.tcp_rmem net.ipv4.tcp_wmem'],
];
const selinuxTypes: [since: number, names: string][] = [
  [0, 'container_t container_init_t container_kvm_t'],
  [31, 'container_engine_t'],
];
const namesUpTo = (rows: [since: number, names: string][], minor: number) =>
  new Set(rows.filter(([since]) => minor >= since).flatMap(([, names]) => names.split(' ')));
const restrictedVolumeSources = setOf(
  'configMap csi downwardAPI emptyDir ephemeral image persistentVolumeClaim projected secret',
);

/** `key="value"` of the annotations of which something holds. */
function annotationsWhere(pod: PodLike, holds: (key: string, value: string) => boolean): string[] {
  const found = Object.entries(pod.metadata?.annotations ?? {}).filter(([key, value]) => holds(key, value));
  return found.map(([key, value]) => `${key}=${JSON.stringify(value)}`).sort();
}

function appArmor(pod: PodLike): Violation | undefined {
  const { text, values } = settersOf(pod, ({ appArmorProfile: profile }) =>
    profile && !['RuntimeDefault', 'Localhost'].includes(profile.type) ? profile.type : undefined,
  );
  const isBad = (value: string) => value !== '' && value !== 'runtime/default' && !value.startsWith('localhost/');
  const annotations = annotationsWhere(pod, (key, value) => key.startsWith(appArmorPrefix) && isBad(value));
  const setters = [text, annotations.length > 0 ? plural('annotation', annotations.length) : ''].filter(Boolean);
  if (setters.length === 0) return undefined;
  const all = [...values, ...annotations];
  const detail = `${setters.join(' and ')} must not set AppArmor profile type to ${quoteAll(all)}`;
  return { reason: plural('forbidden AppArmor profile', all.length), detail };
}

function hostProbes(pod: PodLike): Violation | undefined {
  const { names, values } = containersWith(pod, ({ livenessProbe, readinessProbe, startupProbe, lifecycle }) => {
    const handlers = [livenessProbe, readinessProbe, startupProbe, lifecycle?.postStart, lifecycle?.preStop];
    return handlers.flatMap((h) => [h?.httpGet?.host, h?.tcpSocket?.host]).filter(Boolean);
  });
  if (names.length === 0) return undefined;
  const verb = names.length === 1 ? 'uses' : 'use';
  const what = plural('probe or lifecycle host', values.length);
  const detail = `${named('container', sorted(names))} ${verb} ${what} ${quoteAll(values)}`;
  return { reason: 'probe or lifecycle host', detail };
}

function hostPorts(pod: PodLike): Violation | undefined {
  const { names, values } = containersWith(pod, (container) =>
    (container.ports ?? []).map((port: any) => port.hostPort).filter((port: number) => port > 0),
  );
  if (names.length === 0) return undefined;
  const verb = names.length === 1 ? 'uses' : 'use';
  const detail = `${named('container', names)} ${verb} ${plural('hostPort', values.length)} ${values.join(', ')}`;
  return { reason: 'hostPort', detail };
}

function seLinux(pod: PodLike, minor: number): Violation | undefined {
  const allowed = namesUpTo(selinuxTypes, minor);
  const problems = new Set<string>();
  const { text, values } = settersOf(pod, ({ seLinuxOptions }) => {
    const { type = '', user, role } = seLinuxOptions ?? {};
    if (user) problems.add('user may not be set');
    if (role) problems.add('role may not be set');
    const isBadType = type !== '' && !allowed.has(type);
    if (!isBadType && !user && !role) return undefined;
    return isBadType ? type : '';
  });
  if (text === '') return undefined;
  const types = values.filter((type) => type !== '');
  const said = [
    ...(types.length > 0 ? [named('type', types)] : []),
    ...['user may not be set', 'role may not be set'].filter((one) => problems.has(one)),
  ];
  return {
    reason: 'seLinuxOptions',
    detail: `${text} set forbidden securityContext.seLinuxOptions: ${said.join('; ')}`,
  };
}

/** A field that each container must have, unless the pod has it for all; a bad value is worse than none. */
function required(
  pod: PodLike,
  { settingOf, isGood }: { settingOf(securityContext: any): unknown; isGood(value: any): boolean },
): { bad: ReturnType<typeof settersOf>; missing: string[] } {
  const bad = settersOf(pod, (securityContext) => {
    const value = settingOf(securityContext);
    return value !== undefined && !isGood(value) ? String(value) : undefined;
  });
  const ofPod = pod.spec.securityContext && settingOf(pod.spec.securityContext);
  const podIsGood = ofPod !== undefined && isGood(ofPod);
  const missing = podIsGood
    ? []
    : containersWhere(pod, ({ securityContext }) => settingOf(securityContext ?? {}) === undefined);
  return { bad, missing };
}

function procMount(pod: PodLike): Violation | undefined {
  const { names, values } = containersWith(pod, ({ securityContext: { procMount: value = 'Default' } = {} }) =>
    value === 'Default' ? [] : [value],
  );
  if (names.length === 0) return undefined;
  const detail = `${named('container', names)} must not set securityContext.procMount to ${quoteAll(values)}`;
  return { reason: 'procMount', detail };
}

/** From 1.35 on, not for pods with a user namespace of their own, whose root is not the node's. */
const relaxed =
  (check: Check['check']): Check['check'] =>
  (pod, minor) =>
    minor >= 35 && pod.spec.hostUsers === false ? undefined : check(pod, minor);

function runAsNonRoot(pod: PodLike): Violation | undefined {
  const { bad, missing } = required(pod, { settingOf: (sc) => sc.runAsNonRoot, isGood: (value) => value === true });
  const reason = 'runAsNonRoot != true';
  if (bad.text !== '') return { reason, detail: `${bad.text} must not set securityContext.runAsNonRoot=false` };
  if (missing.length === 0) return undefined;
  return { reason, detail: `pod or ${named('container', missing)} must set securityContext.runAsNonRoot=true` };
}

const isGoodSeccomp = (type: string) => type === 'RuntimeDefault' || type === 'Localhost';

/** Before there were fields for it. Others than those of containers and of the pod are nobody's. */
function seccompAnnotations(pod: PodLike): Violation | undefined {
  const keys = new Set(containersOf(pod.spec).map(({ name }) => `${seccompOfContainer}${name}`));
  keys.add(seccompOfPod);
  const bad = annotationsWhere(
    pod,
    (key, value) => keys.has(key) && !/^((runtime|docker)\/default$|localhost\/)/.test(value),
  );
  const detail = `forbidden ${plural('annotation', bad.length)} ${bad.join(', ')}`;
  return bad.length > 0 ? { reason: 'seccompProfile', detail } : undefined;
}

function seccompRestricted(pod: PodLike, minor: number): Violation | undefined {
  if (isWindows(pod, minor)) return undefined;
  const { bad, missing } = required(pod, { settingOf: (sc) => sc.seccompProfile?.type, isGood: isGoodSeccomp });
  const field = 'securityContext.seccompProfile.type';
  const reason = 'seccompProfile';
  if (bad.text !== '') return { reason, detail: `${bad.text} must not set ${field} to ${quoteAll(bad.values)}` };
  if (missing.length === 0) return undefined;
  const detail = `pod or ${named('container', missing)} must set ${field} to "RuntimeDefault" or "Localhost"`;
  return { reason, detail };
}

function capabilitiesRestricted(pod: PodLike, minor: number): Violation | undefined {
  if (isWindows(pod, minor)) return undefined;
  const keeping = containersWhere(pod, (c) => !c.securityContext?.capabilities?.drop?.includes('ALL'));
  const problems = [
    keeping.length > 0
      ? `${named('container', keeping)} must set securityContext.capabilities.drop=["ALL"]`
      : undefined,
    capabilities(pod, restrictedCapabilities),
  ].filter((problem) => problem !== undefined);
  return problems.length > 0 ? { reason: 'unrestricted capabilities', detail: problems.join('; ') } : undefined;
}

function restrictedVolumes({ spec }: PodLike): Violation | undefined {
  const sourceOf = (volume: any) => Object.keys(volume).find((key) => key !== 'name') ?? 'unknown';
  const bad = (spec.volumes ?? []).filter((volume: any) => !restrictedVolumeSources.has(sourceOf(volume)));
  if (bad.length === 0) return undefined;
  const names = bad.map((volume: any) => volume.name);
  const types = sorted(bad.map(sourceOf));
  const verb = names.length === 1 ? 'uses' : 'use';
  const what = plural('restricted volume type', types.length);
  return { reason: 'restricted volume types', detail: `${named('volume', names)} ${verb} ${what} ${quoteAll(types)}` };
}

/** A check on a value that the pod or a container sets. */
function setting(
  reason: string,
  badValue: (securityContext: any) => string | undefined,
  describe: (setters: string, values: string) => string,
): Check['check'] {
  return (pod) => {
    const { text, values } = settersOf(pod, badValue);
    return text === '' ? undefined : { reason, detail: describe(text, quoteAll(values)) };
  };
}

/** A check on containers alone. */
function ofContainers(reason: string, isBad: (container: Container) => unknown, rule: string): Check['check'] {
  return (pod) => {
    const names = containersWhere(pod, isBad);
    return names.length > 0 ? { reason, detail: `${named('container', names)} ${rule}` } : undefined;
  };
}

type Row = (since: number, check: Check['check']) => Check;
const baseline: Row = (since, check) => ({ level: 'baseline', since, check });
const overridden = (since: number, by: number, check: Check['check']): Check => ({
  ...baseline(since, check),
  overridden: by,
});
const restricted: Row = (since, check) => ({ level: 'restricted', since, check });

/** In the order in which violations are told: that of the names upstream has for the checks. */
export const checks: readonly Check[] = [
  baseline(0, appArmor),
  overridden(0, 22, (pod) => {
    const detail = capabilities(pod, baselineCapabilities);
    return detail === undefined ? undefined : { reason: 'non-default capabilities', detail };
  }),
  baseline(0, ({ spec }) => {
    const shared = ['hostNetwork', 'hostPID', 'hostIPC'].filter((field) => spec[field]);
    if (shared.length === 0) return undefined;
    return { reason: 'host namespaces', detail: shared.map((field) => `${field}=true`).join(', ') };
  }),
  overridden(0, 0, ({ spec }) => {
    const names = (spec.volumes ?? []).filter((volume: any) => volume.hostPath).map((volume: any) => volume.name);
    return names.length > 0 ? { reason: 'hostPath volumes', detail: named('volume', names) } : undefined;
  }),
  baseline(0, hostPorts),
  baseline(34, hostProbes),
  baseline(
    0,
    ofContainers('privileged', (c) => c.securityContext?.privileged, 'must not set securityContext.privileged=true'),
  ),
  overridden(0, 35, relaxed(procMount)),
  baseline(0, seLinux),
  overridden(0, 19, (pod, minor) =>
    minor < 19
      ? seccompAnnotations(pod)
      : setting(
          'seccompProfile',
          ({ seccompProfile: one }) => (one && !isGoodSeccomp(one.type) ? one.type : undefined),
          (who, values) => `${who} must not set securityContext.seccompProfile.type to ${values}`,
        )(pod, minor),
  ),
  baseline(0, ({ spec }, minor) => {
    const safe = namesUpTo(safeSysctls, minor);
    const names = (spec.securityContext?.sysctls ?? []).map((one: any) => one.name);
    const bad = names.filter((name: string) => !safe.has(name));
    return bad.length > 0 ? { reason: 'forbidden sysctls', detail: bad.join(', ') } : undefined;
  }),
  baseline(
    0,
    setting(
      'hostProcess',
      (sc) => (sc.windowsOptions?.hostProcess ? 'true' : undefined),
      (who) => `${who} must not set securityContext.windowsOptions.hostProcess=true`,
    ),
  ),
  restricted(8, (pod, minor) =>
    isWindows(pod, minor)
      ? undefined
      : ofContainers(
          'allowPrivilegeEscalation != false',
          (c) => c.securityContext?.allowPrivilegeEscalation !== false,
          'must set securityContext.allowPrivilegeEscalation=false',
        )(pod, minor),
  ),
  restricted(22, capabilitiesRestricted),
  restricted(35, procMount),
  restricted(0, restrictedVolumes),
  restricted(0, relaxed(runAsNonRoot)),
  restricted(
    23,
    relaxed(
      setting(
        'runAsUser=0',
        (sc) => (sc.runAsUser === 0 ? '0' : undefined),
        (who) => `${who} must not set runAsUser=0`,
      ),
    ),
  ),
  restricted(19, seccompRestricted),
];
