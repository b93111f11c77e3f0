// VolumeZone: a volume whose labels name a zone or region is reached from there only.
// https://kubernetes.io/docs/reference/labels-annotations-taints/#topologykubernetesiozone
import type { PersistentVolume } from '../../api/core/persistentvolume/schema.ts';
import type { Plugin } from '../framework/plugin.ts';
import { skip, success, unresolvable } from '../framework/status.ts';
import { concernsClaims } from './volume-events.ts';

const name = 'VolumeZone';
const zoneReason = 'node(s) had no available volume zone';

/** Labels, and what they were called before. */
const currentName: Record<string, string> = {
  'failure-domain.beta.kubernetes.io/zone': 'topology.kubernetes.io/zone',
  'failure-domain.beta.kubernetes.io/region': 'topology.kubernetes.io/region',
  'topology.kubernetes.io/zone': 'topology.kubernetes.io/zone',
  'topology.kubernetes.io/region': 'topology.kubernetes.io/region',
};

interface Place {
  label: string;
  values: readonly string[];
}

function placesOf({ metadata }: PersistentVolume): Place[] {
  return Object.keys(currentName).flatMap((label) => {
    const value = metadata.labels?.[label];
    return value === undefined ? [] : [{ label, values: value.split('__') }];
  });
}

export const volumeZone: Plugin = {
  name,
  mayHelp: (event, pod) => event.type === 'NodeAdded' || event.type === 'NodeUpdated' || concernsClaims(event, pod),
  preFilter(state, { claims }, { volumes }) {
    const places: Place[] = [];
    for (const { key } of claims) {
      const volumeName = volumes.claim(key)?.spec.volumeName;
      if (!volumeName) continue;
      const volume = volumes.volume(volumeName);
      if (!volume) return unresolvable(`persistentvolume "${volumeName}" not found`);
      places.push(...placesOf(volume));
    }
    if (places.length === 0) return skip;
    state.set(name, places);
    return success;
  },
  filter(state, _pod, { node }) {
    const labels = node.metadata.labels ?? {};
    // A node that says nothing of zones is in a cluster without.
    if (!Object.keys(currentName).some((label) => labels[label] !== undefined)) return success;
    const isThere = ({ label, values }: Place) => values.includes(labels[label] ?? labels[currentName[label]!] ?? '');
    return (state.get(name) as Place[]).every(isThere) ? success : unresolvable(zoneReason);
  },
};
