// What the server fills in and keeps of a request, for each of its writers. Upstream: the strategies
// in pkg/registry/certificates.
import type { PrepareContext } from '../../../machinery/kind.ts';
import { timestamp } from '../../../machinery/timestamp.ts';
import type { CertificateSigningRequest } from './schema.ts';

/** Who asks is who sends the request, whatever it says itself. */
export function prepareNewRequest(draft: CertificateSigningRequest, { user }: PrepareContext): void {
  const { spec } = draft;
  for (const field of ['username', 'uid', 'groups', 'extra'] as const) delete spec[field];
  if (!user) return;
  spec.username = user.username;
  if (user.uid) spec.uid = user.uid;
  if (user.groups.length > 0) spec.groups = [...user.groups];
  const extra = Object.entries(user.extra ?? {});
  if (extra.length > 0) spec.extra = Object.fromEntries(extra.map(([key, values]) => [key, [...values]]));
}

export function prepareRequestUpdate(draft: CertificateSigningRequest, old: CertificateSigningRequest): void {
  draft.spec = old.spec;
}

/** Signers write certificates and failures; what was approved or denied stays as it was. */
export function prepareRequestStatus(
  draft: CertificateSigningRequest,
  old: CertificateSigningRequest,
  context: PrepareContext,
): void {
  const decided = (old.status?.conditions ?? []).filter(({ type }) => type === 'Approved' || type === 'Denied');
  const conditions = draft.status?.conditions?.map(
    (condition) => decided.find(({ type }) => type === condition.type) ?? condition,
  );
  draft.status = { ...draft.status, ...(conditions && { conditions }) };
  fillConditionTimes(draft, old, context);
}

/** Approvers write conditions only. */
export function prepareRequestApproval(
  draft: CertificateSigningRequest,
  old: CertificateSigningRequest,
  context: PrepareContext,
): void {
  const { conditions } = draft.status ?? {};
  const { conditions: _, ...kept } = old.status ?? {};
  draft.status = { ...kept, ...(conditions && { conditions }) };
  fillConditionTimes(draft, old, context);
}

function fillConditionTimes(
  draft: CertificateSigningRequest,
  old: CertificateSigningRequest,
  { nowMs }: PrepareContext,
): void {
  const { conditions } = draft.status ?? {};
  if (!conditions) return;
  const now = timestamp(nowMs);
  const nameOf = ({ type, status }: (typeof conditions)[number]) => `${status} ${type}`;
  const before = new Map((old.status?.conditions ?? []).map((one) => [nameOf(one), one.lastTransitionTime]));
  const filled = conditions.map((condition) => ({
    ...condition,
    lastUpdateTime: condition.lastUpdateTime ?? now,
    lastTransitionTime: condition.lastTransitionTime ?? before.get(nameOf(condition)) ?? now,
  }));
  draft.status = { ...draft.status, conditions: filled };
}
