// Brings a cluster's first objects into being.
import { rbacGroup } from '../../api/rbac/binding.ts';
import { unlessGone } from '../../machinery/errors.ts';
import { cloneJson, jsonEqual } from '../../machinery/json.ts';
import type { Kind } from '../../machinery/kind.ts';
import type { KubeObject } from '../../machinery/metadata.ts';
import { type ApiContext, writeAs } from '../registry/context.ts';
import { deleteObject } from '../registry/delete.ts';
import { updateObject } from '../registry/update.ts';
import { complete, isAutoUpdated } from './auto-update.ts';
import { createIfAbsent } from './create.ts';
import { flowControlGroup, flowControlObjects, follow } from './flow-control.ts';
import { type BootstrapObject, bootstrapObjects } from './objects.ts';

const parallelWrites = 16;

/**
 * Creates what is missing, and completes roles and bindings. Safe to run at every start and by
 * several servers at once.
 */
export async function ensureBootstrapObjects(context: ApiContext): Promise<void> {
  const all = [...bootstrapObjects(), ...flowControlObjects];
  // Namespaces first: what lives in them is refused before.
  const isNamespace = ({ object }: BootstrapObject) => object.kind === 'Namespace';
  for (const batch of [all.filter(isNamespace), all.filter((one) => !isNamespace(one))]) {
    for (let i = 0; i < batch.length; i += parallelWrites) {
      await Promise.all(batch.slice(i, i + parallelWrites).map((one) => ensureBootstrapObject(context, one)));
    }
    await context.store.cache.waitConsistent();
  }
}

async function ensureBootstrapObject(context: ApiContext, { group, object }: BootstrapObject): Promise<void> {
  const kind = context.kinds.kind(group, object.kind);
  const { namespace = '', name = '' } = object.metadata;
  const existing = context.store.peek(kind, namespace, name)?.object;
  if (!existing) return createIfAbsent(context, group, object);
  if (group === flowControlGroup) return writeIfChanged(context, kind, existing, (old) => follow(old, object));
  if (group !== rbacGroup || !isAutoUpdated(existing)) return;
  const write = writeAs(kind);
  if (object.roleRef && !jsonEqual(existing.roleRef, object.roleRef)) {
    // What a binding refers to cannot be changed.
    await unlessGone(deleteObject(context, kind, { namespace, name, options: {} }, write));
    return createIfAbsent(context, group, object);
  }
  return writeIfChanged(context, kind, existing, (old) => complete(old, object));
}

async function writeIfChanged(
  context: ApiContext,
  kind: Kind,
  existing: KubeObject,
  change: (old: KubeObject) => KubeObject,
): Promise<void> {
  if (jsonEqual(change(existing), existing)) return;
  const { namespace = '', name = '' } = existing.metadata;
  const produce = (old: KubeObject) => cloneJson(change(old));
  await updateObject(context, kind, { namespace, name, subresource: '', produce }, writeAs(kind));
}
