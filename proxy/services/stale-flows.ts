// UDP flows that outlive what they were made for. The kernel remembers where it sent a flow for as long as packets come,
// so a client that keeps talking would never reach a new endpoint: such flows are deleted. TCP needs no help, its ends
// notice. Upstream counterpart: kube-proxy's conntrack cleanup.
import type { Backend, ServicePortModel } from './model.ts';

/** Arguments for `conntrack`, one line a call. */
export function findStaleFlows(before: readonly ServicePortModel[], after: readonly ServicePortModel[]): string[][] {
  const old = new Map(before.filter(isUdp).map((m) => [m.id, m]));
  const now = new Map(after.filter(isUdp).map((m) => [m.id, m]));
  const calls: string[][] = [];
  for (const [id, model] of old) {
    const next = now.get(id);
    const gone = model.all.filter((b) => !next?.all.some((other) => isSame(b, other)));
    for (const backend of gone) {
      for (const from of frontsOf(model)) calls.push([...deleteUdp, ...from, '--dst-nat', backend.address]);
    }
  }
  // What came to a node port before it meant anything went to the node itself, and goes on doing so.
  for (const [id, model] of now) {
    if (model.nodePort !== undefined && model.all.length > 0 && !old.get(id)?.all.length) {
      calls.push([...deleteUdp, '--orig-port-dst', String(model.nodePort)]);
    }
  }
  return calls;
}

const deleteUdp = ['-D', '-p', 'udp'];
const isUdp = (model: ServicePortModel) => model.protocol === 'udp';
const isSame = (a: Backend, b: Backend) => a.address === b.address && a.port === b.port;

/** How flows to a port of a service are told from others. */
function frontsOf(model: ServicePortModel): string[][] {
  const fronts = [model.clusterIp, ...model.externalIps, ...model.balancerIps].map((ip) => ['--orig-dst', ip]);
  if (model.nodePort !== undefined) fronts.push(['--orig-port-dst', String(model.nodePort)]);
  return fronts;
}
