// A Secret as the storage interface takes it.
import { SecretKind } from '../../api/core/secret.ts';
import type { KubeClient } from '../../client/rest.ts';

export interface SecretRef {
  name?: string | undefined;
  namespace?: string | undefined;
}

/** Nothing where none is named. Throws when it is not there. */
export async function readSecret(
  client: KubeClient,
  ref: SecretRef | undefined,
  namespace = '',
): Promise<Record<string, string>> {
  if (!ref?.name) return {};
  const { data = {} } = await client
    .resource(SecretKind)
    .get({ namespace: ref.namespace ?? namespace, name: ref.name });
  return Object.fromEntries(Object.entries(data).map(([key, text]) => [key, Buffer.from(text, 'base64').toString()]));
}
