// Whether a claim is the one that was made for a pod. Upstream: component-helpers/storage/ephemeral.
import { controllerOf, keyOf, type ObjectMeta } from '../../../machinery/metadata.ts';

interface WithMetadata {
  metadata: ObjectMeta;
}

/** Why the claim of a pod's ephemeral volume is another's: somebody has taken its name. */
export function ephemeralClaimMismatch(pod: WithMetadata, claim: WithMetadata): string | undefined {
  if (controllerOf(claim)?.uid === pod.metadata.uid) return undefined;
  return `PVC ${keyOf(claim)} was not created for pod ${keyOf(pod)} (pod is not owner)`;
}
