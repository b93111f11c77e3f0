// Kubelets that keep no container: pods of their nodes start, get ready, end by themselves where they are to end, and go
// once they are deleted. They are as well as their nodes are: what they tell of pods is what happened.
import assert from 'node:assert/strict';
import { isFinished } from '../../api/core/pod/columns.ts';
import { type Pod, PodKind } from '../../api/core/pod.ts';
import { keyOf } from '../../machinery/metadata.ts';
import { timestamp } from '../../machinery/timestamp.ts';
import type { Draw } from '../environment/fuzz.ts';
import { serve } from './memory-transport.ts';
import type { Nodes } from './nodes.ts';
import { slow } from './user.ts';
import type { World } from './world.ts';

export class Kubelets {
  readonly #world: World;
  readonly #draw: Draw;
  /** When each pod goes its next step. */
  readonly #due = new Map<string, number>();
  /** How pods ended, by uid. */
  readonly ended = new Map<string, 'Succeeded' | 'Failed'>();
  /** What runs, by the names of pods, whatever the API says of them. */
  readonly #running = new Map<string, { uid: string; node: string }>();
  /** Pods whose node was switched off. */
  readonly #broken = new Set<string>();
  readonly #nodes: Nodes;

  constructor(world: World, nodes: Nodes) {
    this.#world = world;
    this.#nodes = nodes;
    this.#draw = world.draw.fork();
    nodes.onOff = (node) => {
      for (const { uid } of this.#forget(node)) this.#broken.add(uid);
    };
    nodes.onBack = (node) => {
      const known = new Set(world.all<Pod>(PodKind).map(({ metadata }) => metadata.uid));
      this.#forget(node, (uid) => !known.has(uid));
    };
  }

  /** What runs on a node, or some of it, runs no more. */
  #forget(node: string, which: (uid: string) => boolean = () => true): { uid: string }[] {
    const gone = [...this.#running].filter(([, it]) => it.node === node && which(it.uid));
    for (const [key] of gone) this.#running.delete(key);
    return gone.map(([, it]) => it);
  }

  async step(): Promise<void> {
    for (const pod of this.#world.all<Pod>(PodKind)) {
      const { uid = '', deletionTimestamp } = pod.metadata;
      if (!pod.spec.nodeName && !deletionTimestamp) continue;
      if (this.#nodes.isLost(pod.spec.nodeName ?? '')) continue;
      const next = this.#next(pod);
      if (!next) continue;
      const id = `${uid} ${next}`;
      const due = this.#due.get(id);
      if (due === undefined) this.#due.set(id, this.#world.nowMs + this.#delayMs(pod, next));
      else if (due <= this.#world.nowMs) await this.#take(pod, next);
    }
  }

  #delayMs({ metadata }: Pod, next: string): number {
    if (next !== 'end') return 100 + this.#draw.below(1_500);
    return 500 + this.#draw.below(metadata.labels?.app === slow ? 100_000 : 8_000);
  }

  #next(pod: Pod): 'start' | 'end' | 'stop' | 'remove' | undefined {
    if (pod.metadata.deletionTimestamp) return isFinished(pod) || !pod.spec.nodeName ? 'remove' : 'stop';
    if (isFinished(pod)) return undefined;
    if (pod.status?.phase !== 'Running' || !isReady(pod)) return 'start';
    return pod.spec.restartPolicy === 'Never' ? 'end' : undefined;
  }

  async #take(pod: Pod, next: 'start' | 'end' | 'stop' | 'remove'): Promise<void> {
    const path = `/api/v1/namespaces/${pod.metadata.namespace}/pods/${pod.metadata.name}`;
    if (next === 'remove') {
      this.#stopped(pod);
      const body = JSON.stringify({ gracePeriodSeconds: 0, preconditions: { uid: pod.metadata.uid } });
      await this.#send('DELETE', path, body);
      return;
    }
    const { uid = '' } = pod.metadata;
    const isWell = next === 'end' && this.#draw.below(5) > 0 && !this.#broken.has(uid);
    const phase = next === 'start' ? 'Running' : isWell ? 'Succeeded' : 'Failed';
    const status = await this.#send(
      'PUT',
      `${path}/status`,
      JSON.stringify({ ...pod, status: statusOf(pod, phase, this.#world.nowMs) }),
    );
    if (status !== 200) return;
    if (phase === 'Running') return this.#started(pod);
    // One that is deleted leaves Failed, which is what is counted.
    this.ended.set(uid, phase);
    this.#stopped(pod);
  }

  /** Two pods of one name never run at a time, be the node of the first lost. */
  #started(pod: Pod): void {
    const [key, { uid = '' }, { nodeName: node = '' }] = [keyOf(pod), pod.metadata, pod.spec];
    const other = this.#running.get(key);
    assert.ok(!other || other.uid === uid, `${key} runs on ${other?.node} and on ${node}`);
    this.#running.set(key, { uid, node });
  }

  #stopped(pod: Pod): void {
    if (this.#running.get(keyOf(pod))?.uid === pod.metadata.uid) this.#running.delete(keyOf(pod));
  }

  async #send(method: 'PUT' | 'DELETE', path: string, body: string): Promise<number> {
    const { status } = await serve(this.#world.api, { method, path, body });
    this.#world.note(`kubelet: ${method} ${path.replace(/^.*namespaces\//, '')} ${status}`);
    this.#world.written();
    return status;
  }
}

const isReady = ({ status }: Pod) => status?.conditions?.some((c) => c.type === 'Ready' && c.status === 'True');

function statusOf(pod: Pod, phase: 'Running' | 'Succeeded' | 'Failed', nowMs: number): object {
  const time = timestamp(nowMs);
  const status = phase === 'Running' ? 'True' : 'False';
  const kept = (pod.status?.conditions ?? []).filter(({ type }) => !/Ready/.test(type ?? ''));
  const ended = { exitCode: phase === 'Failed' ? 1 : 0, reason: 'Completed', startedAt: time, finishedAt: time };
  return {
    ...pod.status,
    phase,
    startTime: pod.status?.startTime ?? time,
    conditions: [...kept, ...['Ready', 'ContainersReady'].map((type) => ({ type, status, lastTransitionTime: time }))],
    containerStatuses: pod.spec.containers.map(({ name, image }) => ({
      name,
      image,
      imageID: '',
      ready: phase === 'Running',
      restartCount: 0,
      state: phase === 'Running' ? { running: { startedAt: time } } : { terminated: ended },
    })),
  };
}
