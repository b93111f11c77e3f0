// Fills Secrets of the type kubernetes.io/service-account-token, and removes those whose account is gone: a token that
// holds as long as both are there. Upstream: tokens_controller.
// https://kubernetes.io/docs/concepts/configuration/secret/#serviceaccount-token-secrets
import { createPrivateKey, createPublicKey, type KeyObject } from 'node:crypto';
import { calculateJwkThumbprint, exportJWK, SignJWT } from 'jose';
import { type Secret, SecretKind } from '../api/core/secret.ts';
import { type ServiceAccount, ServiceAccountKind } from '../api/core/serviceaccount.ts';
import { defineController } from '../client/controller.ts';
import { unlessGone } from '../machinery/errors.ts';
import { keyOf } from '../machinery/metadata.ts';

/** Which Secrets hold tokens. */
export const tokenSecrets = { fieldSelector: 'type=kubernetes.io/service-account-token' };
const nameAnnotation = 'kubernetes.io/service-account.name';
const uidAnnotation = 'kubernetes.io/service-account.uid';
const legacyIssuer = 'kubernetes/serviceaccount';
const byAccount = 'account';

export interface TokenOptions {
  /** Key that tokens are signed with (PEM). */
  privateKeyPem: string;
  /** The CA to trust the API server by (PEM). */
  rootCaPem?: string | undefined;
}

const base64 = (text: string): string => Buffer.from(text).toString('base64');

/** Key of the account that a Secret is for. */
export function accountKeyOf({ metadata }: Secret): string[] {
  const name = metadata.annotations?.[nameAnnotation];
  return name ? [`${metadata.namespace}/${name}`] : [];
}

/** One that was made anew under its name is another account. */
export function isFor(secret: Secret, account: ServiceAccount | undefined): account is ServiceAccount {
  const uid = secret.metadata.annotations?.[uidAnnotation];
  return account !== undefined && (!uid || uid === account.metadata.uid);
}

/** A token without an end. Its claims are those that are looked up in the Secret and the account. */
export async function signLegacyToken(key: KeyObject, account: ServiceAccount, secret: Secret): Promise<string> {
  const { namespace = '', name = '', uid } = account.metadata;
  const claims = {
    [`${legacyIssuer}/namespace`]: namespace,
    [`${legacyIssuer}/secret.name`]: secret.metadata.name,
    [`${legacyIssuer}/service-account.name`]: name,
    [`${legacyIssuer}/service-account.uid`]: uid,
  };
  const kid = await calculateJwkThumbprint(await exportJWK(createPublicKey(key)));
  return new SignJWT(claims)
    .setProtectedHeader({ alg: key.asymmetricKeyType === 'ec' ? 'ES256' : 'RS256', kid })
    .setIssuer(legacyIssuer)
    .setSubject(`system:serviceaccount:${namespace}:${name}`)
    .sign(key);
}

/** The Secret with all that it is to have, or undefined when it has it. `sign` is called when a token is missing. */
export async function fillSecret(
  secret: Secret,
  account: ServiceAccount,
  { rootCaPem, sign }: { rootCaPem?: string | undefined; sign(): Promise<string> },
): Promise<Secret | undefined> {
  const data = secret.data ?? {};
  const authority = rootCaPem === undefined ? data['ca.crt'] : base64(rootCaPem);
  const isWhole = data.token && data.namespace && data['ca.crt'] === authority;
  if (isWhole) return undefined;
  const { namespace = '', name = '', uid = '' } = account.metadata;
  return {
    ...secret,
    metadata: {
      ...secret.metadata,
      annotations: { ...secret.metadata.annotations, [nameAnnotation]: name, [uidAnnotation]: uid },
    },
    data: {
      ...data,
      token: data.token || base64(await sign()),
      namespace: data.namespace || base64(namespace),
      ...(authority === undefined ? {} : { 'ca.crt': authority }),
    },
  };
}

export function serviceAccountTokenController({ privateKeyPem, rootCaPem }: TokenOptions) {
  const key = createPrivateKey(privateKeyPem);
  return defineController({
    name: 'serviceaccount-token-controller',
    kind: SecretKind,
    options: tokenSecrets,
    related: [
      {
        kind: ServiceAccountKind,
        keys: (account, old, { secrets }) =>
          secrets.byIndex(byAccount, keyOf((account ?? old)!)).map((secret: Secret) => keyOf(secret)),
      },
    ],
    deps: (context) => {
      const secrets = context.informer(SecretKind, tokenSecrets);
      secrets.addIndex(byAccount, accountKeyOf);
      return {
        secrets: secrets.lister,
        accounts: context.informer(ServiceAccountKind).lister,
        accountClient: context.resource(ServiceAccountKind),
        secretClient: context.resource(SecretKind),
      };
    },
    async reconcile(secret, { accounts, accountClient, secretClient }) {
      const { deletionTimestamp, uid, resourceVersion } = secret.metadata;
      const [accountKey] = accountKeyOf(secret);
      if (deletionTimestamp || accountKey === undefined) return undefined;
      let account = accounts.get(accountKey);
      // The cache may be behind a Secret that came right after its account.
      if (!isFor(secret, account)) {
        const [namespace, name] = accountKey.split('/');
        account = await unlessGone(accountClient.get({ namespace, name }));
      }
      if (!isFor(secret, account)) {
        // Of another version somebody may have changed whose it is.
        const same = { ...(uid ? { uid } : {}), ...(resourceVersion ? { resourceVersion } : {}) };
        await unlessGone(secretClient.delete(secret.metadata, same));
        return undefined;
      }
      if (account.metadata.deletionTimestamp) return undefined;
      const owner = account;
      const filled = await fillSecret(secret, owner, { rootCaPem, sign: () => signLegacyToken(key, owner, secret) });
      if (filled) await unlessGone(secretClient.update(filled));
    },
  });
}
