// What went wrong with a pod's volumes, in the words of upstream's FailedMount and FailedMapVolume events.
import { ClaimError } from './claims.ts';
import { isBlock, NotYetError, StepError, specNameOf, type VolumeRef } from './plugin.ts';

/** A volume could not be made ready. */
export interface VolumeFailure {
  ref: VolumeRef;
  cause: Error;
}

/** What the steps of a folder are called when it is a device. */
const blockSteps: Readonly<Record<string, string>> = {
  'MountVolume.NodeAffinity check failed': 'MapVolume.NodeAffinity check failed',
  'MountVolume.MountDevice failed': 'MapVolume.SetUpDevice failed',
  'MountVolume.SetUp failed': 'MapVolume.MapPodDevice failed',
};

/** A text for an event; `isWaiting` for what only takes its time, which is told when it takes long. */
export interface VolumeError {
  reason: 'FailedMount' | 'FailedMapVolume';
  message: string;
  isWaiting: boolean;
}

/** `unmounted` are the volumes of the pod that are not ready. */
export function describeUnmounted(failures: readonly VolumeFailure[], unmounted: readonly string[]): VolumeError[] {
  const of = (kind: typeof ClaimError | typeof NotYetError) => failures.filter(({ cause }) => cause instanceof kind);
  const [claims, waiting] = [of(ClaimError), of(NotYetError)];
  const errors = failures
    .filter((one) => !claims.includes(one) && !waiting.includes(one))
    .map(({ ref, cause }): VolumeError => {
      const step = cause instanceof StepError ? cause.step : 'MountVolume.SetUp failed';
      const told = (isBlock(ref) && blockSteps[step]) || step;
      const reason = isBlock(ref) ? 'FailedMapVolume' : 'FailedMount';
      return { reason, message: `${told} for volume "${specNameOf(ref)}" : ${cause.message}`, isWaiting: false };
    });
  if (claims.length + waiting.length === 0) return errors;
  const list = (some: readonly VolumeFailure[]) => `[${some.map(({ ref }) => ref.volume.name).join(' ')}]`;
  const why = claims.length > 0 ? claims.map(({ cause }) => cause.message).join('; ') : 'context deadline exceeded';
  const message = `Unable to attach or mount volumes: unmounted volumes=[${[...unmounted].sort().join(' ')}], unattached volumes=${list(waiting)}, failed to process volumes=${list(claims)}: ${why}`;
  return [...errors, { reason: 'FailedMount', message, isWaiting: claims.length === 0 }];
}
