// One recorded lifecycle on the cluster: what it creates, and how far it is like what was recorded.
import assert from 'node:assert/strict';
import type { WatchEvent, WatchLog } from '../../environment/watch-log.ts';
import { compareEvents, matchesName } from './compare-events.ts';
import { compareObjects, compareSets } from './compare-objects.ts';
import { compareStatus } from './compare-pods.ts';
import { compareLives, describePod } from './compare-transitions.ts';
import { defaultImage, type LifecycleCluster, namespaceOf } from './lifecycle-cluster.ts';
import { comparableRecording } from './not-comparable.ts';
import type { Masks, Recording } from './recording.ts';

/** One recording has only what matters of its manifest. */
function complete(manifest: any): any {
  if (manifest.metadata) return manifest;
  const containers = manifest.spec.containers.map((c: any) => ({ image: defaultImage, ...c }));
  return { apiVersion: 'v1', metadata: { name: 'p' }, ...manifest, spec: { ...manifest.spec, containers } };
}

/** Where the objects are of which recordings hold all that were in the namespace. */
export const watchedPaths: Record<string, string> = {
  Job: '/apis/batch/v1/jobs',
  Deployment: '/apis/apps/v1/deployments',
  ReplicaSet: '/apis/apps/v1/replicasets',
  DaemonSet: '/apis/apps/v1/daemonsets',
  ControllerRevision: '/apis/apps/v1/controllerrevisions',
  Service: '/api/v1/services',
  EndpointSlice: '/apis/discovery.k8s.io/v1/endpointslices',
  Endpoints: '/api/v1/endpoints',
  PersistentVolumeClaim: '/api/v1/persistentvolumeclaims',
  StatefulSet: '/apis/apps/v1/statefulsets',
  CronJob: '/apis/batch/v1/cronjobs',
};

/** Commands that do not end right after they began, as a slow machine sees it. */
const longLife = /sleep(?! [12]; exit \d$)/;

/** One recording on the cluster. */
export class Replay {
  readonly recording: Recording;
  readonly cluster: LifecycleCluster;
  readonly masks: Masks;

  constructor(recording: Recording, cluster: LifecycleCluster) {
    this.recording = { ...recording, result: comparableRecording(recording.name, recording.result) };
    this.cluster = cluster;
    this.masks = { namespace: namespaceOf(recording), node: cluster.node };
  }

  /** Creates what was recorded. `edit` changes what only the recorded machine has. */
  create(edit?: (text: string) => string): void {
    this.createObjects([this.recording.manifest].flat().map(complete), edit);
  }

  createObjects(items: readonly object[], edit: (text: string) => string = (text) => text): void {
    const list = { apiVersion: 'v1', kind: 'List', items };
    const text = edit(JSON.stringify(list)).replaceAll('"node-1"', JSON.stringify(this.masks.node));
    const { code, stderr } = this.cluster.kubectl.run(['create', '-n', this.masks.namespace, '-f', '-'], text);
    assert.equal(code, 0, stderr);
  }

  /** What kubectl prints in the namespace. */
  kubectl(...args: string[]): string {
    return this.cluster.kubectl.get('-n', this.masks.namespace, ...args);
  }

  url(pod: string, rest = ''): string {
    return `/api/v1/namespaces/${this.masks.namespace}/pods/${pod}${rest}`;
  }

  /** A request that is answered with 200. */
  async ok(method: string, url: string, content?: object): Promise<void> {
    const { code, body } = await this.cluster.request(method, url, content);
    assert.equal(code, 200, JSON.stringify(body));
  }

  /** Resizes containers of pod p. */
  async resize(containers: Record<string, object>): Promise<void> {
    const list = Object.entries(containers).map(([name, resources]) => ({ name, resources }));
    await this.ok('PATCH', this.url('p', '/resize'), { spec: { containers: list } });
  }

  #entries(pod: string) {
    return this.cluster.pods.entries.filter(
      ({ object: { metadata } }) => metadata.namespace === this.masks.namespace && metadata.name === pod,
    );
  }

  newest(pod = 'p'): any {
    return this.#entries(pod).at(-1)?.object;
  }

  /** What was told of a container of pod p. */
  states(container: string): any[] {
    return this.#entries('p').flatMap(({ object: { status } }) =>
      (status.containerStatuses ?? []).filter((c: any) => c.name === container),
    );
  }

  /** Every distinct status that the pod has had, as the recordings describe them. */
  transitions(pod: string): string[] {
    const rows = this.#entries(pod).map(describePod);
    return rows.filter((row, i) => row !== rows[i - 1] && row !== 'Pending | ');
  }

  /** Waits until the pod's newest state satisfies. */
  async until(what: string, satisfies: (pod: any) => boolean, pod = 'p'): Promise<any> {
    const isMet = await this.cluster.pods.until(() => {
      const newest = this.newest(pod);
      return newest !== undefined && satisfies(newest);
    });
    assert.ok(isMet, `${pod} never was ${what}: ${JSON.stringify(this.transitions(pod), null, 1)}`);
    return this.newest(pod);
  }

  async untilGone(pod = 'p'): Promise<void> {
    assert.ok(await this.cluster.pods.until(() => this.#entries(pod).at(-1)?.type === 'DELETED'), `${pod} is not gone`);
  }

  /** Looks at every news of a log until there are no differences. */
  async untilNone(log: WatchLog, differences: () => string[]): Promise<void> {
    const isMet = await log.until(() => differences().length === 0);
    if (!isMet) assert.deepEqual(differences(), []);
  }

  /** The newest states of the objects in the namespace that are still there. */
  objects(log: WatchLog): any[] {
    const newest = new Map<string, WatchEvent>();
    for (const entry of log.entries) {
      const { namespace, name } = entry.object.metadata;
      if (namespace === this.masks.namespace) newest.set(name, entry);
    }
    return [...newest.values()].filter(({ type }) => type !== 'DELETED').map(({ object }) => object);
  }

  compare(what: string, recorded: any, actual: any): string[] {
    return compareObjects(what, recorded, actual, { scenario: this.recording.name, masks: this.masks });
  }

  /** Of a pod were recorded its name, what its metadata say besides, and its status. */
  #comparePod(recorded: any, { metadata: { name, namespace, ...metadata }, status }: any): string[] {
    return [
      ...(matchesName(recorded.name, name, this.masks) ? [] : [`recorded ${recorded.name}, is ${name}`]),
      ...this.compare('Pod.metadata', recorded.metadata, metadata),
      ...compareStatus(recorded.status, status, this.masks),
    ];
  }

  /** Waits until the pod has been as it was recorded, be it for a moment. */
  async untilOnceLike(recorded: any): Promise<void> {
    await this.untilNone(this.cluster.pods, () => {
      const all = this.#entries(recorded.name).map(({ object }) => this.#comparePod(recorded, object));
      return all.some((differences) => differences.length === 0) ? [] : ['never was', ...all.flat()];
    });
  }

  /** Waits until the pod is as it was recorded. */
  untilLike(recorded: any): Promise<void> {
    return this.untilNone(this.cluster.pods, () => {
      const pod = this.newest(recorded.name);
      return pod ? this.#comparePod(recorded, pod) : ['no such pod'];
    });
  }

  /** Waits until everything that was recorded of pods and of other objects is as it was. */
  async untilRecorded(): Promise<void> {
    const { result } = this.recording;
    const pods: any[] = result.pods ?? [result.pod].filter(Boolean);
    for (const pod of pods.filter(({ name }) => !name.includes('<any>'))) await this.untilLike(pod);
    const generated = pods.filter(({ name }) => name.includes('<any>'));
    if (generated.length > 0) await this.#untilAll(this.cluster.pods, generated, (a, b) => this.#comparePod(a, b));
    for (const [kind, path] of Object.entries(watchedPaths)) {
      const recorded = result[kind];
      if (recorded) await this.#untilAll(this.cluster.logOf(path), recorded, (a, b) => this.compare(kind, a, b));
    }
  }

  /** Waits until the namespace has what was recorded and no more. */
  #untilAll(log: WatchLog, recorded: readonly any[], compare: (recorded: any, actual: any) => string[]): Promise<void> {
    return this.untilNone(log, () => compareSets(recorded, this.objects(log), compare));
  }

  /** Waits until exactly the recorded events have been told. */
  async untilRecordedEvents(): Promise<void> {
    const { name, result } = this.recording;
    const { events } = this.cluster;
    if (result.events)
      await this.untilNone(events, () => compareEvents(name, result.events, this.objects(events), this.masks));
  }

  /** Waits until the pods have come to their ends the way they did when they were recorded. */
  async untilRecordedTransitions(): Promise<void> {
    const specs = [this.recording.manifest]
      .flat()
      .map(({ kind, spec }) => (kind === 'Pod' ? spec : (spec?.jobTemplate?.spec ?? spec)?.template?.spec));
    const later = this.newest()?.spec.ephemeralContainers ?? [];
    const ofSpecs = specs.flatMap((spec) => [...(spec?.initContainers ?? []), ...(spec?.containers ?? [])]);
    const containers = [...ofSpecs, ...later];
    const endsAtOnce = (name: string) =>
      containers.some((c) => c.name === name && c.command && !longLife.test(c.command.join(' ')));
    const scenario = this.recording.name;
    for (const [name, recorded] of Object.entries<string[]>(this.recording.result.transitions ?? {})) {
      await this.untilNone(this.cluster.pods, () => {
        const lives = this.#podNames(name).map((pod) => this.transitions(pod));
        const differences = compareLives({ scenario, recorded, endsAtOnce }, lives);
        return differences.length === 0 ? [] : [...differences, `of ${name}, which went through`, ...lives.flat()];
      });
    }
  }

  /** The pods that had a name or, where it was generated, names like it. */
  #podNames(recorded: string): string[] {
    const own = this.cluster.pods.entries.filter((e) => e.object.metadata.namespace === this.masks.namespace);
    const names = new Set<string>(own.map(({ object }) => object.metadata.name));
    return [...names].filter((name) => matchesName(recorded, name, this.masks));
  }
}
