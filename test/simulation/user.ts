// Somebody who makes workloads and cannot leave them alone.
import { type Pod, PodKind } from '../../api/core/pod.ts';
import type { HttpRequest } from '../../client/transport.ts';
import type { Draw } from '../environment/fuzz.ts';
import { serve } from './memory-transport.ts';
import { type Nodes, nodeCount, tolerations } from './nodes.ts';
import { guarded } from './rules.ts';
import type { World } from './world.ts';

const apps = '/apis/apps/v1/namespaces/default';
const batch = '/apis/batch/v1/namespaces/default';
const core = '/api/v1/namespaces/default';
const quotas = `${core}/resourcequotas`;
const concurrency = ['Allow', 'Forbid', 'Replace'];
/** Pods of this workload that end take so long that the next of a schedule meets them. */
export const slow = 'c';

const template = (app: string, image = 'img:1', more: object = {}) => ({
  metadata: { labels: { app } },
  spec: { terminationGracePeriodSeconds: 1, containers: [{ name: 'c', image }], ...more },
});
const selector = (app: string) => ({ matchLabels: { app } });

/** The workloads there may be. */
const workloads: Record<string, { path: string; body(draw: Draw): object }> = {
  deployment: {
    path: `${apps}/deployments`,
    body: (draw) => ({
      metadata: { name: 'd' },
      spec: {
        replicas: 1 + draw.below(4),
        selector: selector('d'),
        template: template('d'),
        strategy: draw.chance(0.2)
          ? { type: 'Recreate' }
          : { type: 'RollingUpdate', rollingUpdate: { maxSurge: 1 + draw.below(2), maxUnavailable: draw.below(2) } },
      },
    }),
  },
  statefulset: {
    path: `${apps}/statefulsets`,
    body: (draw) => ({
      metadata: { name: 's' },
      spec: {
        replicas: 1 + draw.below(3),
        selector: selector('s'),
        serviceName: 's',
        template: template('s'),
        podManagementPolicy: draw.of(['OrderedReady', 'Parallel']),
      },
    }),
  },
  daemonset: {
    path: `${apps}/daemonsets`,
    body: () => ({ metadata: { name: 'n' }, spec: { selector: selector('n'), template: template('n') } }),
  },
  job: {
    path: `${batch}/jobs`,
    body: (draw) => ({
      metadata: { name: 'j' },
      spec: {
        completions: 1 + draw.below(6),
        parallelism: 1 + draw.below(3),
        backoffLimit: 20,
        completionMode: draw.of(['NonIndexed', 'Indexed']),
        podReplacementPolicy: draw.of(['TerminatingOrFailed', 'Failed']),
        template: { ...template('j', 'img:1', { restartPolicy: 'Never' }) },
      },
    }),
  },
  cronjob: {
    path: `${batch}/cronjobs`,
    body: (draw) => ({
      metadata: { name: 'c' },
      spec: {
        schedule: '* * * * *',
        concurrencyPolicy: draw.of(concurrency),
        successfulJobsHistoryLimit: draw.below(3),
        jobTemplate: { spec: { backoffLimit: 20, template: template(slow, 'img:1', { restartPolicy: 'Never' }) } },
      },
    }),
  },
  volumes: {
    path: `${apps}/statefulsets`,
    body: (draw) => ({
      metadata: { name: 'v' },
      spec: {
        replicas: 1 + draw.below(3),
        selector: selector('v'),
        serviceName: 'v',
        template: template('v'),
        podManagementPolicy: draw.of(['OrderedReady', 'Parallel']),
        volumeClaimTemplates: [
          {
            metadata: { name: 'data' },
            spec: {
              accessModes: ['ReadWriteOnce'],
              resources: { requests: { storage: '1Gi' } },
              storageClassName: 'local',
            },
          },
        ],
      },
    }),
  },
  guarded: {
    path: `${apps}/deployments`,
    body: () => ({
      metadata: { name: guarded.app },
      spec: {
        replicas: guarded.least + 1,
        selector: selector(guarded.app),
        template: template(guarded.app),
        strategy: { type: 'RollingUpdate', rollingUpdate: { maxSurge: 1, maxUnavailable: 1 } },
      },
    }),
  },
};

export class User {
  readonly #world: World;
  readonly #draw: Draw;
  readonly #has: string[];
  readonly #hasQuota: boolean;
  readonly #nodes: Nodes;
  #isGuardUp = false;
  /** The job was told to go on otherwise: the pods that it then ended count for nothing. */
  hasChangedJob = false;

  constructor(world: World, nodes: Nodes) {
    this.#world = world;
    this.#nodes = nodes;
    this.#draw = world.draw.fork();
    const all = Object.keys(workloads).filter((name) => name !== 'cronjob');
    // What has a schedule lives longer, and with less beside it.
    const hasSchedule = this.#draw.chance(0.15);
    for (let left = hasSchedule ? 4 : 2; left > 0; left--) all.splice(this.#draw.below(all.length), 1);
    this.#has = hasSchedule ? ['cronjob', ...all] : all;
    this.#hasQuota = this.#draw.chance(0.3);
  }

  get hasSchedule(): boolean {
    return this.#has.includes('cronjob');
  }

  async #send(method: HttpRequest['method'], path: string, body?: object, contentType?: string): Promise<number> {
    const request = {
      method,
      path,
      ...(body ? { body: JSON.stringify(body) } : {}),
      ...(contentType ? { contentType } : {}),
    };
    const { status, body: answer } = await serve(this.#world.api, request);
    const said = method === 'PATCH' ? ` ${request.body}` : '';
    this.#world.note(`user: ${method} ${path.replace(/^.*namespaces\//, '')} ${status}${said}`);
    if (status === 422 || status === 400) throw new Error(`${method} ${path}: ${answer}`);
    this.#world.written();
    return status;
  }

  #patch = (path: string, body: object) => this.#send('PATCH', path, body, 'application/merge-patch+json');

  async begin(): Promise<void> {
    await this.#nodes.begin();
    await this.#send('POST', '/api/v1/namespaces', { metadata: { name: 'kube-system' } });
    if (this.#hasQuota) {
      const spec = { hard: { pods: String(4 + this.#draw.below(8)) } };
      await this.#send('POST', quotas, { metadata: { name: 'q' }, spec });
    }
    if (this.#has.includes('volumes')) await this.#makeVolumes();
    for (const name of this.#has) await this.#make(name);
    if (!this.#has.includes('guarded')) return;
    const spec = { minAvailable: guarded.least, selector: selector(guarded.app) };
    await this.#send('POST', '/apis/policy/v1/namespaces/default/poddisruptionbudgets', {
      metadata: { name: 'b' },
      spec,
    });
  }

  /** Two of each node, for the first pods that want them. */
  async #makeVolumes(): Promise<void> {
    await this.#send('POST', '/apis/storage.k8s.io/v1/storageclasses', {
      metadata: { name: 'local' },
      provisioner: 'kubernetes.io/no-provisioner',
      volumeBindingMode: this.#draw.of(['WaitForFirstConsumer', 'Immediate']),
    });
    for (let i = 0; i < 2 * nodeCount; i++) {
      const values = [`n${i % nodeCount}`];
      const term = { matchExpressions: [{ key: 'kubernetes.io/hostname', operator: 'In', values }] };
      await this.#send('POST', '/api/v1/persistentvolumes', {
        metadata: { name: `v${i}` },
        spec: {
          accessModes: ['ReadWriteOnce'],
          capacity: { storage: `${1 + this.#draw.below(3)}Gi` },
          local: { path: '/data' },
          nodeAffinity: { required: { nodeSelectorTerms: [term] } },
          storageClassName: 'local',
        },
      });
    }
  }

  async #make(name: string): Promise<void> {
    const { path, body } = workloads[name]!;
    const made = body(this.#draw) as any;
    const { template } = made.spec.jobTemplate?.spec ?? made.spec;
    // Who waits for five minutes sees no end of it.
    if (this.#nodes.areMortal) template.spec.tolerations = tolerations;
    await this.#send('POST', path, made);
  }

  /** One change, by chance. */
  async act(): Promise<void> {
    const draw = this.#draw;
    const what = draw.of(this.#has);
    if (what === 'guarded') return this.#evict();
    if (draw.chance(0.3)) return this.#deletePod(what[0] === 'd' && what !== 'deployment' ? 'n' : what[0]!);
    if (what === 'cronjob') {
      const spec = draw.chance(0.7) ? { suspend: draw.chance(0.2) } : { concurrencyPolicy: draw.of(concurrency) };
      return void (await this.#patch(`${batch}/cronjobs/c`, { spec }));
    }
    const path = `${workloads[what]!.path}/${what === 'daemonset' ? 'n' : what[0]}`;
    if (draw.chance(0.1)) return this.#replace(what, path);
    if (what === 'job') {
      this.hasChangedJob = true;
      await this.#patch(path, {
        spec: draw.chance(0.5) ? { suspend: draw.chance(0.5) } : { parallelism: 1 + draw.below(3) },
      });
    } else if (draw.chance(0.5) && what !== 'daemonset') {
      await this.#patch(path, { spec: { replicas: draw.below(5) } });
    } else {
      const containers = [{ name: 'c', image: `img:${draw.below(3)}` }];
      await this.#patch(path, { spec: { template: { spec: { containers } } } });
    }
  }

  /** What has been stopped goes on: the rest is for the controllers. */
  async leave(): Promise<void> {
    for (const name of this.#has) await this.#make(name).catch(() => undefined);
    if (this.#hasQuota) await this.#patch(`${quotas}/q`, { spec: { hard: { pods: '100' } } });
    if (this.hasSchedule) await this.#patch(`${batch}/cronjobs/c`, { spec: { suspend: true } });
    if (!this.#has.includes('job')) return;
    await this.#patch(`${batch}/jobs/j`, { spec: { suspend: false } });
    // One that runs when a node is lost, and is left alone.
    if (!this.#nodes.areMortal) return;
    await this.#replace('job', `${batch}/jobs/j`);
    this.hasChangedJob = false;
  }

  /** Deleted, and made again at once or later. */
  async #replace(what: string, path: string): Promise<void> {
    const propagationPolicy = this.#draw.of(['Background', 'Foreground', 'Orphan']);
    const policy = what === 'job' ? 'Background' : propagationPolicy;
    await this.#send('DELETE', path, { propagationPolicy: policy });
    await this.#make(what);
  }

  async #deletePod(app: string): Promise<void> {
    const pods = this.#world.all<Pod>(PodKind).filter((pod) => pod.metadata.labels?.app === app);
    if (pods.length > 0) await this.#send('DELETE', `${core}/pods/${this.#draw.of(pods).metadata.name}`);
  }

  async #evict(): Promise<void> {
    const pods = this.#world.all<Pod>(PodKind).filter((pod) => pod.metadata.labels?.app === guarded.app);
    this.#isGuardUp ||= pods.filter((pod) => pod.status?.phase === 'Running').length > guarded.least;
    if (!this.#isGuardUp) return;
    for (const { metadata } of pods) {
      const body = { kind: 'Eviction', apiVersion: 'policy/v1', metadata: { name: metadata.name } };
      await this.#send('POST', `${core}/pods/${metadata.name}/eviction`, body);
    }
  }
}
