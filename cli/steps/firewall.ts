// Steps: the host's firewalls let the cluster through, now and after they are changed; and a node does get to the API
// server, which is asked before anything waits for it in vain.
import { type Closed, closedFirewalls, openFirewalls } from '../host/firewall.ts';
import { findStrayRoute } from '../host/network.ts';
import { probeFromNode } from '../host/reachability.ts';
import type { Layout } from '../layout.ts';
import { readUnitState } from '../supervisor/plan.ts';
import { firewallUnit } from '../units.ts';
import { UserError } from '../user-error.ts';
import { startUnits, type UpContext, waitForUnit } from './context.ts';
import { apiserverStep } from './control-plane.ts';
import { networkStep } from './network.ts';
import { nodesStep } from './nodes.ts';
import type { Step } from './run-steps.ts';

export const firewallStep: Step<UpContext> = {
  title: 'Firewall',
  after: [networkStep.title],
  async run(context, signal) {
    const unit = firewallUnit(context);
    startUnits(context, [unit]);
    const closed = await openFirewalls(context.layout);
    await waitForUnit(context, { unit: unit.name, signal, probe: async () => undefined });
    return closed.length === 0 ? undefined : closed.map(({ place, reason }) => `${place}: ${reason}`).join('; ');
  },
};

const probeTimeoutMs = 5_000;

export const reachabilityStep: Step<UpContext> = {
  title: 'Node reaches the API server',
  after: [firewallStep.title, apiserverStep.title, nodesStep.title],
  async run({ layout }, signal) {
    const stray = await findStrayRoute(layout);
    if (stray !== undefined) {
      const subnets = [layout.nodeSubnet, layout.podSubnet, layout.serviceSubnet];
      throw new UserError(`this host routes past the cluster: ${stray}`, {
        hint: `A rule (ip rule), most often of a VPN, comes before the table main. Put others before it, for each of ${subnets.join(', ')}: ip rule add to RANGE lookup main priority 1`,
      });
    }
    for (const node of layout.nodes) {
      const pid = readUnitState(layout.processesFile, `${node.unitPrefix}node`)?.pid;
      const failure = pid === undefined ? undefined : await probeFromNode(layout, pid, probeTimeoutMs);
      signal.throwIfAborted();
      if (failure === undefined) continue;
      throw new UserError(cannotReach(layout, node.name, failure), {
        hint: hintFor(layout, await closedFirewalls(layout)),
      });
    }
    return undefined;
  },
};

export function cannotReach({ hostAddress, ports }: Layout, node: string, failure: string): string {
  return `node ${node} cannot reach the API server at ${hostAddress}:${ports.api}: ${failure}`;
}

function hintFor({ bridge, ports }: Layout, closed: readonly Closed[]): string {
  const places = closed.filter(({ hook }) => hook === 'input').map(({ place }) => place);
  const where = places.length === 0 ? 'A firewall of this host drops it' : `It is dropped by ${places.join(' or ')}`;
  return `${where}. Let in what comes from ${bridge} for port ${ports.api} (tcp), then run the same command again.`;
}
