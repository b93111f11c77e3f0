// Owners that an object names twice: one is kept, and the client is warned.
// Upstream: dedupOwnerReferencesAndAddWarning in apiserver's endpoints/handlers.
import type { ObjectMeta } from '../../machinery/metadata.ts';

/** Changes the metadata. `when` says where they come from, in the words of the warning. */
export function keepOwnersOnce(metadata: ObjectMeta, warnings: string[], when = ''): void {
  const { ownerReferences: owners = [] } = metadata;
  if (owners.length < 2) return;
  const seen = new Set<string>();
  const twice: string[] = [];
  const once = owners.filter((owner) => {
    const { apiVersion, kind, name, uid, controller, blockOwnerDeletion } = owner;
    const text = JSON.stringify([apiVersion, kind, name, uid, controller, blockOwnerDeletion]);
    const isNew = !seen.has(text);
    if (isNew) seen.add(text);
    else twice.push(uid);
    return isNew;
  });
  if (twice.length === 0) return;
  metadata.ownerReferences = once;
  warnings.push(
    `.metadata.ownerReferences contains duplicate entries${when}; API server dedups owner references in 1.20+, and may reject such requests as early as 1.24; please fix your requests; duplicate UID(s) observed: ${twice.join(', ')}`,
  );
}

/** Since a patch, a webhook or a policy has named them. */
export const afterMutation = ' after mutating admission happens';
