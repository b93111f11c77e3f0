// Tells kubelets by an annotation of their nodes how long they may keep Secrets and ConfigMaps
// before they ask again: the longer, the more nodes there are. Upstream: pkg/controller/ttl.
import { type Node, NodeKind } from '../../api/core/node.ts';
import { defineController } from '../../client/controller.ts';
import { unlessGone } from '../../machinery/errors.ts';
import { keyOf } from '../../machinery/metadata.ts';

const annotation = 'node.alpha.kubernetes.io/ttl';

/** The sizes of a cluster overlap, so that one at a border does not go to and fro. */
const steps = [
  { least: 0, most: 100, ttlSeconds: 0 },
  { least: 90, most: 500, ttlSeconds: 15 },
  { least: 450, most: 1000, ttlSeconds: 30 },
  { least: 900, most: 2000, ttlSeconds: 60 },
  { least: 1800, most: Number.POSITIVE_INFINITY, ttlSeconds: 300 },
] as const;

/** The step for so many nodes, coming from another one. Pure. */
export function nextStep(step: number, nodeCount: number): number {
  if (nodeCount > steps[step]!.most) return nextStep(step + 1, nodeCount);
  if (nodeCount < steps[step]!.least) return nextStep(step - 1, nodeCount);
  return step;
}

export const ttlOf = (step: number): string => String(steps[step]!.ttlSeconds);

export const nodeTtlController = defineController({
  name: 'ttl-controller',
  kind: NodeKind,
  deps: (context, enqueue) => ({
    nodes: context.informer(NodeKind).lister,
    patch: context.resource(NodeKind).patch,
    enqueue,
    current: { step: 0 },
  }),
  async reconcile(node: Node, { nodes, patch, enqueue, current }) {
    const all = nodes.list();
    const step = nextStep(current.step, all.length);
    if (step !== current.step) for (const other of all) enqueue(keyOf(other));
    current.step = step;
    if (node.metadata.annotations?.[annotation] === ttlOf(step)) return undefined;
    const change = { metadata: { annotations: { [annotation]: ttlOf(step) } } };
    await unlessGone(patch(node.metadata, change, { type: 'merge' }));
  },
});
