// Deletes certificate requests that are over: decided or issued an hour ago, or never decided for a day.
// Upstream: csrcleaner-controller, which looks every hour.

import type { CertificateSigningRequest } from '../../api/certificates/certificatesigningrequest/schema.ts';
import { CertificateSigningRequestKind } from '../../api/certificates/certificatesigningrequest.ts';
import { type ControllerContext, defineController } from '../../client/controller.ts';
import { deleteSeen } from '../../client/delete-seen.ts';

const hourMs = 3600 * 1000;
const decidedMs = hourMs;
const pendingMs = 24 * hourMs;

/** When a request is to go. Pure. */
export function endOf({ metadata, status }: CertificateSigningRequest): number {
  const decisions = (status?.conditions ?? []).filter(({ type }) => ['Approved', 'Denied', 'Failed'].includes(type));
  const times = decisions.map(({ lastUpdateTime }) => Date.parse(lastUpdateTime ?? metadata.creationTimestamp ?? ''));
  if (times.length === 0) return Date.parse(metadata.creationTimestamp ?? '') + pendingMs;
  return Math.min(...times) + decidedMs;
}

export const certificateCleanerController = defineController({
  name: 'certificatesigningrequest-cleaner-controller',
  kind: CertificateSigningRequestKind,
  deps: (context: ControllerContext) => ({
    client: context.resource(CertificateSigningRequestKind),
    clock: context.clock,
  }),
  async reconcile(request, { client, clock }) {
    const leftMs = endOf(request) - clock.now();
    if (leftMs > 0) return { requeueAfterMs: leftMs };
    await deleteSeen(client, request);
  },
});
