// A control plane with all controllers and a node that only pretends: for tests of what controllers do together.
import assert from 'node:assert/strict';
import { createControllers } from '../../controllers/index.ts';
import { type Answer, startControlPlane, type TestControlPlane } from './control-plane.ts';
import { eventually, type Fate, type RunningControllers, runControllers, runFakeNode } from './controllers.ts';

export const apps = '/apis/apps/v1/namespaces';
export const core = '/api/v1/namespaces';
export const batch = '/apis/batch/v1/namespaces';

type StartControllers = (api: TestControlPlane) => Promise<RunningControllers>;

interface ClusterParts {
  api: TestControlPlane;
  node: Disposable;
  controllers: RunningControllers;
  start?: StartControllers;
}

export class WorkloadCluster {
  readonly api: TestControlPlane;
  readonly #node: Disposable;
  #controllers: RunningControllers;
  readonly #start: StartControllers;

  /** `node` plays scheduler and kubelet, or stands for what does; `start` is for other controllers than all. */
  constructor(parts: ClusterParts) {
    this.api = parts.api;
    this.#node = parts.node;
    this.#controllers = parts.controllers;
    this.#start = parts.start ?? startControllers;
  }

  /** Why controllers ended by themselves. */
  get failures(): readonly unknown[] {
    return this.#controllers.failures;
  }

  /** Ends the controllers and starts new ones, which know nothing of what the old ones did. */
  async restartControllers(): Promise<void> {
    await this.#controllers[Symbol.asyncDispose]();
    this.#controllers = await this.#start(this.api);
  }

  async get(path: string): Promise<any> {
    return (await this.api.request('GET', path)).body;
  }

  async post(path: string, body: object): Promise<any> {
    return ok(await this.api.request('POST', path, { body }));
  }

  async patch(path: string, body: object): Promise<any> {
    return ok(await this.api.request('PATCH', path, { body, contentType: 'application/merge-patch+json' }));
  }

  async delete(path: string, body?: object): Promise<any> {
    return ok(await this.api.request('DELETE', path, body ? { body } : {}));
  }

  /** A namespace, once pods can be created in it. */
  async namespace(name: string): Promise<string> {
    await this.post('/api/v1/namespaces', { metadata: { name } });
    const account = `${core}/${name}/serviceaccounts/default`;
    await eventually(
      'service account',
      () => this.api.request('GET', account),
      (answer) => answer.status === 200,
    );
    return name;
  }

  /** Reads a path until the answer satisfies. */
  until(path: string, satisfies: (body: any) => boolean): Promise<any> {
    return eventually(path, () => this.get(path), satisfies);
  }

  untilGone(path: string): Promise<unknown> {
    return eventually(
      `${path} is gone`,
      () => this.api.request('GET', path),
      (answer) => answer.status === 404,
    );
  }

  /** Reasons and messages of the events of a kind, in order; generated parts of names as H. */
  async events(namespace: string, kind: string): Promise<string[]> {
    const { items } = await this.get(`${core}/${namespace}/events`);
    // The name ends with the time; versions and times change when an event is counted again.
    const timeOf = (event: any) => event.metadata.name.split('.').at(-1);
    return items
      .filter((event: any) => event.involvedObject.kind === kind)
      .sort((a: any, b: any) => (timeOf(a) < timeOf(b) ? -1 : 1))
      .map((event: any) =>
        `${event.reason} ${event.message}`.replaceAll(/-[bcdfghjklmnpqrstvwxz2456789]{5,10}\b/g, '-H'),
      );
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#node[Symbol.dispose]();
    await this.#controllers[Symbol.asyncDispose]();
    await this.api[Symbol.asyncDispose]();
  }
}

function ok(answer: Answer): any {
  assert.ok(answer.status < 300, JSON.stringify(answer.body));
  return answer.body;
}

const startControllers = (api: TestControlPlane) => runControllers(api, createControllers({ rootCaPem: 'test-ca' }));

export async function startWorkloadCluster(fate?: Fate): Promise<WorkloadCluster> {
  const api = await startControlPlane();
  const controllers = await startControllers(api);
  return new WorkloadCluster({ api, node: runFakeNode(api.client(), fate), controllers });
}
