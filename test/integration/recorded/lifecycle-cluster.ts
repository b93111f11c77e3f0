// A whole cluster on which recorded lifecycles of Kubernetes are replayed: each in a namespace of
// its own, through the real kubectl. All of them share one watch of each resource.
import assert from 'node:assert/strict';
import { mkdirSync, writeFileSync } from 'node:fs';
import { ApiProxy } from '../../environment/api-proxy.ts';
import { eventually, Kubectl } from '../../environment/kubectl.ts';
import { WatchLog } from '../../environment/watch-log.ts';
import { k8ts, type TestCluster, testCluster } from '../cli/k8ts-command.ts';
import { buildOciArchive, busyboxLayer } from '../runtime/image-archive.ts';
import type { Recording } from './recording.ts';

/** Stand-ins, with the names and what the recordings need of the images that were used. */
const server = { Cmd: ['sh', '-c', 'mkdir /www; >/www/index.html; trap "exit 0" TERM; httpd -f -p 80 -h /www & wait'] };
const images = {
  'registry.k8s.io/e2e-test-images/busybox:1.37.0-1': {},
  'registry.k8s.io/e2e-test-images/nonroot:1.5': { User: '1234' },
  'registry.k8s.io/e2e-test-images/nginx:1.15-4': server,
  'registry.k8s.io/e2e-test-images/nginx:1.27-0': server,
};
export const defaultImage = Object.keys(images)[0]!;
const path = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin';

export class LifecycleCluster implements Disposable {
  readonly #cluster: TestCluster;
  readonly #cleanups: (() => void)[] = [];
  kubectl!: Kubectl;
  pods!: WatchLog;
  events!: WatchLog;
  readonly #logs = new Map<string, WatchLog>();
  #proxy!: ApiProxy;

  /** `test` names the cluster. */
  constructor(test: string) {
    this.#cluster = testCluster(test);
  }

  /** The process of a component. */
  pidOf(component: string): number {
    return this.#cluster.pidOf(component);
  }

  get node(): string {
    return `${this.#cluster.name}-control-plane`;
  }

  /** The folder of the host whose files are pods of the node. */
  get staticPods(): string {
    return `${this.#cluster.kubeconfig}.manifests`;
  }

  /** The control group that the node lives in, below each controller. */
  get cgroup(): string {
    return `k8ts/${this.#cluster.name}/${this.node}`;
  }

  /** Brings the cluster up, with a namespace for each recording and a watch of each path: `/apis/batch/v1/jobs`. */
  async start(recordings: readonly Recording[], paths: readonly string[] = []): Promise<void> {
    const { kubeconfig, name } = this.#cluster;
    mkdirSync(this.staticPods);
    writeFileSync(`${kubeconfig}.cluster`, clusterConfig(this.staticPods));
    const up = this.#cluster.run('up', '--config', `${kubeconfig}.cluster`);
    assert.equal(up.code, 0, up.stderr);
    this.kubectl = new Kubectl(kubeconfig);
    const archives = Object.entries(images).map(async ([image, config], i) => {
      // Labels, so that no two are the same image: its status would name it by one of them.
      const labelled = { Env: [`PATH=${path}`], Labels: { image }, ...config };
      const archive = { name: image, layers: [busyboxLayer()], config: labelled };
      writeFileSync(`${kubeconfig}.${i}.tar`, await buildOciArchive(archive));
      return `${kubeconfig}.${i}.tar`;
    });
    const load = k8ts(['load', 'image-archive', ...(await Promise.all(archives)), '--name', name]);
    assert.equal(load.code, 0, load.stderr);
    this.pods = this.#watch('/api/v1/pods');
    this.events = this.#watch('/api/v1/events');
    for (const path of paths) this.#watch(path);
    this.#proxy = await ApiProxy.start(this.kubectl);
    this.#cleanups.push(() => this.#proxy[Symbol.dispose]());
    await this.#createNamespaces(recordings.map(namespaceOf));
  }

  /** A request as it is, with its answer: for what kubectl's own commands do not show. */
  async request(method: string, url: string, content?: object): Promise<{ code: number; body: any }> {
    const { code, body } = await this.#proxy.request(method, url, content ? { body: content } : {});
    return { code, body };
  }

  /** What happened to the objects of a path that is watched. */
  logOf(path: string): WatchLog {
    const log = this.#logs.get(path);
    assert.ok(log, `${path} is not watched`);
    return log;
  }

  #watch(path: string): WatchLog {
    const log = new WatchLog(this.kubectl, path);
    this.#logs.set(path, log);
    this.#cleanups.push(() => log[Symbol.dispose]());
    return log;
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

export const namespaceOf = ({ name }: Recording) => `life-${name}`;

const clusterConfig = (dir: string) => `kind: Cluster
apiVersion: kind.x-k8s.io/v1alpha4
kubeadmConfigPatches:
- |
  kind: KubeletConfiguration
  staticPodPath: /manifests
nodes:
- role: control-plane
  extraMounts:
  - hostPath: ${dir}
    containerPath: /manifests
    readOnly: true
`;
