// Approves requests of kubelets for their own client certificates, where they may ask for them.
// Upstream: csrapproving-controller.
import { SubjectAccessReviewKind } from '../../api/authorization/subjectaccessreview.ts';
import {
  type CertificateSigningRequest,
  hasCondition,
} from '../../api/certificates/certificatesigningrequest/schema.ts';
import { CertificateSigningRequestKind } from '../../api/certificates/certificatesigningrequest.ts';
import { type ControllerContext, defineController } from '../../client/controller.ts';
import { type CertificateRequest, parseCertificateRequest } from '../../machinery/certificate-request.ts';
import type { KubeObject } from '../../machinery/metadata.ts';
import { pemOfField } from '../../machinery/pem.ts';
import { findKubeletClientProblem, signerNames } from './signers.ts';

interface Recognizer {
  /** The subresource that who asks must be allowed to create. */
  subresource: 'selfnodeclient' | 'nodeclient';
  message: string;
  recognizes(request: CertificateSigningRequest, parsed: CertificateRequest): boolean;
}

const isNodeClient: Recognizer['recognizes'] = ({ spec }, parsed) =>
  spec.signerName === signerNames.kubeletClient && findKubeletClientProblem(parsed, spec.usages ?? []) === undefined;

const recognizers: readonly Recognizer[] = [
  {
    subresource: 'selfnodeclient',
    message: 'Auto approving self kubelet client certificate after SubjectAccessReview.',
    recognizes: (request, parsed) => isNodeClient(request, parsed) && request.spec.username === parsed.commonName,
  },
  {
    subresource: 'nodeclient',
    message: 'Auto approving kubelet client certificate after SubjectAccessReview.',
    recognizes: isNodeClient,
  },
];

/** The ways in which a request may be approved without anybody looking at it. Pure. */
export function recognize(request: CertificateSigningRequest): readonly Recognizer[] {
  if (request.status?.certificate || hasCondition(request, 'Approved') || hasCondition(request, 'Denied')) return [];
  const parsed = parseCertificateRequest(pemOfField(request.spec.request));
  return recognizers.filter((recognizer) => recognizer.recognizes(request, parsed));
}

/** The question whether who sent the request may create it through a subresource. */
function accessReview({ spec }: CertificateSigningRequest, subresource: string): KubeObject {
  const resource = { group: 'certificates.k8s.io', version: '*', resource: 'certificatesigningrequests', subresource };
  return {
    metadata: {},
    spec: {
      user: spec.username,
      uid: spec.uid,
      groups: spec.groups,
      extra: spec.extra,
      resourceAttributes: { ...resource, verb: 'create' },
    },
  };
}

function createDeps(context: ControllerContext) {
  return {
    client: context.resource(CertificateSigningRequestKind),
    reviews: context.resource<any>(SubjectAccessReviewKind),
  };
}

export const certificateApprovingController = defineController({
  name: 'certificatesigningrequest-approving-controller',
  kind: CertificateSigningRequestKind,
  deps: createDeps,
  async reconcile(request, { client, reviews }) {
    for (const { subresource, message } of recognize(request)) {
      const review = await reviews.create(accessReview(request, subresource));
      if (!review.status?.allowed) continue;
      const approved = { type: 'Approved', status: 'True', reason: 'AutoApproved', message };
      const conditions = [...(request.status?.conditions ?? []), approved];
      const body = { ...request, kind: 'CertificateSigningRequest', apiVersion: 'certificates.k8s.io/v1' };
      const name = request.metadata.name ?? '';
      await client.updateSubresource({ name }, 'approval', { ...body, status: { ...request.status, conditions } });
      return undefined;
    }
    return undefined;
  },
});
