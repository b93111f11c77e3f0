// The types of a CertificateSigningRequest.
import { objectFields } from '../../../machinery/metadata.ts';
import { atomic, mandatory, s } from '../../../machinery/schema.ts';
import type { ObjectOf } from '../../meta/object.ts';

/** What a certificate may be used for, in the order of their names. */
export const keyUsages = [
  'any',
  'cert sign',
  'client auth',
  'code signing',
  'content commitment',
  'crl sign',
  'data encipherment',
  'decipher only',
  'digital signature',
  'email protection',
  'encipher only',
  'ipsec end system',
  'ipsec tunnel',
  'ipsec user',
  'key agreement',
  'key encipherment',
  'microsoft sgc',
  'netscape sgc',
  'ocsp signing',
  's/mime',
  'server auth',
  'signing',
  'timestamping',
] as const;

const spec = s.api('certificates.v1.CertificateSigningRequestSpec', 'What certificate is wanted, and by whom.', {
  expirationSeconds: s.int32('Seconds the certificate is to last; the signer may make it less.', { pointer: true }),
  extra: s.map(s.list(s.string(''), ''), 'More about the user; set by the server.'),
  groups: s.list(s.string(''), 'Groups of the user; set by the server.', atomic),
  request: s.bytes('The request in PEM.', mandatory),
  signerName: s.string('Who is to sign it.', mandatory),
  uid: s.string('UID of the user; set by the server.'),
  usages: s.list(s.string('', { enum: keyUsages }), 'What the certificate is for.', atomic),
  username: s.string('Who asks; set by the server.'),
});

const condition = s.api('certificates.v1.CertificateSigningRequestCondition', 'A decision about a request.', {
  lastTransitionTime: s.time('When the status last changed.'),
  lastUpdateTime: s.time('When it was last written.'),
  message: s.string('Explanation for people.'),
  reason: s.string('One word for programs.'),
  status: s.string('True; others are for unknown types only.', mandatory),
  type: s.string('Approved, Denied or Failed.', mandatory),
});

const certificateSigningRequestStatus = s.api('certificates.v1.CertificateSigningRequestStatus', 'What was decided.', {
  certificate: s.bytes('The certificate in PEM, once it is issued.'),
  conditions: s.list(condition, 'The decisions.', {
    listType: 'map',
    listMapKeys: ['type'],
  }),
});

export const certificateSigningRequestSchema = s.api(
  'certificates.v1.CertificateSigningRequest',
  'Asks for a certificate.',
  {
    ...objectFields,
    spec: s.field(spec, 'What is wanted.', mandatory),
    status: s.field(certificateSigningRequestStatus, 'What was decided.', { always: true }),
  },
);
export interface CertificateSigningRequest extends ObjectOf<typeof certificateSigningRequestSchema> {}

/** Whether a decision of this type has been made. */
export const hasCondition = ({ status }: CertificateSigningRequest, type: string): boolean =>
  status?.conditions?.some((condition) => condition.type === type) ?? false;
