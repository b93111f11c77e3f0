// ServiceAccount: an identity for the processes in pods.
// Its tokens come from serviceaccounts/token; the list of secrets is from before that.
// https://kubernetes.io/docs/concepts/security/service-accounts/
import { defineKind } from '../../machinery/kind.ts';
import { objectFields } from '../../machinery/metadata.ts';
import { atomic, mergedBy, s } from '../../machinery/schema.ts';
import { ageColumn } from '../meta/columns.ts';
import type { ObjectOf } from '../meta/object.ts';
import { localObjectReference, objectReference } from './object-reference.ts';

const schema = s.api('core.v1.ServiceAccount', 'An identity for the processes in pods.', {
  ...objectFields,
  automountServiceAccountToken: s.boolean('Whether pods get its token by default.', { pointer: true }),
  imagePullSecrets: s.list(localObjectReference, 'Secrets for pulling images, given to its pods.', atomic),
  secrets: s.list(objectReference, 'Secrets its pods may use; for old token secrets.', mergedBy('name')),
});
export interface ServiceAccount extends ObjectOf<typeof schema> {}

/** `true`: its pods mount no other secrets than those it lists. */
export const enforceAnnotation = 'kubernetes.io/enforce-mountable-secrets';

export const ServiceAccountKind = defineKind<ServiceAccount>({
  kind: 'ServiceAccount',
  plural: 'serviceaccounts',
  scope: 'Namespaced',
  shortNames: ['sa'],
  served: [{ group: '', version: 'v1', schema }],
  subresources: {
    custom: [
      {
        name: 'token',
        verbs: ['create'],
        kind: { group: 'authentication.k8s.io', version: 'v1', kind: 'TokenRequest' },
      },
    ],
  },
  returnsDeletedObject: true,
  prepareForCreate: keepSecretNames,
  prepareForUpdate: keepSecretNames,
  columns: [ageColumn],
  warnings: ({ metadata }, old) =>
    metadata.annotations?.[enforceAnnotation] === undefined ||
    old?.metadata.annotations?.[enforceAnnotation] !== undefined
      ? []
      : [
          `metadata.annotations[${enforceAnnotation}]: deprecated in v1.32+; prefer separate namespaces to isolate access to mounted secrets`,
        ],
});

/** Of what is said of a secret only the name counts. */
function keepSecretNames(account: ServiceAccount): void {
  if (account.secrets) account.secrets = account.secrets.map(({ name }) => ({ name }));
}
