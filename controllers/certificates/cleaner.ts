// Deletes certificate requests that are over: denied, failed or issued an hour ago, with a certificate that is over, or
// never decided for a day.
// Upstream: csrcleaner-controller, which looks every hour.
import { X509Certificate } from 'node:crypto';
import type { CertificateSigningRequest } from '../../api/certificates/certificatesigningrequest/schema.ts';
import { CertificateSigningRequestKind } from '../../api/certificates/certificatesigningrequest.ts';
import { type ControllerContext, defineController } from '../../client/controller.ts';
import { deleteSeen } from '../../client/delete-seen.ts';
import { pemOfField } from '../../machinery/pem.ts';

const hourMs = 3600 * 1000;
const decidedMs = hourMs;
const pendingMs = 24 * hourMs;

/** When a request is to go; infinite for one that is approved and that nobody has signed. Pure. */
export function endOf({ metadata, status }: CertificateSigningRequest): number {
  const { conditions = [], certificate } = status ?? {};
  const createdMs = Date.parse(metadata.creationTimestamp ?? '');
  if (conditions.length === 0) return createdMs + pendingMs;
  const ends = conditions.flatMap(({ type, lastUpdateTime }) => {
    const atMs = (lastUpdateTime ? Date.parse(lastUpdateTime) : createdMs) + decidedMs;
    if (type === 'Approved') return certificate === undefined ? [] : [atMs, expiryOf(certificate)];
    return type === 'Denied' || type === 'Failed' ? [atMs] : [];
  });
  return Math.min(Number.POSITIVE_INFINITY, ...ends);
}

/** When the certificate is over, if it is one. */
function expiryOf(certificate: string): number {
  try {
    return Date.parse(new X509Certificate(pemOfField(certificate)).validTo);
  } catch {
    return Number.POSITIVE_INFINITY;
  }
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
    if (leftMs > 0) return Number.isFinite(leftMs) ? { requeueAfterMs: leftMs } : undefined;
    await deleteSeen(client, request);
  },
});
