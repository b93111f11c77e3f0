// What a plugin says of a pod, or of a pod on a node.

export type Status =
  | { code: 'Success' }
  /** Does not fit now; removing pods may help. */
  | { code: 'Unschedulable'; reasons: readonly string[] }
  /** Does not fit whatever pods are removed. */
  | { code: 'UnschedulableAndUnresolvable'; reasons: readonly string[] }
  /** The plugin has nothing to do for this pod in this cycle. */
  | { code: 'Skip' };

export const success: Status = { code: 'Success' };
export const skip: Status = { code: 'Skip' };
export const unschedulable = (...reasons: string[]): Status => ({ code: 'Unschedulable', reasons });
export const unresolvable = (...reasons: string[]): Status => ({ code: 'UnschedulableAndUnresolvable', reasons });
export const isRejection = (status: Status): status is Exclude<Status, { code: 'Success' } | { code: 'Skip' }> =>
  status.code === 'Unschedulable' || status.code === 'UnschedulableAndUnresolvable';
