// The order of groups and versions in discovery, as APIServices say it: the ranks that kube-apiserver gives its own,
// and those that it gives the versions of custom resources. https://kubernetes.io/docs/reference/using-api/#api-groups
import type { APIService } from '../../api/apiregistration/apiservice.ts';
import { compareVersions } from '../../machinery/kube-version.ts';

export interface Priority {
  groupPriorityMinimum: number;
  versionPriority: number;
}

/** The group that APIServices belong to is there before any of them, and comes first. */
export const ownGroup = 'apiregistration.k8s.io';

const groupPriorities: Readonly<Record<string, number>> = {
  '': 18000,
  apps: 17800,
  'events.k8s.io': 17750,
  'authentication.k8s.io': 17700,
  'authorization.k8s.io': 17600,
  autoscaling: 17500,
  batch: 17400,
  'certificates.k8s.io': 17300,
  'networking.k8s.io': 17200,
  policy: 17100,
  'rbac.authorization.k8s.io': 17000,
  'storage.k8s.io': 16800,
  'apiextensions.k8s.io': 16700,
  'admissionregistration.k8s.io': 16700,
  'scheduling.k8s.io': 16600,
  'coordination.k8s.io': 16500,
  'node.k8s.io': 16300,
  'discovery.k8s.io': 16200,
  'resource.k8s.io': 16200,
  'flowcontrol.apiserver.k8s.io': 16100,
  'internal.apiserver.k8s.io': 16000,
  'storagemigration.k8s.io': 15800,
};
const versionPriorities: Readonly<Record<string, number>> = {
  '/v1': 1,
  'autoscaling/v2': 30,
  'resource.k8s.io/v1': 20,
  'flowcontrol.apiserver.k8s.io/v1': 21,
};
const stableVersion = 15;
const otherVersion = 9;
const custom: Priority = { groupPriorityMinimum: 1000, versionPriority: 100 };

/** Of a built-in group and version; undefined for those of custom resources. */
function builtInPriority(group: string, version: string): Priority | undefined {
  if (!Object.hasOwn(groupPriorities, group)) return undefined;
  const key = `${group}/${version}`;
  const versionPriority = Object.hasOwn(versionPriorities, key)
    ? versionPriorities[key]!
    : /^v\d+$/.test(version)
      ? stableVersion
      : otherVersion;
  return { groupPriorityMinimum: groupPriorities[group]!, versionPriority };
}

export const priorityOf = (group: string, version: string): Priority => builtInPriority(group, version) ?? custom;

type Ranked = Pick<APIService['spec'], 'group' | 'version'> & Priority;

/** Groups, the highest rank of a version of theirs first, and their versions, likewise. */
export function inOrder<T extends Ranked>(all: readonly T[]): Map<string, T[]> {
  const nameOf = ({ group = '', version = '' }: Ranked) => `${version}.${group}`;
  const byGroup = (a: T, b: T) => b.groupPriorityMinimum - a.groupPriorityMinimum || (nameOf(a) < nameOf(b) ? -1 : 1);
  const byVersion = (a: T, b: T) =>
    b.versionPriority - a.versionPriority || compareVersions(a.version ?? '', b.version ?? '');
  const isOwn = ({ group }: Ranked) => group === ownGroup;
  const ordered = [...all.filter(isOwn), ...all.filter((x) => !isOwn(x)).sort(byGroup)];
  const groups = Map.groupBy(ordered, ({ group = '' }) => group);
  for (const versions of groups.values()) versions.sort(byVersion);
  return groups;
}
