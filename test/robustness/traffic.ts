// Concurrent clients that create, read, change and delete a few objects, so that they meet: every verb, with what a
// client remembers of an object, which may be old. All choices are drawn from the seed.
import { realClock } from '../../machinery/clock.ts';
import type { KubeObject } from '../../machinery/metadata.ts';
import type { Draw } from '../environment/fuzz.ts';
import type { ApiClient, Target } from './api-client.ts';
import type { ListRequest, Operation, ReadAt, Request, Resource, WriteRequest } from './history.ts';
import { revisionOf } from './history.ts';
import { shapes } from './resources.ts';

export const labelSelectors = ['color=red', 'color!=red', 'color in (red,green)', '!color', 'color'] as const;
const colors = ['red', 'green', 'blue', undefined] as const;
const finalizer = 'example.com/hold';
const containers = [{ name: 'c', image: 'c' }];
const nodes = ['n1', 'n2', undefined] as const;
const maxPauseMs = 15;
const maxBackOffMs = 300;

type Sent = { request: Request; stamp?: string };

class Worker {
  readonly #client: ApiClient;
  readonly #draw: Draw;
  readonly #known = new Map<string, KubeObject>();
  #newest = 0;
  #stamps = 0;

  constructor(client: ApiClient, draw: Draw) {
    this.#client = client;
    this.#draw = draw;
  }

  async run(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      const { target, sent } = this.#next();
      const abandonMs = this.#draw.chance(0.02) ? 1 + this.#draw.below(20) : undefined;
      const server = this.#draw.below(this.#client.servers);
      const operation = await this.#client.send(server, target, sent.request, { stamp: sent.stamp, abandonMs });
      this.#learn(operation);
      await realClock.sleep(this.#draw.below(operation.outcome.result === 'unknown' ? maxBackOffMs : maxPauseMs));
    }
  }

  #learn({ outcome, resource }: Operation): void {
    if (outcome.result === 'listed') {
      this.#newest = Math.max(this.#newest, outcome.revision);
      for (const item of outcome.items) this.#known.set(`${resource}/${item.metadata.name}`, item);
    }
    if (outcome.result !== 'done' || outcome.object.kind === 'Status') return;
    this.#newest = Math.max(this.#newest, revisionOf(outcome.object));
    this.#known.set(`${resource}/${outcome.object.metadata.name}`, outcome.object);
  }

  #next(): { target: Target; sent: Sent } {
    const draw = this.#draw;
    const resource: Resource = draw.of(['configmaps', 'configmaps', 'pods', 'widgets']);
    const name = `${resource}-${draw.below(shapes[resource].objects)}`;
    const target = { resource, name };
    const known = this.#known.get(`${resource}/${name}`);
    const pick = draw.below(100);
    if (pick < 14) return { target, sent: this.#create(target) };
    if (pick < 30) return { target, sent: { request: { verb: 'get', at: this.#readAt() } } };
    if (pick < 42) return { target: { resource, name: '' }, sent: { request: this.#list(resource) } };
    if (pick < 44) return { target: { resource, name: '' }, sent: { request: this.#deleteCollection() } };
    if (pick < 58) return { target, sent: { request: this.#delete(resource, known) } };
    if (pick < 66) return { target, sent: this.#apply(target) };
    if (!known || pick < 76) return { target, sent: this.#mergePatch(resource, known) };
    if (pick < 83) return { target, sent: this.#jsonPatch(known) };
    return { target, sent: this.#update(resource, known) };
  }

  #stamp(): string {
    return `${this.#client.name}-${++this.#stamps}`;
  }

  /** Mostly the present. */
  #readAt(): ReadAt {
    return this.#draw.of([undefined, undefined, undefined, 0, this.#newest]);
  }

  #labels(): { labels?: Record<string, string> } {
    const color = this.#draw.of(colors);
    return color ? { labels: { color } } : {};
  }

  #create({ resource, name }: Target): Sent {
    const stamp = this.#stamp();
    const finalizers = this.#draw.chance(0.15) ? { finalizers: [finalizer] } : {};
    const metadata = { name, annotations: { stamp }, ...this.#labels(), ...finalizers };
    const object = this.#object(resource, metadata, { n: String(this.#draw.below(5)) });
    const nodeName = this.#draw.of(nodes);
    if (resource === 'pods' && nodeName) object.spec.nodeName = nodeName;
    return { request: { verb: 'create', object }, stamp };
  }

  #object(resource: Resource, metadata: KubeObject['metadata'], texts: Record<string, string>): any {
    const { apiVersion, kind, field } = shapes[resource];
    return { apiVersion, kind, metadata, ...(field ? { [field]: texts } : { spec: { containers } }) };
  }

  #list(resource: Resource): ListRequest {
    const draw = this.#draw;
    const at = this.#readAt();
    const labelSelector = draw.chance(0.3) ? { labelSelector: draw.of(labelSelectors) } : {};
    const fieldSelector = draw.chance(0.2) ? { fieldSelector: draw.of(shapes[resource].fieldSelectors) } : {};
    const shape = draw.below(6);
    // A limit with a version would be a page of that version.
    if (shape === 0) return { verb: 'list', at: undefined, limit: 1 + draw.below(3), ...labelSelector };
    if (shape === 1 && this.#newest > 0) {
      const past = Math.max(1, this.#newest - draw.below(50));
      return { verb: 'list', at: past, exact: true, ...labelSelector, ...fieldSelector };
    }
    return { verb: 'list', at, ...labelSelector, ...fieldSelector };
  }

  #deleteCollection(): Request {
    return { verb: 'deletecollection', labelSelector: this.#draw.of(labelSelectors) };
  }

  #delete(resource: Resource, known: KubeObject | undefined): WriteRequest {
    const draw = this.#draw;
    const { uid, resourceVersion } = known?.metadata ?? {};
    const wanted = draw.of([undefined, undefined, { uid }, { resourceVersion }]);
    const preconditions = known && wanted ? { preconditions: wanted as { uid?: string } } : {};
    const period = resource === 'pods' ? draw.of([undefined, 0, 0, 1, 5]) : draw.of([undefined, undefined, 0]);
    return { verb: 'delete', ...preconditions, ...(period === undefined ? {} : { gracePeriodSeconds: period }) };
  }

  #apply({ resource, name }: Target): Sent {
    const stamp = this.#stamp();
    const texts = { [`of-${this.#client.name}`]: String(this.#draw.below(3)) };
    const object = this.#object(resource, { name, annotations: { stamp } }, texts);
    return { request: { verb: 'apply', object }, stamp };
  }

  #mergePatch(resource: Resource, known: KubeObject | undefined): Sent {
    const draw = this.#draw;
    const stamp = this.#stamp();
    const metadata: Record<string, unknown> = { annotations: { stamp }, labels: { color: draw.of(colors) ?? null } };
    if (draw.chance(0.2)) metadata.finalizers = draw.of([[finalizer], null, null]);
    if (known && draw.chance(0.3)) metadata.resourceVersion = known.metadata.resourceVersion;
    if (known && draw.chance(0.1)) metadata.uid = known.metadata.uid;
    const value = draw.of(['0', '1', '2', null]);
    const { field } = shapes[resource];
    const texts = field ? { [field]: { [draw.of(['n', 'x', 'y'])]: value } } : {};
    return { request: { verb: 'merge-patch', patch: { metadata, ...texts } }, stamp };
  }

  #jsonPatch(known: KubeObject): Sent {
    const draw = this.#draw;
    const stamp = this.#stamp();
    const operations: Extract<WriteRequest, { verb: 'json-patch' }>['operations'] = [
      { op: 'replace', path: '/metadata/annotations/stamp', value: stamp },
    ];
    const { labels, annotations, finalizers } = known.metadata;
    if (draw.chance(0.4)) operations.unshift({ op: 'test', path: '/metadata/annotations', value: annotations });
    if (labels && draw.chance(0.5))
      operations.push({ op: 'replace', path: '/metadata/labels', value: { color: 'red' } });
    if (finalizers && draw.chance(0.5)) operations.push({ op: 'remove', path: '/metadata/finalizers' });
    return { request: { verb: 'json-patch', operations }, stamp };
  }

  #update(resource: Resource, known: KubeObject): Sent {
    const draw = this.#draw;
    const { managedFields: _, ...metadata } = known.metadata;
    // Sent back as it was read: nothing is written, or it has changed meanwhile and is refused.
    if (draw.chance(0.15)) return { request: { verb: 'update', object: { ...known, metadata } } };
    const stamp = this.#stamp();
    const { labels: _l, finalizers = [], resourceVersion, ...rest } = metadata;
    const next: KubeObject['metadata'] = { ...rest, annotations: { stamp }, ...this.#labels() };
    if (draw.chance(0.6)) next.resourceVersion = resourceVersion!;
    const kept = draw.chance(0.5) ? [] : draw.chance(0.15) ? [finalizer] : finalizers;
    if (kept.length > 0) next.finalizers = [...kept];
    const object: any = { ...known, metadata: next };
    const { field } = shapes[resource];
    if (field) {
      object[field] = { n: String(draw.below(5)) };
      if (!next.resourceVersion && draw.chance(0.4)) delete next.uid;
    }
    return { request: { verb: 'update', object }, stamp };
  }
}

/** Sends requests until the signal comes; every client has one under way. */
export async function runTraffic(clients: readonly ApiClient[], draw: Draw, signal: AbortSignal): Promise<void> {
  const workers = clients.map((client) => new Worker(client, draw.fork()));
  await Promise.all(workers.map((worker) => worker.run(signal)));
}
