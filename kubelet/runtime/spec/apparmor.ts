// Which AppArmor profile a container runs under, as containerd chooses it: by default ours, which
// `k8ts up` loads where the machine has AppArmor.
// https://kubernetes.io/docs/tutorials/security/apparmor/
import type { SecurityProfile } from '../../../proto/cri.gen.ts';

/** The profile of containers that ask for none, or for the runtime's. */
export const defaultAppArmorProfile = 'k8ts-default';

/** What the machine enforces. */
export interface AppArmorHost {
  isEnabled: boolean;
  /** Whether the kernel knows a profile of this name. */
  isLoaded(name: string): boolean;
}

const specError = (text: string) =>
  new Error(`failed to get container spec opts: failed to generate apparmor spec opts: ${text}`);

/** Undefined for unconfined. Throws with the words for the pod where what is asked for cannot be enforced. */
export function chooseAppArmorProfile(
  wanted: SecurityProfile | null,
  { isPrivileged, host }: { isPrivileged: boolean; host: AppArmorHost },
): string | undefined {
  if (wanted?.profile_type === 'Unconfined') return undefined;
  if (!host.isEnabled) {
    if (wanted) throw specError('apparmor is not supported');
    return undefined;
  }
  if (wanted?.profile_type === 'Localhost') {
    const name = wanted.localhost_ref.replace(/^localhost\//, '');
    if (host.isLoaded(name)) return name;
    throw specError(`apparmor profile not found ${name}`);
  }
  if (isPrivileged) return undefined;
  if (host.isLoaded(defaultAppArmorProfile)) return defaultAppArmorProfile;
  // Only who asked for it has to have it.
  if (wanted) throw specError(`apparmor profile not found ${defaultAppArmorProfile}`);
  return undefined;
}

/** The names in the kernel's list of profiles, a line for each: `name (mode)`. */
export const parseProfileNames = (text: string): ReadonlySet<string> =>
  new Set(text.split('\n').map((line) => line.replace(/ \([a-z]+\)$/, '')));
