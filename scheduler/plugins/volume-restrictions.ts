// VolumeRestrictions: a claim for one pod at a time (ReadWriteOncePod) is not given to a second one.
// https://kubernetes.io/docs/concepts/storage/persistent-volumes/#access-modes
import { keyOf } from '../../machinery/metadata.ts';
import type { Plugin } from '../framework/plugin.ts';
import { skip, success, unresolvable, unschedulable } from '../framework/status.ts';

const name = 'VolumeRestrictions';
const inUseReason = 'node has pod using PersistentVolumeClaim with the same name and ReadWriteOncePod access mode';

interface State {
  keys: ReadonlySet<string>;
  /** How many of these claims pods have. */
  used: number;
}

export const volumeRestrictions: Plugin = {
  name,
  mayHelp(event, { claims }) {
    if (claims.length === 0) return false;
    if (event.type === 'ClaimChanged') return claims.some(({ key }) => key === keyOf(event.claim));
    return event.type === 'NodeAdded' || event.type === 'PodRemoved';
  },
  preFilter(state, { claims }, { volumes, claimUsers }) {
    if (claims.length === 0) return skip;
    const keys = new Set<string>();
    for (const { key, name: claimName, isEphemeral } of claims) {
      if (isEphemeral) continue; // made for this pod alone
      const claim = volumes.claim(key);
      if (!claim) return unresolvable(`persistentvolumeclaim "${claimName}" not found`);
      if (claim.spec.accessModes?.includes('ReadWriteOncePod')) keys.add(key);
    }
    const used = [...keys].filter((key) => claimUsers(key) > 0).length;
    if (used === 0) return skip;
    state.set(name, { keys, used } satisfies State);
    return success;
  },
  filter: (state) => ((state.get(name) as State).used > 0 ? unschedulable(inUseReason) : success),
  adjust(state, _pod, { other, sign }) {
    const found = state.get(name) as State;
    found.used += sign * other.claims.filter(({ key }) => found.keys.has(key)).length;
  },
};
