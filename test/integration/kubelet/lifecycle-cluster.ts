// A whole cluster on which recorded lifecycles of Kubernetes are replayed: each in a namespace of its own, through the real kubectl. All
// of them share one watch of pods and one of events.
import assert from 'node:assert/strict';
import type { ChildProcess } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { eventually, Kubectl } from '../../environment/kubectl.ts';
import { WatchLog } from '../../environment/watch-log.ts';
import { k8ts, type TestCluster, testCluster } from '../cli/k8ts-command.ts';
import { buildOciArchive, busyboxLayer } from '../runtime/image-archive.ts';
import { comparableRecording } from './not-comparable.ts';
import { compareEvents, compareStatus, type Masks, type Recording } from './recorded-lifecycle.ts';
import { compareTransitions, describePod } from './recorded-transitions.ts';

/** Stand-ins, with the names and what the recordings need of the images that were used. */
const images = {
  'registry.k8s.io/e2e-test-images/busybox:1.37.0-1': {},
  'registry.k8s.io/e2e-test-images/nonroot:1.5': { User: '1234' },
  'registry.k8s.io/e2e-test-images/nginx:1.27-0': { Cmd: ['httpd', '-f', '-p', '80'] },
};
const path = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin';

export class LifecycleCluster implements Disposable {
  readonly #cluster: TestCluster;
  readonly #cleanups: (() => void)[] = [];
  kubectl!: Kubectl;
  pods!: WatchLog;
  events!: WatchLog;
  #proxyUrl = '';

  constructor() {
    this.#cluster = testCluster('lives');
  }

  get node(): string {
    return `${this.#cluster.name}-control-plane`;
  }

  /** The control group that the node lives in, below each controller. */
  get cgroup(): string {
    return `k8ts/${this.#cluster.name}/${this.node}`;
  }

  /** Brings the cluster up, with a namespace for each recording. */
  async start(recordings: readonly Recording[]): Promise<void> {
    const up = this.#cluster.run('up');
    assert.equal(up.code, 0, up.stderr);
    const { kubeconfig, name } = this.#cluster;
    this.kubectl = new Kubectl(kubeconfig);
    const archives = Object.entries(images).map(async ([image, config], i) => {
      const archive = { name: image, layers: [busyboxLayer()], config: { Env: [`PATH=${path}`], ...config } };
      writeFileSync(`${kubeconfig}.${i}.tar`, await buildOciArchive(archive));
      return `${kubeconfig}.${i}.tar`;
    });
    const load = k8ts(['load', 'image-archive', ...(await Promise.all(archives)), '--name', name]);
    assert.equal(load.code, 0, load.stderr);
    this.pods = this.#watch('/api/v1/pods');
    this.events = this.#watch('/api/v1/events');
    await this.#startProxy();
    await this.#createNamespaces(recordings.map(namespaceOf));
  }

  /** A request as it is, with its answer: for what kubectl's own commands do not show. */
  async request(method: string, url: string, patch?: object): Promise<{ code: number; body: any }> {
    const headers = { 'content-type': 'application/strategic-merge-patch+json' };
    const sent = patch ? { headers, body: JSON.stringify(patch) } : {};
    const answer = await fetch(`${this.#proxyUrl}${url}`, { method, ...sent });
    const text = await answer.text();
    const isJson = answer.headers.get('content-type')?.startsWith('application/json');
    return { code: answer.status, body: isJson ? JSON.parse(text) : text };
  }

  #watch(path: string): WatchLog {
    const log = new WatchLog(this.kubectl, path);
    this.#cleanups.push(() => log[Symbol.dispose]());
    return log;
  }

  async #startProxy(): Promise<void> {
    const proxy: ChildProcess = this.kubectl.start(['proxy', '--port=0', '--reject-paths=^$']);
    this.#cleanups.push(() => proxy.kill());
    for await (const line of createInterface({ input: proxy.stdout! })) {
      const address = /127\.0\.0\.1:\d+/.exec(line);
      if (!address) continue;
      this.#proxyUrl = `http://${address[0]}`;
      return;
    }
  }

  async #createNamespaces(names: readonly string[]): Promise<void> {
    const items = names.map((name) => ({ apiVersion: 'v1', kind: 'Namespace', metadata: { name } }));
    const { code, stderr } = this.kubectl.run(
      ['create', '-f', '-'],
      JSON.stringify({ apiVersion: 'v1', kind: 'List', items }),
    );
    assert.equal(code, 0, stderr);
    // What every pod mounts.
    await eventually('service accounts and root certificates', () => {
      const { items } = this.kubectl.json('get', 'serviceaccounts,configmaps', '-A') as { items: any[] };
      const has = (namespace: string, name: string) =>
        items.some(({ metadata }) => metadata.namespace === namespace && metadata.name === name);
      return names.every((n) => has(n, 'default') && has(n, 'kube-root-ca.crt')) || undefined;
    });
  }

  [Symbol.dispose](): void {
    for (const cleanUp of this.#cleanups) cleanUp();
    this.#cluster[Symbol.dispose]();
  }
}

/** One recording has only what matters of its manifest. */
function complete(manifest: any): any {
  if (manifest.metadata) return manifest;
  const [image] = Object.keys(images);
  const containers = manifest.spec.containers.map((c: any) => ({ image, ...c }));
  return { apiVersion: 'v1', metadata: { name: 'p' }, ...manifest, spec: { ...manifest.spec, containers } };
}

const namespaceOf = ({ name }: Recording) => `life-${name}`;

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
  create(edit: (text: string) => string = (text) => text): void {
    const list = { apiVersion: 'v1', kind: 'List', items: [this.recording.manifest].flat().map(complete) };
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

  /** Waits until the pod is as it was recorded. */
  async untilLike(recorded: any): Promise<void> {
    let differences = ['no such pod'];
    const isMet = await this.cluster.pods.until(() => {
      const pod = this.newest(recorded.name);
      if (pod) differences = compareStatus(recorded.status, pod.status, this.masks);
      return differences.length === 0;
    });
    if (!isMet) assert.deepEqual(differences, []);
  }

  /** Waits until every pod that was recorded is as it was. */
  async untilRecorded(): Promise<void> {
    const { pod, pods = [pod].filter(Boolean) } = this.recording.result;
    for (const recorded of pods) await this.untilLike(recorded);
  }

  /** Waits until exactly the recorded events of the scheduler and the kubelet have been told. */
  async untilRecordedEvents(): Promise<void> {
    if (!this.recording.result.events) return;
    let differences: string[] = [];
    const isMet = await this.cluster.events.until(() => {
      const newest = new Map<string, any>();
      for (const { object } of this.cluster.events.entries)
        if (object.metadata.namespace === this.masks.namespace) newest.set(object.metadata.name, object);
      differences = compareEvents(this.recording.result.events, [...newest.values()], this.masks);
      return differences.length === 0;
    });
    if (!isMet) assert.deepEqual(differences, []);
  }

  /** The pods came to their ends the way they did when they were recorded. */
  checkTransitions(): void {
    const specs = [this.recording.manifest].flat().filter((o) => o.kind === 'Pod');
    const containers = specs.flatMap(({ spec }) => [...(spec.initContainers ?? []), ...spec.containers]);
    const endsAtOnce = (name: string) =>
      containers.some((c) => c.name === name && c.command && !c.command.join(' ').includes('sleep'));
    const scenario = this.recording.name;
    for (const [pod, recorded] of Object.entries<string[]>(this.recording.result.transitions ?? {})) {
      const observed = this.transitions(pod);
      const differences = compareTransitions({ scenario, recorded, observed, endsAtOnce });
      assert.deepEqual(differences, [], `${pod} went through\n${observed.join('\n')}`);
    }
  }
}
