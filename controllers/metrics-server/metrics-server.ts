// metrics.k8s.io and custom.metrics.k8s.io, for `kubectl top` and autoscalers: what metrics-server and an adapter do
// elsewhere. Kubelets and pods are asked through the API server, and only when somebody asks. docs/adr/028-metrics.md
import { once } from 'node:events';
import { NodeKind } from '../../api/core/node.ts';
import { type Pod, PodKind } from '../../api/core/pod.ts';
import type { ControllerContext, Loop } from '../../client/controller.ts';
import { atMost } from '../../machinery/at-most.ts';
import { keyOf } from '../../machinery/metadata.ts';
import { customApis } from './custom-api.ts';
import { type Look, readLook, scrapePath } from './pod-series.ts';
import { Points } from './points.ts';
import { register } from './registration.ts';
import { resourceApi } from './resource-api.ts';
import { readNodeLook } from './resource-usage.ts';
import type { ServedApi } from './served-api.ts';
import { makeServer } from './server.ts';

export interface MetricsServerOptions {
  /** An address by which the API server reaches us; loopback is refused by it. */
  address: string;
  port: number;
  certificatePem: string;
  keyPem: string;
}

const lookMs = 5_000;
const looksAtOnce = 20;
const maxBytes = 8 * 1024 * 1024;
const maxSeen = 1_000;
const retryMs = 5_000;
const accept = 'text/plain;version=0.0.4';

/** The groups that are served, over what the cluster says. */
export function metricsApis(context: ControllerContext): ServedApi[] {
  const { client, clock, log } = context;
  const nodes = context.informer(NodeKind).lister;
  const pods = context.informer(PodKind).lister;
  const inTurn = atMost(looksAtOnce);
  const read = (path: string) =>
    inTurn(() => client.text({ method: 'GET', path, accept, timeoutMs: lookMs, maxBytes }));
  const silent = (what: object) => (err: unknown) => {
    log.debug({ err, ...what }, 'metrics could not be read');
    return undefined;
  };
  const ofNodes = new Points(
    clock,
    async (node) => readNodeLook(await read(`/api/v1/nodes/${encodeURIComponent(node)}/proxy/metrics/resource`)),
    (value) => value.pods.size,
  );
  const seen = new Set<string>();
  // By uid and path: another pod of the same name counts anew.
  const lookAtPod = async (key: string) => {
    const look = readLook(await read(key.slice(key.indexOf('/'))));
    for (const metric of look.keys()) if (seen.size < maxSeen) seen.add(metric);
    return look;
  };
  const ofPods = new Points<Look>(clock, lookAtPod, (value) =>
    [...value.values()].reduce((sum, series) => sum + series.length, 0),
  );
  const lookAt = async (pod: Pod) => {
    const path = scrapePath(pod);
    return path === undefined
      ? undefined
      : ofPods.read(`${pod.metadata.uid}${path}`).catch(silent({ pod: keyOf(pod) }));
  };
  const look = (node: string) => ofNodes.read(node).catch(silent({ node }));
  return [
    resourceApi({ nodes, pods, look, now: () => clock.now() }),
    ...customApis({ pods, look: lookAt, seen: () => seen }),
  ];
}

export function metricsServer(options: MetricsServerOptions): Loop {
  return {
    name: 'metrics-server',
    async run(given) {
      const context = { ...given, log: given.log.child({ controller: 'metrics-server' }) };
      const { signal } = context;
      const apis = metricsApis(context);
      const server = makeServer(context, options, apis);
      const isOpen = await insist(context, 'metrics cannot be served', async () => {
        server.listen(options.port, options.address);
        await once(server, 'listening');
      });
      if (isOpen) await insist(context, 'metrics cannot be registered', () => register(context, apis, options));
      if (!signal.aborted) await once(signal, 'abort');
      server.close();
      server.closeAllConnections();
    },
  };
}

/** Tries until it is done; false when the process ends before. */
async function insist({ clock, log, signal }: ControllerContext, problem: string, work: () => Promise<void>) {
  while (!signal.aborted) {
    try {
      await work();
      return true;
    } catch (err) {
      if (!signal.aborted) log.warn({ err }, `${problem}; trying again`);
    }
    await clock.sleep(retryMs, signal).catch(() => undefined);
  }
  return false;
}
