// Workloads and what they own, for tests. What a test does not say has a plain value; results are
// frozen like cached objects.
import type { DaemonSet } from '../../api/apps/daemonset.ts';
import type { Deployment } from '../../api/apps/deployment.ts';
import type { ReplicaSet } from '../../api/apps/replicaset.ts';
import type { Job } from '../../api/batch/job/schema.ts';
import type { Service } from '../../api/core/service.ts';
import { deepFreeze } from '../../machinery/json.ts';
import type { ObjectMeta } from '../../machinery/metadata.ts';
import { secondsAgo } from './pod.ts';

const labels = { app: 'w' };

function metadata(name: string, more: object = {}): ObjectMeta {
  return { name, namespace: 'default', uid: `uid-${name}`, generation: 1, creationTimestamp: secondsAgo(100), ...more };
}

export function template(image = 'img:1', extraLabels: object = {}) {
  return { metadata: { labels: { ...labels, ...extraLabels } }, spec: { containers: [{ name: 'c', image }] } };
}

export function deployment(spec: object = {}, more: { metadata?: object; status?: object } = {}): Deployment {
  const strategy = { type: 'RollingUpdate', rollingUpdate: { maxSurge: '25%', maxUnavailable: '25%' } };
  const own = {
    replicas: 1,
    selector: { matchLabels: labels },
    template: template(),
    strategy,
    progressDeadlineSeconds: 600,
  };
  return deepFreeze({
    metadata: metadata('w', more.metadata),
    spec: { ...own, ...spec },
    status: more.status ?? {},
  } as Deployment);
}

/** A replica set with as many replicas, all of which exist; `available` of them are available. */
export function replicaSet(
  name: string,
  replicas: number,
  more: { available?: number; image?: string; metadata?: object; status?: object } = {},
): ReplicaSet {
  const { available = replicas } = more;
  const selector = { matchLabels: { ...labels, 'pod-template-hash': name } };
  const spec = { replicas, selector, template: template(more.image, { 'pod-template-hash': name }) };
  const status = {
    replicas,
    readyReplicas: available,
    availableReplicas: available,
    observedGeneration: 1,
    ...more.status,
  };
  return deepFreeze({ metadata: metadata(name, more.metadata), spec, status } as ReplicaSet);
}

export function daemonSet(spec: object = {}, more: { metadata?: object; status?: object } = {}): DaemonSet {
  const updateStrategy = { type: 'RollingUpdate', rollingUpdate: { maxUnavailable: 1, maxSurge: 0 } };
  const own = { selector: { matchLabels: labels }, template: template(), updateStrategy, revisionHistoryLimit: 10 };
  return deepFreeze({
    metadata: metadata('w', more.metadata),
    spec: { ...own, ...spec },
    status: more.status ?? {},
  } as DaemonSet);
}

export function job(spec: object = {}, status: object = {}): Job {
  const own = {
    completions: 1,
    parallelism: 1,
    backoffLimit: 6,
    template: template(),
    completionMode: 'NonIndexed',
    podReplacementPolicy: 'TerminatingOrFailed',
  };
  return deepFreeze({ metadata: metadata('j'), spec: { ...own, ...spec }, status } as Job);
}

export function service(spec: object = {}, more: { metadata?: object } = {}): Service {
  const own = {
    selector: labels,
    ports: [{ name: 'http', port: 80, targetPort: 'web', protocol: 'TCP' }],
    ipFamilies: ['IPv4'],
    clusterIP: '10.96.0.9',
  };
  return deepFreeze({ metadata: metadata('svc', more.metadata), spec: { ...own, ...spec } } as Service);
}
