// Gives every node a range of addresses for its pods (spec.podCIDR). Upstream:
// pkg/controller/nodeipam, the range allocator.

import { type Node, NodeKind } from '../../api/core/node.ts';
import { type ControllerContext, defineController } from '../../client/controller.ts';
import { sayingOf } from '../../client/events.ts';
import { isConflict, isNotFound } from '../../machinery/errors.ts';
import { type NodeRangeOptions, NodeRanges } from './node-ranges.ts';

const name = 'node-ipam-controller';
/** What upstream's events come from. */
const eventSource = 'cidrAllocator';
const maxAttempts = 3;

const isWithout = (node: Node) => !node.spec.podCIDRs?.length;

function createDeps(context: ControllerContext, ranges: NodeRanges) {
  const nodes = context.informer(NodeKind);
  // Not in reconcile: before the first range is given, those of all nodes have to be known.
  nodes.onChange((node, old) => follow(ranges, node, old, context.log));
  const say = sayingOf(NodeKind, context.recorder(eventSource));
  return {
    ranges,
    nodes: nodes.lister,
    patch: context.resource(NodeKind).patch,
    say: (object: Node, reason: 'CIDRNotAvailable' | 'CIDRAssignmentFailed') =>
      say(object, 'Normal', reason, `Node ${object.metadata.name} status is now: ${reason}`),
  };
}
type Deps = ReturnType<typeof createDeps>;

/** Keeps the books after a node's change. What was given to a node and is not written on it yet stays given. */
function follow(
  ranges: NodeRanges,
  node: Node | undefined,
  old: Node | undefined,
  log: ControllerContext['log'],
): void {
  const nodeName = (node ?? old)?.metadata.name ?? '';
  if (node && !isWithout(node)) {
    const { podCIDRs = [] } = node.spec;
    if (!ranges.hold(nodeName, podCIDRs) && old?.spec.podCIDR !== node.spec.podCIDR)
      log.warn({ node: nodeName, podCIDRs }, 'the range of a node is not part of the range of all pods');
  } else if (!node || (old && !isWithout(old))) ranges.release(nodeName);
}

/** Writes the range on the node, as often as upstream tries. Returns why it could not. */
async function assign({ metadata }: Node, podCIDRs: readonly string[], { patch }: Deps): Promise<unknown> {
  const { name: nodeName = '', uid } = metadata;
  const change = { metadata: { uid }, spec: { podCIDR: podCIDRs[0], podCIDRs } };
  for (let attempt = 1; ; attempt++) {
    try {
      await patch({ name: nodeName }, change, { type: 'strategic' });
      return undefined;
    } catch (err) {
      if (attempt === maxAttempts || isNotFound(err) || isConflict(err)) return err;
    }
  }
}

async function reconcile(node: Node, deps: Deps): Promise<undefined> {
  const { ranges, say } = deps;
  const { name: nodeName = '' } = node.metadata;
  if (!isWithout(node)) return;
  const podCIDRs = ranges.allocate(nodeName);
  if (!podCIDRs) {
    say(node, 'CIDRNotAvailable');
    throw new Error(`no range for pods is left for node ${nodeName}`);
  }
  const failure = await assign(node, podCIDRs, deps);
  // The range stays the node's: it may have been written all the same.
  if (failure === undefined || isNotFound(failure)) return;
  say(node, 'CIDRAssignmentFailed');
  throw failure;
}

/** The controller for one cluster's range. Throws when the range cannot be divided. */
export function nodeIpamController(options: NodeRangeOptions) {
  const ranges = new NodeRanges(options);
  return defineController({
    name,
    kind: NodeKind,
    related: [
      {
        kind: NodeKind,
        // Those that went without hear of a range that is free again.
        keys: (node: Node | undefined, _old: Node | undefined, { nodes }) =>
          node
            ? []
            : nodes
                .list()
                .filter(isWithout)
                .map(({ metadata }) => metadata.name ?? ''),
      },
    ],
    deps: (context) => createDeps(context, ranges),
    reconcile,
  });
}
