// Who owns whom, over all kinds: an index by owner over the informer of each kind, which the
// informers keep true. Kinds that another controller reads in full are shared with it; of the
// others only metadata is kept. Upstream: the garbage collector's graph builder.
import { kinds } from '../../api/index.ts';
import type { ControllerContext } from '../../client/controller.ts';
import type { Lister } from '../../client/store.ts';
import type { Kind } from '../../machinery/kind.ts';
import type { KubeObject, OwnerReference } from '../../machinery/metadata.ts';

const byOwner = 'owner';
const byUid = 'uid';

/** Kinds whose informers the other controllers keep anyway. */
const sharedKinds = new Set([
  'ClusterRole',
  'ControllerRevision',
  'DaemonSet',
  'Deployment',
  'EndpointSlice',
  'Endpoints',
  'Job',
  'Namespace',
  'Node',
  'Pod',
  'ReplicaSet',
  'Service',
  'ServiceAccount',
]);

/** Kinds whose objects may own or be owned. Events are news and own nothing. */
export const collectedKinds: readonly Kind[] = kinds.filter(
  (kind) => kind.stored && kind.kind !== 'Event' && kind.verbs.includes('list') && kind.verbs.includes('watch'),
);

/** An object with its kind. */
export interface GraphNode {
  kind: Kind;
  object: KubeObject;
}

export interface GraphChange {
  isGone: boolean;
  ownersBefore: readonly OwnerReference[];
}

export class OwnerGraph {
  readonly #listers = new Map<Kind, Lister<KubeObject>>();
  readonly #synced: Promise<void>[] = [];

  /** `onChange` is called for every object that comes, changes or goes, with its owners before and after. */
  constructor(context: ControllerContext, onChange: (node: GraphNode, change: GraphChange) => void) {
    for (const kind of collectedKinds) {
      const informer = context.informer<KubeObject>(kind, sharedKinds.has(kind.kind) ? {} : { metadataOnly: true });
      informer.addIndex(byOwner, (object) => (object.metadata.ownerReferences ?? []).map((owner) => owner.uid));
      informer.addIndex(byUid, ({ metadata }) => [metadata.uid ?? '']);
      informer.onChange((object, old) => {
        const ownersBefore = old?.metadata.ownerReferences ?? [];
        onChange({ kind, object: (object ?? old)! }, { isGone: object === undefined, ownersBefore });
      });
      this.#listers.set(kind, informer.lister);
      this.#synced.push(informer.synced());
    }
  }

  async synced(): Promise<void> {
    await Promise.all(this.#synced);
  }

  get(kind: Kind, key: string): KubeObject | undefined {
    return this.#listers.get(kind)?.get(key);
  }

  /** Whether there is an object of that kind with that uid, under whatever name. */
  has(kind: Kind, uid: string): boolean {
    return (this.#listers.get(kind)?.byIndex(byUid, uid).length ?? 0) > 0;
  }

  /** Everything that names the uid as an owner. */
  dependentsOf(uid: string): GraphNode[] {
    const nodes: GraphNode[] = [];
    for (const [kind, lister] of this.#listers) {
      for (const object of lister.byIndex(byOwner, uid)) nodes.push({ kind, object });
    }
    return nodes;
  }

  /** The kind that a reference speaks of, in any of its versions; undefined for one that this server does not have. */
  kindOf(reference: OwnerReference): Kind | undefined {
    const group = reference.apiVersion.includes('/') ? reference.apiVersion.split('/')[0] : '';
    return collectedKinds.find((k) => k.kind === reference.kind && k.served.some((version) => version.group === group));
  }
}
