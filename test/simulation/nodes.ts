// Nodes that are lost and found. One that is cut off runs on and is not heard; one that is switched off loses what ran.
// Either comes back after a while, and one that is off may have been removed by then: it registers anew.
import { LeaseKind, nodeLeaseNamespace } from '../../api/coordination/lease.ts';
import { type Node, NodeKind } from '../../api/core/node.ts';
import { timestamp } from '../../machinery/timestamp.ts';
import type { Draw } from '../environment/fuzz.ts';
import { serve } from './memory-transport.ts';
import type { World } from './world.ts';

export const nodeCount = 3;
export const podsANode = 12;
const names = Array.from({ length: nodeCount }, (_, i) => `n${i}`);
const leases = `/apis/coordination.k8s.io/v1/namespaces/${nodeLeaseNamespace}/leases`;
const renewMs = 3_000;

/** Sooner than in a cluster: a life is short. */
export const graceMs = 12_000;
const isGoneFor = (key: string) => ({ key, operator: 'Exists', effect: 'NoExecute', tolerationSeconds: 3 });
export const tolerations = ['not-ready', 'unreachable'].map((key) => isGoneFor(`node.kubernetes.io/${key}`));

const isReady = ({ status }: Node) => status?.conditions?.some((c) => c.type === 'Ready' && c.status === 'True');

interface Loss {
  isOff: boolean;
  untilMs: number;
  /** When somebody who knows that it is off removes it. */
  removedAtMs?: number;
}

export class Nodes {
  readonly #world: World;
  readonly #draw: Draw;
  readonly #lost = new Map<string, Loss>();
  #renewAtMs = 0;
  /** In some lives nodes are lost. */
  readonly areMortal: boolean;
  /** What ran there runs no more. */
  onOff: (node: string) => void = () => undefined;
  /** It hears of what happened meanwhile. */
  onBack: (node: string) => void = () => undefined;

  constructor(world: World) {
    this.#world = world;
    this.#draw = world.draw.fork();
    this.areMortal = this.#draw.chance(0.35);
  }

  async #send(method: 'POST' | 'PUT' | 'PATCH' | 'DELETE', path: string, body?: object): Promise<number> {
    const contentType = method === 'PATCH' ? { contentType: 'application/merge-patch+json' } : {};
    const request = { method, path, ...(body ? { body: JSON.stringify(body) } : {}), ...contentType };
    const { status } = await serve(this.#world.api, request);
    if (path.startsWith(leases)) return status;
    this.#world.note(`node: ${method} ${path.replace('/api/v1/', '')} ${status}`);
    this.#world.written();
    return status;
  }

  async begin(): Promise<void> {
    await this.#send('POST', '/api/v1/namespaces', { metadata: { name: nodeLeaseNamespace } });
    for (const name of names) {
      await this.#register(name);
      // Nobody does it where nodes are not watched over.
      await this.#send('PATCH', `/api/v1/nodes/${name}`, { spec: { taints: null } });
    }
  }

  async #register(name: string): Promise<void> {
    await this.#send('POST', '/api/v1/nodes', { metadata: { name, labels: { 'kubernetes.io/hostname': name } } });
    await this.#report(name);
  }

  async #report(name: string): Promise<void> {
    const allocatable = { cpu: '8', memory: '8Gi', pods: String(podsANode) };
    const lastHeartbeatTime = timestamp(this.#world.nowMs);
    const conditions = [{ type: 'Ready', status: 'True', lastHeartbeatTime }];
    const status = { capacity: allocatable, allocatable, conditions };
    await this.#send('PATCH', `/api/v1/nodes/${name}/status`, { status });
  }

  isLost(name: string): boolean {
    return this.#lost.has(name);
  }

  isRemoved(name: string): boolean {
    return this.#lost.get(name)?.removedAtMs !== undefined;
  }

  get lost(): readonly string[] {
    return [...this.#lost.keys()];
  }

  /** One of those that are there is lost, seldom beside another one. */
  lose(forMs = 2_000 + this.#draw.below(60_000)): void {
    if (this.#lost.size > 0 && !this.#draw.chance(0.2)) return;
    const name = this.#draw.of(names);
    if (this.#lost.has(name)) return;
    const isOff = this.#draw.chance(0.5);
    this.#lost.set(name, { isOff, untilMs: this.#world.nowMs + forMs });
    this.#world.note(`node ${name} is ${isOff ? 'off' : 'cut off'} for ${forMs} ms`);
    if (isOff) this.onOff(name);
  }

  /** One that is off is removed after a while. */
  remove(afterMs = 0): void {
    for (const loss of this.#lost.values()) if (loss.isOff) loss.removedAtMs ??= this.#world.nowMs + afterMs;
  }

  async step(): Promise<void> {
    if (!this.areMortal) return;
    const { nowMs } = this.#world;
    const nodes = new Map(this.#world.all<Node>(NodeKind).map((node) => [node.metadata.name ?? '', node]));
    for (const [name, { untilMs, removedAtMs = Number.POSITIVE_INFINITY }] of this.#lost) {
      if (untilMs <= nowMs) this.back(name);
      else if (removedAtMs <= nowMs && nodes.has(name)) await this.#send('DELETE', `/api/v1/nodes/${name}`);
    }
    if (nowMs < this.#renewAtMs) return;
    this.#renewAtMs = nowMs + renewMs;
    for (const name of names.filter((one) => !this.#lost.has(one))) {
      const node = nodes.get(name);
      if (!node) await this.#register(name);
      else if (!isReady(node)) await this.#report(name);
      await this.#renew(name);
    }
  }

  async #renew(name: string): Promise<void> {
    const spec = { holderIdentity: name, renewTime: new Date(this.#world.nowMs).toISOString().replace('Z', '000Z') };
    const body = { apiVersion: `${LeaseKind.group}/v1`, kind: LeaseKind.kind, metadata: { name }, spec };
    if ((await this.#send('PATCH', `${leases}/${name}`, { spec })) === 404) await this.#send('POST', leases, body);
  }

  /** In half of the lives one is lost until it is told to come back; the others are there. */
  keepOne(): void {
    for (const name of this.lost) this.back(name);
    if (!this.areMortal || this.#draw.chance(0.5)) return;
    this.lose(Number.POSITIVE_INFINITY);
    if (this.#draw.chance(0.7)) this.remove(this.#draw.below(40_000));
  }

  back(name: string): void {
    this.#world.note(`node ${name} is back`);
    this.#lost.delete(name);
    this.#renewAtMs = 0;
    this.onBack(name);
  }
}
