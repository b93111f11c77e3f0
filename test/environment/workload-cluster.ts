// A control plane with all controllers and a node that only pretends: for tests of what controllers do together.
import assert from 'node:assert/strict';
import type { KubeClient } from '../../client/rest.ts';
import { createControllers } from '../../controllers/index.ts';
import { type Answer, startControlPlane, type TestControlPlane } from './control-plane.ts';
import { eventually, type Fate, runControllers, runFakeNode } from './controllers.ts';

export const apps = '/apis/apps/v1/namespaces';
export const core = '/api/v1/namespaces';
export const batch = '/apis/batch/v1/namespaces';

export class WorkloadCluster {
  readonly api: TestControlPlane;
  readonly client: KubeClient;
  readonly failures: readonly unknown[];
  readonly #parts: (Disposable | AsyncDisposable)[];

  constructor(parts: {
    api: TestControlPlane;
    client: KubeClient;
    failures: unknown[];
    owned: (Disposable | AsyncDisposable)[];
  }) {
    this.api = parts.api;
    this.client = parts.client;
    this.failures = parts.failures;
    this.#parts = parts.owned;
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
    for (const part of [...this.#parts].reverse()) {
      if (Symbol.asyncDispose in part) await part[Symbol.asyncDispose]();
      else part[Symbol.dispose]();
    }
  }
}

function ok(answer: Answer): any {
  assert.ok(answer.status < 300, JSON.stringify(answer.body));
  return answer.body;
}

export async function startWorkloadCluster(fate?: Fate): Promise<WorkloadCluster> {
  const api = await startControlPlane();
  const client = api.client();
  const running = await runControllers(api, createControllers({ rootCaPem: 'test-ca' }));
  const owned = [api, running, runFakeNode(client, fate)];
  return new WorkloadCluster({ api, client, failures: running.failures, owned });
}
