// Pods for tests: `pod('a').on('n1').ready().build()`. What a test does not say has a plain value;
// the result is frozen like a cached object.

import type { Container } from '../../api/core/pod/container.ts';
import type { Toleration } from '../../api/core/pod/scheduling.ts';
import type { Pod } from '../../api/core/pod.ts';
import { cloneJson, deepFreeze } from '../../machinery/json.ts';
import type { OwnerReference } from '../../machinery/metadata.ts';

export const testTimeMs = Date.parse('2026-01-01T00:00:00Z');

/** A time so many seconds before the tests' present. */
export function secondsAgo(seconds: number): string {
  return `${new Date(testTimeMs - seconds * 1000).toISOString().slice(0, 19)}Z`;
}

export class PodBuilder {
  readonly #pod: Pod;

  constructor(name: string) {
    this.#pod = {
      kind: 'Pod',
      apiVersion: 'v1',
      metadata: { name, namespace: 'default', uid: `uid-${name}`, creationTimestamp: secondsAgo(100) },
      spec: { containers: [{ name: 'c', image: 'img' }] as Container[] },
      status: { phase: 'Pending' },
    } as Pod;
  }

  on(nodeName: string): this {
    this.#pod.spec.nodeName = nodeName;
    return this;
  }

  in(namespace: string): this {
    this.#pod.metadata.namespace = namespace;
    return this;
  }

  labels(labels: Record<string, string>): this {
    this.#pod.metadata.labels = labels;
    return this;
  }

  annotations(annotations: Record<string, string>): this {
    this.#pod.metadata.annotations = annotations;
    return this;
  }

  finalizer(name: string): this {
    this.#pod.metadata.finalizers = [name];
    return this;
  }

  ownedBy(owner: { metadata: { name?: string; uid?: string } }, kind = 'ReplicaSet'): this {
    const { name = '', uid = '' } = owner.metadata;
    const apiVersion = kind === 'Job' ? 'batch/v1' : 'apps/v1';
    const reference: OwnerReference = { apiVersion, kind, name, uid, controller: true };
    this.#pod.metadata.ownerReferences = [reference];
    return this;
  }

  age(seconds: number): this {
    this.#pod.metadata.creationTimestamp = secondsAgo(seconds);
    return this;
  }

  ip(address: string): this {
    this.#pod.status = { ...this.#pod.status, podIP: address, podIPs: [{ ip: address }] };
    return this;
  }

  port(name: string, containerPort: number): this {
    this.#pod.spec.containers![0]!.ports = [{ name, containerPort, protocol: 'TCP' }];
    return this;
  }

  tolerates(...tolerations: Toleration[]): this {
    this.#pod.spec.tolerations = tolerations;
    return this;
  }

  /** Running, and ready since so many seconds. */
  ready(sinceSeconds = 50): this {
    this.running();
    const times = { lastProbeTime: secondsAgo(sinceSeconds), lastTransitionTime: secondsAgo(sinceSeconds) };
    this.#pod.status!.conditions = [{ type: 'Ready', status: 'True', ...times }];
    return this;
  }

  running(restarts = 0): this {
    this.#pod.status = { ...this.#pod.status, phase: 'Running' };
    this.#pod.status.containerStatuses = [this.#status({ restartCount: restarts })];
    return this;
  }

  succeeded(): this {
    this.#pod.status = { ...this.#pod.status, phase: 'Succeeded' };
    return this;
  }

  failed(exitCode = 1, agoSeconds = 1): this {
    const terminated = {
      exitCode,
      reason: 'Error',
      finishedAt: secondsAgo(agoSeconds),
      startedAt: secondsAgo(agoSeconds),
    };
    this.#pod.status = { ...this.#pod.status, phase: 'Failed' };
    this.#pod.status.containerStatuses = [this.#status({ state: { terminated } })];
    return this;
  }

  /** Failed without a container having run, as when its node refuses it. */
  rejected(): this {
    this.#pod.status = { ...this.#pod.status, phase: 'Failed', reason: 'OutOfcpu' };
    return this;
  }

  deleting(): this {
    this.#pod.metadata.deletionTimestamp = secondsAgo(0);
    this.#pod.metadata.deletionGracePeriodSeconds = 0;
    return this;
  }

  #status(fields: object) {
    return { name: 'c', image: 'img', imageID: '', ready: false, restartCount: 0, ...fields };
  }

  build(): Pod {
    return deepFreeze(cloneJson(this.#pod));
  }
}

export const pod = (name: string) => new PodBuilder(name);
