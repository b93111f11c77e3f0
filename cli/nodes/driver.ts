// A node driver makes machines for nodes. The sandbox driver makes them from namespaces of this host; what a cluster
// asks of a driver is no more than this, so that a node can also be a virtual machine.
import type { Layout, NodeLayout } from '../layout.ts';

export interface NodeDriver {
  readonly name: string;
  /** Makes what the node needs before its units are started: folders, control groups, scripts. Idempotent. */
  prepare(layout: Layout, node: NodeLayout): void;
  /** Ends everything that runs in the node and removes what prepare and its boot have made, but not its data. */
  remove(layout: Layout, node: NodeLayout): Promise<void>;
}
