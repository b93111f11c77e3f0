// serviceaccounts/token: issues a token for a service account, bound to a pod if asked.
// https://kubernetes.io/docs/reference/kubernetes-api/authentication-resources/token-request-v1/

import { TokenRequestKind } from '../../api/authentication/tokenrequest.ts';
import { badRequestError, conflictError, invalidError, notFoundError } from '../../machinery/errors.ts';
import { invalid } from '../../machinery/field-error.ts';
import type { ObjectMeta } from '../../machinery/metadata.ts';
import { timestamp } from '../../machinery/timestamp.ts';
import type { BoundObject } from '../authn/tokens.ts';
import { parseBody } from '../endpoints/body.ts';
import { decodeAs, wantedAs } from '../endpoints/decode-object.ts';
import { readWriteOptions } from '../endpoints/options.ts';
import { admitAs } from '../registry/admission-request.ts';
import type { Subresource, SubresourceContext } from './handler.ts';

const tokenRequest = wantedAs(TokenRequestKind);
const tokenRequestKind = { group: 'authentication.k8s.io', kind: 'TokenRequest' };
const minSeconds = 600;
const maxSeconds = 2 ** 32;

interface BoundRef {
  kind?: string;
  name?: string;
  uid?: string;
}

async function resolveBound(context: SubresourceContext, namespace: string, ref: BoundRef, accountName: string) {
  const kinds = ['Pod', 'Secret', 'Node'];
  if (!ref.kind || !kinds.includes(ref.kind))
    throw badRequestError(`cannot bind token to object of type ${ref.kind ?? ''}`);
  const kind = context.kinds.kind('', ref.kind);
  const name = ref.name ?? '';
  const { object } = await context.store.get(kind, kind.namespaced ? namespace : '', name);
  const resource = { group: '', resource: kind.plural };
  if (ref.uid && ref.uid !== object.metadata.uid) {
    throw conflictError(
      resource,
      name,
      `the UID in the bound object reference (${ref.uid}) does not match the UID in record. The object might have been deleted and then recreated`,
    );
  }
  if (ref.kind === 'Pod' && object.spec.serviceAccountName !== accountName) {
    throw badRequestError(
      `cannot bind token for serviceaccount ${JSON.stringify(accountName)} to pod running with different serviceaccount name.`,
    );
  }
  const bound = { kind: ref.kind as BoundObject['kind'], name, uid: object.metadata.uid! };
  const nodeName: string | undefined = ref.kind === 'Pod' ? object.spec.nodeName : undefined;
  if (!nodeName) return { bound };
  const uid = context.store.peek(context.kinds.kind('', 'Node'), '', nodeName)?.object.metadata.uid;
  return { bound, node: { name: nodeName, ...(uid ? { uid } : {}) } };
}

/** A request that says whom it is for says so truly. */
function refuseOthers(metadata: ObjectMeta, path: { namespace: string; name: string }): void {
  for (const field of ['name', 'namespace'] as const) {
    const given = metadata[field];
    if (!given || given === path[field]) continue;
    const why = `must match the service account ${field} if specified`;
    throw invalidError(tokenRequestKind, path.name, [invalid(`metadata.${field}`, given, why)]);
  }
}

export const tokenSubresource: Subresource = {
  group: '',
  resource: 'serviceaccounts',
  name: 'token',
  async handle(context, request) {
    const { kind, info } = request;
    const { namespace, name } = info;
    const options = readWriteOptions(request, 'CreateOptions');
    const { value } = decodeAs(tokenRequest, parseBody(request, tokenRequest), options.fieldValidation);
    refuseOthers(value.metadata, info);
    const account = await context.store.get(kind, namespace, name);
    const { uid: accountUid = '' } = account.object.metadata;
    const { uid = accountUid } = value.metadata;
    if (uid !== '' && uid !== accountUid) {
      const why = `the UID in the token request (${uid}) does not match the UID of the service account (${accountUid})`;
      throw conflictError({ group: tokenRequestKind.group, resource: tokenRequestKind.kind }, name, why);
    }
    if (account.object.metadata.deletionTimestamp)
      throw notFoundError({ group: '', resource: 'serviceaccounts' }, name);
    const { audiences, expirationSeconds = 3600, boundObjectRef } = value.spec;
    if (expirationSeconds < minSeconds || expirationSeconds > maxSeconds) {
      const limit = expirationSeconds < minSeconds ? 'less than 10 minutes' : 'larger than 2^32 seconds';
      const detail = `may not specify a duration ${limit}`;
      throw invalidError(tokenRequestKind, '', [invalid('spec.expirationSeconds', expirationSeconds, detail)]);
    }
    const speaks = { ...tokenRequestKind, version: 'v1' };
    const write = { operation: 'CREATE', kind, subresource: 'token', speaks, namespace, name, object: value } as const;
    await admitAs(context, { ...write, options });
    const binding = boundObjectRef ? await resolveBound(context, namespace, boundObjectRef, name) : undefined;
    const wanted: string[] = audiences?.length ? audiences : [...context.tokens.defaultAudiences];
    const { token, expiresAtMs } = await context.tokens.issue({
      namespace,
      serviceAccount: { name, uid: accountUid },
      audiences: wanted,
      expirationSeconds,
      ...(binding ? { bound: binding.bound } : {}),
      ...(binding?.node ? { node: binding.node } : {}),
    });
    const metadata = { name, namespace, uid: accountUid, creationTimestamp: timestamp(context.clock.now()) };
    const spec = { ...value.spec, audiences: wanted, expirationSeconds };
    const answer = {
      kind: 'TokenRequest',
      apiVersion: tokenRequest.apiVersion,
      metadata,
      spec,
      status: { token, expirationTimestamp: timestamp(expiresAtMs) },
    };
    return { type: 'value', value: answer, code: 201 };
  },
};
