// CertificateSigningRequest: asks for a certificate, which somebody approves and a signer issues.
// https://kubernetes.io/docs/reference/access-authn-authz/certificate-signing-requests/
import { formatHumanDuration } from '../../machinery/duration.ts';
import { column, defineKind } from '../../machinery/kind.ts';
import { ageColumn } from '../meta/columns.ts';
import {
  prepareNewRequest,
  prepareRequestApproval,
  prepareRequestStatus,
  prepareRequestUpdate,
} from './certificatesigningrequest/prepare.ts';
import {
  type CertificateSigningRequest,
  certificateSigningRequestSchema,
  hasCondition,
} from './certificatesigningrequest/schema.ts';
import { validateRequest, validateRequestChange } from './certificatesigningrequest/validation.ts';

export const CertificateSigningRequestKind = defineKind<CertificateSigningRequest>({
  kind: 'CertificateSigningRequest',
  plural: 'certificatesigningrequests',
  scope: 'Cluster',
  shortNames: ['csr'],
  served: [{ group: 'certificates.k8s.io', version: 'v1', schema: certificateSigningRequestSchema }],
  subresources: {
    status: true,
    custom: [
      {
        name: 'approval',
        verbs: ['get', 'patch', 'update'],
        prepareForUpdate: prepareRequestApproval,
        validateUpdate: (next, old) => [
          ...validateRequest(next),
          ...validateRequestChange(next, old, { approve: true }),
        ],
      },
    ],
  },
  nameRule: 'path',
  prepareForCreate: prepareNewRequest,
  prepareForUpdate: prepareRequestUpdate,
  prepareForStatusUpdate: prepareRequestStatus,
  validate: validateRequest,
  validateUpdate: (next, old) => validateRequestChange(next, old),
  validateStatusUpdate: (next, old) => [...validateRequest(next), ...validateRequestChange(next, old, { issue: true })],
  selectableFields: { 'spec.signerName': ({ spec }) => spec.signerName },
  columns: [
    ageColumn,
    column('SignerName', 'string', 'Who is to sign it.', ({ spec }) => spec.signerName || '<none>'),
    column('Requestor', 'string', 'Who asks.', ({ spec }) => spec.username ?? ''),
    column('RequestedDuration', 'string', 'How long it is to last.', ({ spec: { expirationSeconds } }) =>
      expirationSeconds === undefined ? '<none>' : formatHumanDuration(expirationSeconds * 1000),
    ),
    column('Condition', 'string', 'What was decided.', describeState),
  ],
});

function describeState(request: CertificateSigningRequest): string {
  const decision = ['Denied', 'Approved'].find((type) => hasCondition(request, type)) ?? 'Pending';
  const failed = hasCondition(request, 'Failed') ? ',Failed' : '';
  return `${decision}${failed}${request.status?.certificate ? ',Issued' : ''}`;
}
