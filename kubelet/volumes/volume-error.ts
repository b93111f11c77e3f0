// What went wrong with a pod's volumes, in the words of upstream's FailedMount events.
import { ClaimError } from './claims.ts';
import { NotYetError, StepError } from './plugin.ts';

/** A volume could not be made ready. */
export class VolumeFailure {
  /** Its name in the pod. */
  readonly volume: string;
  readonly specName: string;
  readonly cause: Error;

  constructor(volume: string, specName: string, cause: Error) {
    this.volume = volume;
    this.specName = specName;
    this.cause = cause;
  }
}

/** A text for an event; `isWaiting` for what only takes its time, which is told when it takes long. */
export interface VolumeError {
  message: string;
  isWaiting: boolean;
}

/** `unmounted` are the volumes of the pod that are not ready. */
export function describeUnmounted(failures: readonly VolumeFailure[], unmounted: readonly string[]): VolumeError[] {
  const of = (kind: typeof ClaimError | typeof NotYetError) => failures.filter(({ cause }) => cause instanceof kind);
  const [claims, waiting] = [of(ClaimError), of(NotYetError)];
  const errors = failures
    .filter((one) => !claims.includes(one) && !waiting.includes(one))
    .map(({ specName, cause }) => {
      const step = cause instanceof StepError ? cause.step : 'MountVolume.SetUp failed';
      return { message: `${step} for volume "${specName}" : ${cause.message}`, isWaiting: false };
    });
  if (claims.length + waiting.length === 0) return errors;
  const list = (some: readonly VolumeFailure[]) => `[${some.map(({ volume }) => volume).join(' ')}]`;
  const why = claims.length > 0 ? claims.map(({ cause }) => cause.message).join('; ') : 'context deadline exceeded';
  const message = `Unable to attach or mount volumes: unmounted volumes=[${[...unmounted].sort().join(' ')}], unattached volumes=${list(waiting)}, failed to process volumes=${list(claims)}: ${why}`;
  return [...errors, { message, isWaiting: claims.length === 0 }];
}
