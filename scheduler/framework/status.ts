// What a plugin says of a pod, or of a pod on a node.

export type Status =
  /** With names, of preFilter: no other node is worth a look. */
  | { code: 'Success'; nodes?: ReadonlySet<string> }
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
export type Refusal = Exclude<Status, { code: 'Success' } | { code: 'Skip' }>;
export const isRejection = (status: Status): status is Refusal =>
  status.code === 'Unschedulable' || status.code === 'UnschedulableAndUnresolvable';
