// What stands in pods, and in templates of pods, and does not do what its writer means: said in Warning headers.
// Upstream: pkg/api/pod/warnings.go, and WarningsOnCreate and WarningsOnUpdate of the kinds that have a template.
import { valueAt } from '../../../machinery/json.ts';
import type { KubeObject, ObjectMeta } from '../../../machinery/metadata.ts';
import { checkDNS1123Label } from '../../../machinery/name-rules.ts';
import { isWholeQuantity } from '../../../machinery/quantity.ts';
import { labelsOfOld, said, warnOfExpressions } from '../node/labels-of-old.ts';
import { appArmor, seccompOfContainer, seccompOfPod } from './annotation-validation.ts';
import type { Container } from './container.ts';
import { containersWithPaths } from './containers.ts';
import type { PodSpec } from './pod-spec.ts';
import type { PodTemplateSpec } from './pod-template.ts';
import type { ResourceList } from './resource-totals.ts';
import type { Volume } from './volume.ts';

const annotationsOfOld: Readonly<Record<string, string>> = {
  'scheduler.alpha.kubernetes.io/critical-pod': 'non-functional in v1.16+; use the "priorityClassName" field instead',
  'security.alpha.kubernetes.io/sysctls': 'non-functional in v1.11+; use the "sysctls" field instead',
  'security.alpha.kubernetes.io/unsafe-sysctls': 'non-functional in v1.11+; use the "sysctls" field instead',
};
export const volumesOfOld: Readonly<Record<string, string>> = {
  photonPersistentDisk: 'deprecated in v1.11, non-functional in v1.16+',
  gitRepo: 'deprecated in v1.11',
  scaleIO: 'deprecated in v1.16, non-functional in v1.22+',
  flocker: 'deprecated in v1.22, non-functional in v1.25+',
  storageos: 'deprecated in v1.22, non-functional in v1.25+',
  quobyte: 'deprecated in v1.22, non-functional in v1.25+',
  glusterfs: 'deprecated in v1.25, non-functional in v1.26+',
  cephfs: 'deprecated in v1.28, non-functional in v1.31+',
  rbd: 'deprecated in v1.28, non-functional in v1.31+',
};
/** With so many that came before each file is compared, and so many ports are told of: headers hold no more. */
export const most = 100;

function warnOfParts(amounts: ResourceList | undefined, names: readonly string[], path: string): string[] {
  return names
    .filter((name) => amounts?.[name] !== undefined && !isWholeQuantity(amounts[name]))
    .map((name) => `${path}[${name}]: fractional byte value "${amounts![name]}" is invalid, must be an integer`);
}
const bytes = ['memory', 'ephemeral-storage'];

interface Resources {
  limits?: ResourceList;
  requests?: ResourceList;
}

/** `path` is that of the claim's spec. */
export const warnOfClaim = (spec: { resources?: Resources } | undefined, path: string): string[] => [
  ...warnOfParts(spec?.resources?.requests, ['storage'], `${path}.resources.requests`),
  ...warnOfParts(spec?.resources?.limits, ['storage'], `${path}.resources.limits`),
];

function warnOfPlaces({ nodeSelector, affinity, topologySpreadConstraints = [] }: PodSpec, path: string): string[] {
  const when = 'DuringSchedulingIgnoredDuringExecution';
  const { nodeAffinity } = affinity ?? {};
  const terms = [
    ...(nodeAffinity?.[`required${when}`]?.nodeSelectorTerms ?? []).map(
      (term, i) => [term, `required${when}.nodeSelectorTerms[${i}]`] as const,
    ),
    ...(nodeAffinity?.[`preferred${when}`] ?? []).map(
      ({ preference }, i) => [preference, `preferred${when}[${i}].preference`] as const,
    ),
  ];
  const selectors = [
    ...topologySpreadConstraints.map((constraint, i) => [constraint, `topologySpreadConstraints[${i}]`] as const),
    ...(['podAffinity', 'podAntiAffinity'] as const).flatMap((side) => [
      ...(affinity?.[side]?.[`required${when}`] ?? []).map(
        (term, i) => [term, `affinity.${side}.required${when}[${i}]`] as const,
      ),
      ...(affinity?.[side]?.[`preferred${when}`] ?? []).map(
        ({ podAffinityTerm }, i) =>
          [podAffinityTerm, `affinity.${side}.preferred${when}[${i}].podAffinityTerm`] as const,
      ),
    ]),
  ];
  return [
    ...Object.keys(nodeSelector ?? {}).flatMap((key) =>
      said(labelsOfOld, key, (text) => `${path}.nodeSelector[${key}]: ${text}`),
    ),
    ...terms.flatMap(([term, at]) => warnOfExpressions(term, `${path}.affinity.nodeAffinity.${at}`)),
    ...topologySpreadConstraints.flatMap(({ topologyKey: key }, i) =>
      said(labelsOfOld, key, (text) => `${path}.topologySpreadConstraints[${i}].topologyKey: ${key} is ${text}`),
    ),
    ...selectors
      .filter(([term]) => !term?.labelSelector)
      .map(([, at]) => `${path}.${at}.labelSelector: a null labelSelector results in matching no pod`),
  ];
}

function withoutSlashes(path: string): string {
  let end = path.length;
  while (path[end - 1] === '/') end--;
  return path.slice(0, end);
}

/** Files of one volume of which one stands in the place of another, or of its folder. */
function warnOfOverlaps({ name, configMap, secret, downwardAPI, projected }: Volume): string[] {
  const seen: string[] = [];
  const pathsOf = (items: readonly { path: string }[] | undefined) => (items ?? []).map(({ path }) => path);
  const look = (paths: readonly string[], source: string): string[] =>
    paths.map(withoutSlashes).flatMap((path) => {
      const other = seen.find((one) => one.startsWith(path) || path.startsWith(one));
      if (path && seen.length < most) seen.push(path);
      return path && other !== undefined
        ? [`volume "${name}" (${source}): overlapping paths: "${path}" with "${other}"`]
        : [];
    });
  return [
    ...look(pathsOf(configMap?.items), `ConfigMap "${configMap?.name ?? ''}"`),
    ...look(pathsOf(secret?.items), `Secret "${secret?.secretName ?? ''}"`),
    ...look(pathsOf(downwardAPI?.items), 'DownwardAPI'),
    ...(projected?.sources ?? []).flatMap((source) => {
      if (Object.keys(source).length === 0) return [`volume "${name}" (Projected) has no sources provided`];
      const { serviceAccountToken: token, clusterTrustBundle: bundle } = source;
      return [
        ...look(pathsOf(source.configMap?.items), `Projected ConfigMap "${source.configMap?.name ?? ''}"`),
        ...look(pathsOf(source.secret?.items), `Projected Secret "${source.secret?.name ?? ''}"`),
        ...look(pathsOf(source.downwardAPI?.items), 'Projected DownwardAPI'),
        ...look(token ? [token.path] : [], 'Projected ServiceAccountToken'),
        ...look(bundle ? [bundle.path] : [], `Projected ClusterTrustBundle "${bundle?.name ?? bundle?.signerName}"`),
      ];
    }),
  ];
}

function warnOfVolumes(volumes: readonly Volume[], path: string): string[] {
  const ofSources = volumes.flatMap((one, i) => [
    ...Object.keys(one).flatMap((key) => said(volumesOfOld, key, (text) => `${path}[${i}].${key}: ${text}`)),
    ...warnOfClaim(one.ephemeral?.volumeClaimTemplate?.spec, `${path}[${i}].ephemeral.volumeClaimTemplate.spec`),
  ]);
  return [...ofSources, ...volumes.flatMap(warnOfOverlaps)];
}

/** Those that are the same as one before. */
function warnOfRepeats(
  values: readonly (string | undefined)[],
  show: (value: string, i: number) => string | [],
): string[] {
  const seen = new Set<string>();
  return values.flatMap((value = '', i) => {
    if (seen.has(value)) return show(value, i);
    seen.add(value);
    return [];
  });
}

/** A later value that is not made of the earlier one. */
function warnOfVariables({ env = [] }: Container, at: string): string[] {
  const isMadeOf = ({ name, value = '', valueFrom }: (typeof env)[number]) =>
    !valueFrom && value !== `$(${name})` && value.includes(`$(${name})`);
  return warnOfRepeats(
    env.map(({ name }) => name),
    (name, i) =>
      isMadeOf(env[i]!)
        ? []
        : `${at}.env[${i}]: hides previous definition of "${name}", which may be dropped when using apply`,
  );
}

function warnOfPorts(containers: readonly { container: Container; at: string }[]): string[] {
  const known = new Map<string, { at: string; hostPort: number; hostIP: string }[]>();
  const ports = containers.flatMap(({ container, at }) =>
    (container.ports ?? []).map((port, i) => ({ port, at: `${at}.ports[${i}]` })),
  );
  const out: string[] = [];
  for (const { port, at } of ports) {
    const { name = '', containerPort, protocol = '', hostPort = 0, hostIP = '' } = port;
    if (hostIP && !hostPort)
      out.push(
        `${at}: hostIP set without hostPort: {Name:${name} HostPort:0 ContainerPort:${containerPort} Protocol:${protocol} HostIP:${hostIP}}`,
      );
    const key = `${containerPort}/${protocol}`;
    const others = known.get(key) ?? [];
    known.set(key, others);
    for (const other of others) {
      const isSame = other.hostPort === hostPort;
      if (isSame && other.hostIP === hostIP) out.push(`${at}: duplicate port definition with ${other.at}`);
      else if (!hostPort || !other.hostPort) out.push(`${at}: overlapping port definition with ${other.at}`);
      else if (isSame && !(hostIP && other.hostIP))
        out.push(`${at}: dangerously ambiguous port definition with ${other.at}`);
      if (out.length >= most) return out;
    }
    if (others.length < most) others.push({ at, hostPort, hostIP });
  }
  return out;
}

/** Profiles that annotations name, where no field does. */
function warnOfProfiles({ securityContext: ofPod, ...spec }: PodSpec, { annotations = {} }: ObjectMeta, path: string) {
  const ofField = (field: string) => `use the "${field}" field instead`;
  const texts: Record<string, string> = { ...annotationsOfOld };
  if (!ofPod?.seccompProfile) texts[seccompOfPod] = `non-functional in v1.27+; ${ofField('seccompProfile')}`;
  for (const { container } of containersWithPaths(spec as PodSpec, '')) {
    const own = container.securityContext;
    if (!own?.seccompProfile)
      texts[seccompOfContainer + container.name] = `non-functional in v1.27+; ${ofField('seccompProfile')}`;
    if (!ofPod?.appArmorProfile && !own?.appArmorProfile)
      texts[appArmor + container.name] = `deprecated since v1.30; ${ofField('appArmorProfile')}`;
  }
  return Object.keys(annotations).flatMap((key) => said(texts, key, (text) => `${path}[${key}]: ${text}`));
}

/** `prefix` is the path of the template and a dot, or ''. */
export function warnOfPod({ metadata, spec }: PodTemplateSpec, prefix: string): string[] {
  if (!spec) return [];
  const path = `${prefix}spec`;
  const containers = containersWithPaths(spec, path);
  const { volumes = [], hostAliases = [], imagePullSecrets = [], terminationGracePeriodSeconds = 0 } = spec;
  return [
    ...warnOfPlaces(spec, path),
    ...(metadata?.annotations ? warnOfProfiles(spec, metadata, `${prefix}metadata.annotations`) : []),
    ...warnOfVolumes(volumes as Volume[], `${path}.volumes`),
    ...warnOfRepeats(
      hostAliases.map(({ ip }) => ip),
      (ip, i) => `${path}.hostAliases[${i}].ip: duplicate ip "${ip}"`,
    ),
    ...warnOfRepeats(
      imagePullSecrets.map(({ name }) => name),
      (name, i) => `${path}.imagePullSecrets[${i}].name: duplicate name "${name}"`,
    ),
    ...imagePullSecrets.flatMap(({ name }, i) =>
      name ? [] : [`${path}.imagePullSecrets[${i}].name: invalid empty name ""`],
    ),
    ...warnOfParts(spec.overhead, bytes, `${path}.overhead`),
    ...containers.flatMap(({ container, at }) => [
      ...warnOfParts(container.resources?.limits, bytes, `${at}.resources.limits`),
      ...warnOfParts(container.resources?.requests, bytes, `${at}.resources.requests`),
      ...warnOfVariables(container, at),
    ]),
    ...warnOfPorts(containers),
    ...(terminationGracePeriodSeconds < 0
      ? [`${path}.terminationGracePeriodSeconds: must be >= 0; negative values are invalid and will be treated as 1`]
      : []),
  ];
}

/** Names of pods, and so of hosts, are made from the names of those that make them. `where` it is used. */
export function warnOfName({ metadata }: { metadata: ObjectMeta }, where = 'in Pod names and hostnames'): string[] {
  const complaints = checkDNS1123Label(metadata.name ?? metadata.generateName ?? '');
  if (complaints.length === 0) return [];
  const what = `this is used ${where}, which can result in surprising behavior`;
  return [`metadata.name: ${what}; a DNS label is recommended: [${complaints.join(' ')}]`];
}

/** The warnings of a kind whose template of pods stands at `path`: of what is new in it, and once of its name. */
export const warnOfTemplate =
  <T extends KubeObject>(path: string, { ofName = true } = {}) =>
  (object: T, old?: T): string[] => {
    if (old && old.metadata.generation === object.metadata.generation) return [];
    const template = valueAt(object, path) as PodTemplateSpec | undefined;
    return [...(old || !ofName ? [] : warnOfName(object)), ...(template ? warnOfPod(template, `${path}.`) : [])];
  };
