// Who owns whom, over all kinds: an index by owner over the informer of each kind, which the
// informers keep true. Kinds that another controller reads in full are shared with it; of the
// others only metadata is kept. Upstream: the garbage collector's graph builder.
import type { ControllerContext } from '../../client/controller.ts';
import type { Lister } from '../../client/store.ts';
import type { Kind } from '../../machinery/kind.ts';
import type { KubeObject, OwnerReference } from '../../machinery/metadata.ts';
import { controllerMetrics } from '../metrics.ts';

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
const isCollected = (kind: Kind): boolean =>
  kind.stored && kind.kind !== 'Event' && kind.verbs.includes('list') && kind.verbs.includes('watch');

/** An object with its kind. */
export interface GraphNode {
  kind: Kind;
  object: KubeObject;
}

export interface GraphChange {
  isGone: boolean;
  ownersBefore: readonly OwnerReference[];
}

/** So long a kind that cannot be read holds up the decisions about all others. */
const syncDeadlineMs = 30_000;

type OnChange = (node: GraphNode, change: GraphChange) => void;

export class OwnerGraph {
  readonly #context: ControllerContext;
  readonly #onChange: OnChange;
  readonly #listers = new Map<Kind, Lister<KubeObject>>();
  #synced: Promise<unknown> = Promise.resolve();

  /** `onChange` is called for every object that comes, changes or goes, with its owners before and after. */
  constructor(context: ControllerContext, onChange: OnChange) {
    this.#context = context;
    this.#onChange = onChange;
    this.#follow();
    context.kinds.onChange(() => this.#follow());
  }

  /** Takes kinds in that have come, and drops those that have gone. */
  #follow(): void {
    const kinds = new Set(this.#context.kinds.current.filter(isCollected));
    for (const kind of this.#listers.keys()) {
      if (kinds.has(kind)) continue;
      this.#listers.delete(kind);
      this.#context.dropInformers(kind);
    }
    const waits = [this.#synced];
    for (const kind of kinds) if (!this.#listers.has(kind)) waits.push(this.#add(kind));
    this.#synced = Promise.all(waits);
  }

  #add(kind: Kind): Promise<void> {
    const options = sharedKinds.has(kind.kind) && !kind.isCustom ? {} : { metadataOnly: true };
    const informer = this.#context.informer<KubeObject>(kind, options);
    informer.addIndex(byOwner, (object) => (object.metadata.ownerReferences ?? []).map((owner) => owner.uid));
    informer.addIndex(byUid, ({ metadata }) => [metadata.uid ?? '']);
    informer.onChange((object, old) => {
      const ownersBefore = old?.metadata.ownerReferences ?? [];
      this.#onChange({ kind, object: (object ?? old)! }, { isGone: object === undefined, ownersBefore });
    });
    this.#listers.set(kind, informer.lister);
    const { clock, log, registry } = this.#context;
    return new Promise((resolve) => {
      const timer = clock.after(syncDeadlineMs, () => {
        controllerMetrics(registry).collectErrors.of().value++;
        log.warn({ kind: kind.kind }, 'objects of a kind cannot be read; others are collected without knowing of them');
        resolve();
      });
      void informer.synced().then(() => {
        timer.cancel();
        resolve();
      });
    });
  }

  /** Resolves when the objects of every kind that is known now have been read. */
  async synced(): Promise<void> {
    await this.#synced;
  }

  /** A kind by its group and plural. */
  find(group: string, plural: string): Kind | undefined {
    for (const kind of this.#listers.keys()) if (kind.group === group && kind.plural === plural) return kind;
    return undefined;
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
    return [...this.#listers.keys()].find(
      (k) => k.kind === reference.kind && k.served.some((version) => version.group === group),
    );
  }
}
