// TokenRequest: asks for a token of a service account.
// Spoken only by serviceaccounts/token. The kubelet asks for the tokens of pods this way.
// https://kubernetes.io/docs/reference/kubernetes-api/authentication-resources/token-request-v1/
import { invalid } from '../../machinery/field-error.ts';
import { defineKind } from '../../machinery/kind.ts';
import { objectFields } from '../../machinery/metadata.ts';
import { s } from '../../machinery/schema.ts';
import type { ObjectOf } from '../meta/object.ts';

const boundObjectReference = s.api('authentication.v1.BoundObjectReference', 'Object that a token is bound to.', {
  apiVersion: s.string('API version of the object.'),
  kind: s.string('Pod, Secret or Node.'),
  name: s.string('Name of the object.'),
  uid: s.string('UID of the object.'),
});

const tokenRequestSpec = s.api('authentication.v1.TokenRequestSpec', 'What token is wished for.', {
  audiences: s.list(s.string(''), 'Audiences of the token.', { always: true, listType: 'atomic' }),
  boundObjectRef: s.field(boundObjectReference, 'Object whose deletion ends the token.'),
  expirationSeconds: s.int64('Lifetime wished for.', { pointer: true, default: 3600 }),
});

const tokenRequestStatus = s.api('authentication.v1.TokenRequestStatus', 'A token.', {
  expirationTimestamp: s.time('When it expires.', { always: true }),
  token: s.string('The bearer token.', { always: true }),
});

const schema = s.api('authentication.v1.TokenRequest', 'Asks for a token of a service account.', {
  ...objectFields,
  spec: s.field(tokenRequestSpec, 'The wish.', { always: true }),
  status: s.field(tokenRequestStatus, 'The token.', { always: true }),
});
export interface TokenRequest extends ObjectOf<typeof schema> {}

export const TokenRequestKind = defineKind<TokenRequest>({
  kind: 'TokenRequest',
  plural: 'tokenrequests',
  scope: 'Namespaced',
  verbs: ['create'],
  stored: false,
  served: [{ group: 'authentication.k8s.io', version: 'v1', schema }],
  validate: ({ spec: { expirationSeconds = 0 } }) => {
    const path = 'spec.expirationSeconds';
    if (expirationSeconds < 600) {
      return [invalid(path, expirationSeconds, 'may not specify a duration less than 10 minutes')];
    }
    if (expirationSeconds > 2 ** 32) {
      return [invalid(path, expirationSeconds, 'may not specify a duration larger than 2^32 seconds')];
    }
    return [];
  },
});
