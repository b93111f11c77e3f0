// `k8ts proxy`: flags, and the parts put together. Runs in a node's own network namespace and does two things there: it
// keeps the rules that make service addresses work, and it answers the cluster's DNS.
// Upstream counterparts: kube-proxy and CoreDNS's kubernetes plugin.
import { readFileSync } from 'node:fs';
import { BlockList } from 'node:net';
import { NodeKind } from '../api/core/node.ts';
import { ServiceKind } from '../api/core/service.ts';
import { EndpointSliceKind } from '../api/discovery/endpointslice.ts';
import { readKubeconfig } from '../client/config.ts';
import { InformerFactory } from '../client/informer-factory.ts';
import { KubeClient } from '../client/rest.ts';
import { createSeriesRecorder } from '../client/series-events.ts';
import { type ComponentContext, runComponent } from '../machinery/component.ts';
import { type Flags, type FlagTable, flag } from '../machinery/flags.ts';
import { createClusterView } from './dns/cluster-view.ts';
import { Resolver } from './dns/resolver.ts';
import { DnsServer } from './dns/server.ts';
import { parseNameServers, Upstream } from './dns/upstream.ts';
import { ClusterZone } from './dns/zone.ts';
import { addDnsAddress, addServiceRoute, stopRedirects } from './node-address.ts';
import { runProgram } from './run-program.ts';
import { ProxyMetrics } from './services/metrics.ts';
import { ServiceProxy } from './services/proxy.ts';

const flags = {
  kubeconfig: flag.string('How to reach the API server.', { required: true }),
  'node-name': flag.string('The node we run on, as the API server knows it.', { required: true }),
  'node-ip': flag.string("The node's address: the source of its own connections to services.", { required: true }),
  'cluster-cidr': flag.string('Range of the pods of all nodes.', { required: true }),
  'service-cluster-ip-range': flag.string('Range of service addresses.', { required: true }),
  'cluster-dns': flag.string('Address to answer DNS on; put on the node.', { required: true }),
  'cluster-domain': flag.string('Domain of the names of services and pods.', { default: 'cluster.local' }),
  'resolv-conf': flag.string('File that names the servers for all other names; empty for none.', { default: '' }),
} as const satisfies FlagTable;

type ProxyFlags = Flags<typeof flags>;

const dnsPort = 53;

async function start(options: ProxyFlags, component: ComponentContext) {
  const { clock, random, log, signal } = component;
  const client = new KubeClient(readKubeconfig(options.kubeconfig), { userAgent: 'kube-proxy', clock });
  const informers = new InformerFactory(client, { clock, random, log }, signal);
  const services = informers.informer(ServiceKind);
  const slices = informers.informer(EndpointSliceKind);
  const dnsAddress = options['cluster-dns'];
  const serviceCidr = options['service-cluster-ip-range'];
  const nodeAddress = { dnsAddress, serviceCidr, nodeIp: options['node-ip'] };
  const resolver = new Resolver({
    zone: new ClusterZone(createClusterView(services, slices, clock), {
      domain: options['cluster-domain'],
      dnsAddress,
    }),
    forwarder: new Upstream({ servers: readNameServers(options), clock, random }),
    isClusterAddress: rangeCheck([serviceCidr, options['cluster-cidr']]),
    random,
  });
  const dns = new DnsServer({
    address: dnsAddress,
    port: dnsPort,
    respond: (message, transport) => resolver.respond(message, transport),
    clock,
    log,
  });
  const proxy = new ServiceProxy({
    services,
    slices,
    nodes: informers.informer(NodeKind, { fieldSelector: `metadata.name=${options['node-name']}` }),
    nodeName: options['node-name'],
    facts: { podCidr: options['cluster-cidr'], serviceCidr, dnsAddress },
    clock,
    log,
    run: runProgram,
    metrics: new ProxyMetrics(component.metrics, clock),
  });
  stopRedirects();
  const missing = new Set(['service rules', 'DNS']);
  const startProxy = async () => {
    await proxy.start();
    await addServiceRoute(nodeAddress, runProgram);
    missing.delete('service rules');
    tellStart(client, options['node-name'], component);
  };
  const startDns = async () => {
    await addDnsAddress(nodeAddress, runProgram);
    await informers.synced(); // before, it could only deny names that exist
    await dns.start();
    missing.delete('DNS');
  };
  Promise.all([startProxy(), startDns()]).then(() => log.info({}, 'services and DNS are served'), component.fail);
  return {
    notReady: () => (missing.size === 0 ? null : `not there yet: ${[...missing].join(', ')}`),
    async stop() {
      proxy.stop();
      await dns.stop();
      client.close();
    },
  };
}

/** The event of the node that kube-proxy begins with; there, too, it goes by the node's name alone. */
function tellStart(client: KubeClient, nodeName: string, { clock, log }: ComponentContext): void {
  const controller = 'kube-proxy';
  const recorder = createSeriesRecorder({ client, clock, log, controller, instance: `${controller}-${nodeName}` });
  const node = { kind: 'Node', apiVersion: 'v1', object: { metadata: { name: nodeName, uid: nodeName } } };
  recorder.event(node, { type: 'Normal', reason: 'Starting', action: 'StartKubeProxy', message: '' });
}

function readNameServers(options: ProxyFlags): string[] {
  const file = options['resolv-conf'];
  return file === '' ? [] : parseNameServers(readFileSync(file, 'utf8'), [options['cluster-dns']]);
}

function rangeCheck(cidrs: readonly string[]): (address: string) => boolean {
  const ranges = new BlockList();
  for (const cidr of cidrs) {
    const [network = '', bits] = cidr.split('/');
    ranges.addSubnet(network, Number(bits));
  }
  return (address) => ranges.check(address);
}

export function main(argv: string[]): Promise<void> {
  const summary = 'Serves service addresses and cluster DNS on a node.';
  return runComponent(process, { name: 'proxy', summary, flags, start }, argv);
}
