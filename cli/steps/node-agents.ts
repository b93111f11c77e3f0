// Steps: kubelet and proxy run in every node, every node is Ready, and the cluster's DNS answers.
import { createSocket } from 'node:dgram';
import { decode, encode, RECURSION_DESIRED } from 'dns-packet';
import { createIfAbsent, labelNode, nodesPath, watchObject, whyNotReady } from '../api-request.ts';
import { clusterDomain, type Layout } from '../layout.ts';
import { readNameServers } from '../nodes/sandbox.ts';
import { readUnitState } from '../supervisor/plan.ts';
import { nodeUnits } from '../units.ts';
import { explained, startUnits, type UpContext, waitForUnit } from './context.ts';
import { reachabilityStep } from './firewall.ts';
import type { Step } from './run-steps.ts';

const startNodeUnit = (context: UpContext, component: 'kubelet' | 'proxy') => {
  for (const node of context.layout.nodes) {
    startUnits(context, nodeUnits(context, node), [`${node.unitPrefix}${component}`]);
  }
};

const nodeLabels = { 'node-role.kubernetes.io/control-plane': '' };

export const nodeReadyStep: Step<UpContext> = {
  title: 'Node is Ready',
  after: [reachabilityStep.title],
  async run(context, signal) {
    startNodeUnit(context, 'kubelet');
    for (const node of context.layout.nodes) {
      const kubelet = `${node.unitPrefix}kubelet`;
      const probe = (during: AbortSignal) => watchUntilReady(context, { name: node.name, kubelet }, during);
      await waitForUnit(context, { unit: kubelet, signal, probe });
      await labelNode({ layout: context.layout, signal }, node.name, nodeLabels);
    }
    return undefined;
  },
};

/**
 * Follows the node until its present kubelet says that it is Ready. Resolves to what it last said
 * when that takes too long.
 */
async function watchUntilReady(
  context: UpContext,
  { name, kubelet }: { name: string; kubelet: string },
  signal: AbortSignal,
): Promise<string | undefined> {
  let missing: string | undefined = `node ${name} has not registered yet`;
  const ended = AbortSignal.any([signal, AbortSignal.timeout(context.waitMs)]);
  const startOfKubelet = () =>
    Date.parse(readUnitState(context.layout.processesFile, kubelet)?.startedAt ?? '') || Number.POSITIVE_INFINITY;
  try {
    for await (const node of watchObject({ layout: context.layout, signal: ended }, nodesPath, name)) {
      missing = whyNotReady(node, startOfKubelet());
      if (missing === undefined) return undefined;
    }
  } catch (err) {
    if (!ended.aborted) throw err;
  }
  return missing;
}

export const dnsStep: Step<UpContext> = {
  title: 'DNS answers',
  after: [reachabilityStep.title],
  async run(context, signal) {
    startNodeUnit(context, 'proxy');
    const unit = `${context.layout.nodes[0]!.unitPrefix}proxy`;
    let timeoutMs = dnsTimeoutMs / 2;
    const probe = () => {
      timeoutMs = Math.min(2 * timeoutMs, longestDnsTimeoutMs);
      return probeDns(context.layout, timeoutMs);
    };
    await Promise.all([createDnsService(context, signal), waitForUnit(context, { unit, signal, probe })]);
    const { clusterDns } = context.layout;
    return readNameServers().length > 0
      ? clusterDns
      : `${clusterDns}; no names of the world, as the host has no name server that nodes can reach`;
  },
};

/**
 * The Service that users and tools know the cluster's DNS by. It has no selector and no endpoints:
 * the address is answered on every node by that node's proxy. It also keeps the address from being
 * given to another Service.
 */
function createDnsService(context: UpContext, signal: AbortSignal): Promise<void> {
  const body = {
    apiVersion: 'v1',
    kind: 'Service',
    metadata: {
      name: 'kube-dns',
      namespace: 'kube-system',
      labels: { 'k8s-app': 'kube-dns', 'kubernetes.io/cluster-service': 'true', 'kubernetes.io/name': 'CoreDNS' },
    },
    spec: {
      clusterIP: context.layout.clusterDns,
      ports: [
        { name: 'dns', port: 53, protocol: 'UDP' },
        { name: 'dns-tcp', port: 53, protocol: 'TCP' },
      ],
    },
  };
  return explained(context, { problem: "the Service of the cluster's DNS cannot be made", signal }, async (asking) => {
    await createIfAbsent(asking, '/api/v1/namespaces/kube-system/services', body);
  });
}

// A question that came before the rules were there gets no answer, the next one has a port of its own. Each may take
// longer than the one before: no machine is too slow to answer.
const dnsTimeoutMs = 250;
const longestDnsTimeoutMs = 8_000;

/** Asks the cluster's DNS, through its service address, where the API server's service is. */
function probeDns(layout: Layout, timeoutMs: number): Promise<string | undefined> {
  const socket = createSocket('udp4');
  const query = encode({
    type: 'query',
    id: 1,
    flags: RECURSION_DESIRED,
    questions: [{ type: 'A', name: `kubernetes.default.svc.${clusterDomain}` }],
  });
  return new Promise<string | undefined>((resolve) => {
    const timeout = AbortSignal.timeout(timeoutMs);
    timeout.addEventListener('abort', () => resolve(`no answer from ${layout.clusterDns}:53`));
    socket.once('error', (err) => resolve(err.message));
    socket.once('message', (message) => {
      const addresses = (decode(message).answers ?? []).map((answer) => ('data' in answer ? String(answer.data) : ''));
      const found = addresses.includes(layout.apiServiceAddress);
      resolve(
        found ? undefined : `it does not know the kubernetes service (${addresses.join(', ') || 'no addresses'})`,
      );
    });
    socket.connect(53, layout.clusterDns, () => socket.send(query));
  }).finally(() => socket.close());
}
