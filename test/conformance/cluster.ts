// What the conformance programme requires of a cluster, one test a requirement, by its name. The tests of a file share
// a cluster, each in a namespace of its own; several run at a time, since they wait more than they compute.
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { type ApiAnswer, ApiProxy, type ApiRequest } from '../environment/api-proxy.ts';
import { type E2eCluster, startCluster } from '../environment/cluster.ts';
import { eventually, type Kubectl, type Outcome } from '../environment/kubectl.ts';
import type { ImageName } from '../images/images.ts';
import { needsRoot } from '../integration/cli/k8ts-command.ts';

const atATime = 6;
const timeoutMs = 900_000;

/** A namespace of a test, and the cluster around it. */
export class Space {
  readonly namespace: string;
  readonly node: string;
  readonly proxy: ApiProxy;
  readonly kubeconfig: string;
  readonly #kubectl: Kubectl;

  constructor(namespace: string, cluster: E2eCluster, proxy: ApiProxy) {
    this.namespace = namespace;
    this.node = cluster.node;
    this.proxy = proxy;
    this.kubeconfig = cluster.kubeconfig;
    this.#kubectl = cluster.kubectl;
  }

  /** `path` of a group and version, `resource` and more below the namespace: `('/api/v1', 'pods/a/log?tail=1')`. */
  path(version: string, resource: string): string {
    return `${version}/namespaces/${this.namespace}/${resource}`;
  }

  /** A request that must succeed; its answer's body. */
  async ask(method: string, path: string, request: ApiRequest = {}): Promise<any> {
    const answer = await this.request(method, path, request);
    assert.ok(answer.code < 300, `${method} ${path} answered ${answer.code}: ${JSON.stringify(answer.body)}`);
    return answer.body;
  }

  /** A request that may be refused. */
  request(method: string, path: string, request: ApiRequest = {}): Promise<ApiAnswer> {
    return this.proxy.request(method, path, request);
  }

  get(path: string): Promise<any> {
    return this.ask('GET', path);
  }

  /** Reads an object until `check` holds for it. */
  until(what: string, path: string, check: (object: any) => boolean, limitMs = 300_000): Promise<any> {
    let last: any;
    return eventually(
      what,
      async () => {
        last = await this.get(path);
        return check(last) ? last : undefined;
      },
      limitMs,
    ).catch((err) => {
      throw new Error(`${err.message}; last seen: ${JSON.stringify(last)?.slice(0, 2_000)}`, { cause: err });
    });
  }

  /** kubectl in this namespace. */
  kubectl(args: string[], input?: string): Outcome {
    return this.#kubectl.run(['-n', this.namespace, ...args], input);
  }
}

interface Suite {
  /** Names the cluster. */
  name: string;
  images: ImageName[];
  /** Begins the names of its requirements: `sig-apps`. */
  sig: string;
}

/**
 * Declares the tests of a special interest group. `requirement(name, run)`: the name as the programme has it, without
 * the group's and without `[Conformance]`. Those marked `[Serial]` change what others see and run alone, at the end.
 */
export function requirements(
  { name, images, sig }: Suite,
  declare: (requirement: (name: string, run: (space: Space) => Promise<void>) => void) => void,
): void {
  describe(`[${sig}]`, { skip: needsRoot }, () => {
    let cluster: E2eCluster;
    let proxy: ApiProxy;
    let count = 0;
    before(async () => {
      cluster = await startCluster(name, images);
      cluster.kubectl.get('wait', '--for=condition=Ready', `node/${cluster.node}`, '--timeout=240s');
      proxy = await ApiProxy.start(cluster.kubectl);
    });
    after(async () => {
      proxy?.[Symbol.dispose]();
      await cluster?.[Symbol.asyncDispose]();
    });

    const run = async (body: (space: Space) => Promise<void>) => {
      const namespace = `conformance-${++count}`;
      const space = new Space(namespace, cluster, proxy);
      await space.ask('POST', '/api/v1/namespaces', { body: { metadata: { name: namespace } } });
      try {
        await space.until('the account of a namespace', space.path('/api/v1', 'serviceaccounts'), ({ items }) =>
          items.some((one: any) => one.metadata.name === 'default'),
        );
        await body(space);
      } finally {
        await space.request('DELETE', `/api/v1/namespaces/${namespace}`);
      }
    };
    const declared: [string, (space: Space) => Promise<void>][] = [];
    declare((requirement, body) => declared.push([requirement, body]));
    for (const isSerial of [false, true]) {
      describe(isSerial ? 'one after the other' : 'side by side', { concurrency: isSerial ? 1 : atATime }, () => {
        for (const [requirement, body] of declared) {
          if (requirement.includes('[Serial]') === isSerial) test(requirement, { timeout: timeoutMs }, () => run(body));
        }
      });
    }
  });
}
