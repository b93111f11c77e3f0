// Pods and nodes in one line, for the tables of scheduling tests: `pod('a').asks({ cpu: '1' }).tolerates('k')`.
import type { Node } from '../../api/core/node.ts';
import type { Pod } from '../../api/core/pod.ts';
import { deepFreeze } from '../../machinery/json.ts';

export class PodBuilder {
  readonly #pod: Pod;

  constructor(name: string) {
    this.#pod = {
      metadata: { name, namespace: 'default', uid: `uid-${name}` },
      spec: { containers: [{ name: 'c', image: 'x', resources: {} }], schedulerName: 'default-scheduler' },
    } as unknown as Pod;
  }

  #change(change: (pod: any) => void): this {
    change(this.#pod);
    return this;
  }

  on = (nodeName: string) => this.#change((p) => (p.spec.nodeName = nodeName));
  scheduler = (schedulerName: string) => this.#change((p) => (p.spec.schedulerName = schedulerName));
  asks = (requests: Record<string, string>) => this.#change((p) => (p.spec.containers[0].resources = { requests }));
  labels = (labels: Record<string, string>) => this.#change((p) => (p.metadata.labels = labels));
  priority = (priority: number) => this.#change((p) => (p.spec.priority = priority));
  preempts = (policy: string) => this.#change((p) => (p.spec.preemptionPolicy = policy));
  hostPort = (port: number, hostIP?: string) =>
    this.#change(
      (p) =>
        (p.spec.containers[0].ports = [
          { containerPort: port, hostPort: port, protocol: 'TCP', ...(hostIP ? { hostIP } : {}) },
        ]),
    );
  selects = (nodeSelector: Record<string, string>) => this.#change((p) => (p.spec.nodeSelector = nodeSelector));
  affinity = (affinity: object) => this.#change((p) => (p.spec.affinity = { ...p.spec.affinity, ...affinity }));
  tolerates = (key: string, rest: object = { operator: 'Exists' }) =>
    this.#change((p) => (p.spec.tolerations = [...(p.spec.tolerations ?? []), { key, ...rest }]));
  gate = (name: string) => this.#change((p) => (p.spec.schedulingGates = [{ name }]));
  spread = (...constraints: object[]) => this.#change((p) => (p.spec.topologySpreadConstraints = constraints));
  ownedBy = (apiVersion: string, kind: string, name: string) =>
    this.#change((p) => (p.metadata.ownerReferences = [{ apiVersion, kind, name, uid: name, controller: true }]));
  image = (image: string) => this.#change((p) => (p.spec.containers[0].image = image));
  restartsAll = () =>
    this.#change((p) => {
      const rule = { action: 'RestartAllContainers', exitCodes: { operator: 'In', values: [1] } };
      p.spec.containers[0].restartPolicyRules = [rule];
    });
  claims = (...names: string[]) =>
    this.#change((p) => (p.spec.volumes = names.map((name) => ({ name, persistentVolumeClaim: { claimName: name } }))));
  ephemeral = (name: string) =>
    this.#change((p) => (p.spec.volumes = [{ name, ephemeral: { volumeClaimTemplate: { spec: {} } } }]));
  startedAt = (startTime: string) => this.#change((p) => (p.status = { ...p.status, startTime }));
  terminating = (reason?: string) =>
    this.#change((p) => {
      p.metadata.deletionTimestamp = '2026-01-01T00:00:00Z';
      if (reason) p.status = { ...p.status, conditions: [{ type: 'DisruptionTarget', status: 'True', reason }] };
    });

  /** Frozen: whoever changes it is caught. */
  build(): Pod {
    return deepFreeze(structuredClone(this.#pod));
  }
}

export class NodeBuilder {
  readonly #node: Node;

  constructor(name: string) {
    const allocatable = { cpu: '4', memory: '8Gi', pods: '110' };
    this.#node = {
      metadata: { name, uid: `uid-${name}`, labels: { 'kubernetes.io/hostname': name } },
      spec: {},
      status: { allocatable, capacity: allocatable },
    } as unknown as Node;
  }

  #change(change: (node: any) => void): this {
    change(this.#node);
    return this;
  }

  has = (allocatable: Record<string, string>) => this.#change((n) => Object.assign(n.status.allocatable, allocatable));
  labels = (labels: Record<string, string>) => this.#change((n) => Object.assign(n.metadata.labels, labels));
  taint = (key: string, effect = 'NoSchedule', value?: string) =>
    this.#change((n) => (n.spec.taints = [...(n.spec.taints ?? []), { key, effect, ...(value ? { value } : {}) }]));
  declares = (...features: string[]) => this.#change((n) => (n.status.declaredFeatures = features));
  cordoned = () => this.#change((n) => (n.spec.unschedulable = true));
  image = (name: string, sizeBytes: number) => this.#change((n) => (n.status.images = [{ names: [name], sizeBytes }]));

  build(): Node {
    return deepFreeze(structuredClone(this.#node));
  }
}

export const pod = (name: string) => new PodBuilder(name);
export const node = (name: string) => new NodeBuilder(name);
