// Empties a namespace that is being deleted, then lets it go. Upstream: pkg/controller/namespace.
import { type Namespace, NamespaceKind } from '../../api/core/namespace.ts';
import { defineController } from '../../client/controller.ts';
import { isNotFound } from '../../machinery/errors.ts';
import { cloneJson, jsonEqual } from '../../machinery/json.ts';
import { computeConditions } from './conditions.ts';
import { deleteContent } from './content.ts';

const finalizer = 'kubernetes';
const retryMs = 500;
const maxRetryMs = 15_000;

/** When to look again at what is left: soon, but not before pods had half of their grace. Pure. */
export function nextLookMs(graceSeconds: number): number {
  return Math.min(maxRetryMs, Math.max(retryMs, (graceSeconds * 1000) / 2));
}

/** Whether the namespace goes once we have emptied it. */
const awaitsContent = ({ metadata, spec }: Namespace) =>
  metadata.deletionTimestamp !== undefined && spec.finalizers?.includes(finalizer) === true;

export const namespaceController = defineController({
  name: 'namespace-controller',
  kind: NamespaceKind,
  concurrency: 5,
  deps: (context) => ({ context, namespaces: context.resource(NamespaceKind) }),
  async reconcile(cached, { context, namespaces }) {
    const { name = '', uid } = cached.metadata;
    if (!awaitsContent(cached)) return undefined;
    try {
      // The cache may run behind, and what is in another namespace of the name is not ours to delete.
      const namespace = await namespaces.get({ name });
      if (namespace.metadata.uid !== uid || !awaitsContent(namespace)) return undefined;
      const remaining = await deleteContent(context, name);
      const status = cloneJson(namespace.status ?? {});
      status.conditions = computeConditions(status.conditions, remaining, context.clock.now());
      const current = jsonEqual(status, namespace.status)
        ? namespace
        : await namespaces.updateStatus({ ...namespace, status });
      if (remaining.hasPods || remaining.resources.size > 0 || remaining.errors.length > 0) {
        return { requeueAfterMs: nextLookMs(remaining.graceSeconds) };
      }
      const finalizers = (current.spec.finalizers ?? []).filter((f) => f !== finalizer);
      await namespaces.updateSubresource({ name }, 'finalize', { ...current, spec: { ...current.spec, finalizers } });
    } catch (err) {
      if (!isNotFound(err)) throw err; // gone already
    }
  },
});
