// The webhooks of all configurations, in the order in which they are asked: by the names of the configurations.
import type { MutatingWebhook } from '../../../api/admissionregistration/mutatingwebhookconfiguration.ts';
import type { ValidatingWebhook } from '../../../api/admissionregistration/validatingwebhookconfiguration.ts';
import { keyPrefixOf } from '../../storage/stored-object.ts';
import type { AdmissionDeps } from '../plugin.ts';

interface WebhooksOf {
  MutatingWebhookConfiguration: MutatingWebhook;
  ValidatingWebhookConfiguration: ValidatingWebhook;
}

/** A webhook and what tells it from all others. */
interface Configured<W> {
  webhook: W;
  id: string;
}

export function configuredWebhooks<K extends keyof WebhooksOf>(
  kindName: K,
  { store, kinds }: AdmissionDeps,
): Configured<WebhooksOf[K]>[] {
  const kind = kinds.kind('admissionregistration.k8s.io', kindName);
  const configurations = [...store.resource(kind).list(keyPrefixOf(kind))];
  return configurations.flatMap(({ object }) =>
    ((object.webhooks ?? []) as WebhooksOf[K][]).map((webhook) => ({
      webhook,
      id: `${object.metadata.name}/${webhook.name}`,
    })),
  );
}
