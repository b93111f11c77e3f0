// A claim that asks for more than its volume has is left to the resizer of its driver, and says so. Upstream:
// pkg/controller/volume/expand, which finds no plugin of its own for any volume that is here.
// https://kubernetes.io/docs/concepts/storage/persistent-volumes/#expanding-persistent-volumes-claims
import { PersistentVolumeClaimKind } from '../api/core/persistentvolumeclaim.ts';
import { defineController } from '../client/controller.ts';
import { sayingOf } from '../client/events.ts';
import { keyOf } from '../machinery/metadata.ts';
import { compareQuantities } from '../machinery/quantity.ts';

export const volumeExpandController = defineController({
  name: 'persistentvolume-expander-controller',
  kind: PersistentVolumeClaimKind,
  deps: (context) => ({
    say: sayingOf(PersistentVolumeClaimKind, context.recorder('volume_expand')),
    /** The size last told of, by claim: a resizer writes the claim often while it works. */
    told: new Map<string, string>(),
  }),
  async reconcile(claim, { say, told }) {
    const wanted = claim.spec.resources?.requests?.storage;
    const isBound = claim.status?.phase === 'Bound' && claim.spec.volumeName;
    const key = keyOf(claim);
    if (!isBound || !wanted || compareQuantities(wanted, claim.status?.capacity?.storage) <= 0) {
      told.delete(key);
      return undefined;
    }
    if (told.get(key) === wanted) return undefined;
    told.set(key, wanted);
    say(claim, 'Normal', 'ExternalExpanding', 'waiting for an external controller to expand this PVC');
  },
  forget: (key, { told }) => void told.delete(key),
});
