// UDP flows that outlive what they were made for. The kernel remembers where it sent a flow for as
// long as packets come, so a client that keeps talking would never reach a new endpoint: such flows
// are deleted. TCP needs no help, its ends notice. Upstream counterpart: kube-proxy's conntrack
// cleanup.
import type { Backend, ServicePortModel } from './model.ts';

/** Arguments for `conntrack`, one line a call. */
export function findStaleFlows(before: readonly ServicePortModel[], after: readonly ServicePortModel[]): string[][] {
  const old = new Map(before.filter(isUdp).map((m) => [m.id, m]));
  const now = new Map(after.filter(isUdp).map((m) => [m.id, m]));
  const calls: string[][] = [];
  for (const [id, model] of old) {
    const next = now.get(id);
    const gone = model.serving.filter((b) => !next?.serving.some((other) => isSame(b, other)));
    for (const backend of gone) {
      for (const from of frontsOf(model)) calls.push([...deleteUdp, ...from, '--dst-nat', backend.address]);
    }
  }
  // What came to a node port or an address from outside before it meant anything went elsewhere, and goes on doing so.
  for (const [id, model] of now) {
    if (model.all.length === 0) continue;
    const before = old.get(id);
    const known = before?.all.length ? publicFrontsOf(before).map(String) : [];
    for (const front of publicFrontsOf(model)) if (!known.includes(String(front))) calls.push([...deleteUdp, ...front]);
  }
  return calls;
}

const flowPattern = /^udp\s.*? src=(\S+) dst=(\S+) sport=(\d+) dport=(\d+) .*?src=(\S+) dst=\S+ sport=(\d+) /;

/**
 * The same from what the kernel has (`conntrack -L -p udp`), for when nobody knows what was before:
 * flows to a port of a service that do not end at an endpoint that serves.
 */
export function findWrongFlows(listing: string, ports: readonly ServicePortModel[]): string[][] {
  const servingAt = new Map<string, Set<string>>();
  for (const model of ports.filter(isUdp)) {
    const serving = new Set(model.serving.map((b) => `${b.address} ${b.port}`));
    for (const ip of [model.clusterIp, ...publicIpsOf(model)]) servingAt.set(`${ip} ${model.port}`, serving);
    if (model.nodePort !== undefined) servingAt.set(`node ${model.nodePort}`, serving);
  }
  return listing.split('\n').flatMap((line) => {
    const [, client = '', to, clientPort = '', toPort = '', server, serverPort] = flowPattern.exec(line) ?? [];
    const serving = servingAt.get(`${to} ${toPort}`) ?? servingAt.get(`node ${toPort}`);
    if (to === undefined || !serving || serving.has(`${server} ${serverPort}`)) return [];
    return [[...deleteUdp, '--orig-src', client, '--orig-port-src', clientPort, ...frontAt(to, toPort)]];
  });
}

const deleteUdp = ['-D', '-p', 'udp'];
const isUdp = (model: ServicePortModel) => model.protocol === 'udp';
const isSame = (a: Backend, b: Backend) => a.address === b.address && a.port === b.port;

const frontAt = (ip: string, port: number | string) => ['--orig-dst', ip, '--orig-port-dst', String(port)];
const publicIpsOf = (model: ServicePortModel) => [...model.externalIps, ...model.balancerIps];

/** How flows from outside to a port of a service are told from others. */
function publicFrontsOf(model: ServicePortModel): string[][] {
  const fronts = publicIpsOf(model).map((ip) => frontAt(ip, model.port));
  if (model.nodePort !== undefined) fronts.push(['--orig-port-dst', String(model.nodePort)]);
  return fronts;
}

const frontsOf = (model: ServicePortModel) => [frontAt(model.clusterIp, model.port), ...publicFrontsOf(model)];
