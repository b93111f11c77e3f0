// Signs approved requests of the built-in signers with the cluster's CA. Upstream: csrsigning-controller.

import {
  type CertificateSigningRequest,
  hasCondition,
} from '../../api/certificates/certificatesigningrequest/schema.ts';
import { CertificateSigningRequestKind } from '../../api/certificates/certificatesigningrequest.ts';
import { type ControllerContext, defineController } from '../../client/controller.ts';
import { parseCertificateRequest } from '../../machinery/certificate-request.ts';
import { pemOfField } from '../../machinery/pem.ts';
import { timestamp } from '../../machinery/timestamp.ts';
import type { Authority } from './sign.ts';
import { signerRules } from './signers.ts';

export interface SigningOptions extends Authority {
  /** Longest life of a certificate, and that of one whose request names none. */
  lifetimeMs: number;
}

const minLifetimeMs = 10 * 60 * 1000;

/** How long a certificate is to last. Pure. */
export function chooseLifetime(expirationSeconds: number | undefined, longestMs: number): number {
  if (expirationSeconds === undefined) return longestMs;
  return Math.min(longestMs, Math.max(minLifetimeMs, expirationSeconds * 1000));
}

/** Whether a certificate is due from one of our signers. Pure. */
export function isDue(request: CertificateSigningRequest): boolean {
  const isOurs = Object.hasOwn(signerRules, request.spec.signerName);
  return (
    isOurs && !request.status?.certificate && hasCondition(request, 'Approved') && !hasCondition(request, 'Failed')
  );
}

export function certificateSigningController(options: SigningOptions) {
  return defineController({
    name: 'certificatesigningrequest-signing-controller',
    kind: CertificateSigningRequestKind,
    deps: (context: ControllerContext) => ({
      client: context.resource(CertificateSigningRequestKind),
      clock: context.clock,
    }),
    async reconcile(request, { client, clock }) {
      if (!isDue(request)) return undefined;
      const { spec, status } = request;
      const requestPem = pemOfField(spec.request);
      const usages = spec.usages ?? [];
      const problem = signerRules[spec.signerName]!(parseCertificateRequest(requestPem), usages);
      if (problem !== undefined) {
        const failed = {
          type: 'Failed',
          status: 'True',
          reason: 'SignerValidationFailure',
          message: problem,
          lastUpdateTime: timestamp(clock.now()),
        };
        const conditions = [...(status?.conditions ?? []), failed];
        await client.updateStatus({ ...request, status: { ...status, conditions } });
        return undefined;
      }
      const { issueFor } = await import('./sign.ts');
      const lifetimeMs = chooseLifetime(spec.expirationSeconds, options.lifetimeMs);
      const pem = await issueFor({ requestPem, usages, lifetimeMs }, options, clock.now());
      await client.updateStatus({ ...request, status: { ...status, certificate: btoa(pem) } });
    },
  });
}
