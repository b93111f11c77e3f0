// Who may act for a signer of certificates: rights on the virtual resource `signers`, for one signer or
// for all of a domain. Upstream: plugin/pkg/admission/certificates.
import type { KubeObject } from '../../machinery/metadata.ts';
import { type AdmissionDeps, type AdmissionRequest, refusal } from './plugin.ts';

const group = 'certificates.k8s.io';
export const signedResource = `certificatesigningrequests.${group}`;

/** Refuses the request unless its user may `verb` for the signer of the certificate request. */
export async function demandSignerAccess(
  request: AdmissionRequest,
  { authorizer }: AdmissionDeps,
  verb: 'approve' | 'sign',
  { spec }: KubeObject,
): Promise<void> {
  const signerName: string = spec.signerName;
  const base = { user: request.user, isResource: true, group, version: 'v1', subresource: '' };
  const may = async (name: string) =>
    (await authorizer.authorize({ ...base, verb, resource: 'signers', name, namespace: '', path: '' })).allowed;
  if ((await may(signerName)) || (await may(`${signerName.split('/', 1)[0]}/*`))) return;
  const why = `user not permitted to ${verb} requests with signerName ${JSON.stringify(signerName)}`;
  throw refusal(request, why);
}
