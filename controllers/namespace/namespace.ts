// Empties a namespace that is being deleted, then lets it go. Upstream: pkg/controller/namespace.
import { NamespaceKind } from '../../api/core/namespace.ts';
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

export const namespaceController = defineController({
  name: 'namespace-controller',
  kind: NamespaceKind,
  concurrency: 5,
  deps: (context) => ({ context, namespaces: context.resource(NamespaceKind) }),
  async reconcile(cached, { context, namespaces }) {
    const { name = '', deletionTimestamp } = cached.metadata;
    if (!deletionTimestamp || !cached.spec.finalizers?.includes(finalizer)) return undefined;
    try {
      const remaining = await deleteContent(context, name);
      const namespace = await namespaces.get({ name });
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
    return undefined;
  },
});
