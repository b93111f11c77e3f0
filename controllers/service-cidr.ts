// Says which ServiceCIDRs can be used, and keeps those that addresses of Services still come from. Upstream:
// pkg/controller/servicecidrs. https://kubernetes.io/docs/tasks/network/extend-service-ip-ranges/
import { type IPAddress, IPAddressKind } from '../api/networking/ipaddress.ts';
import { type ServiceCIDR, ServiceCIDRKind } from '../api/networking/servicecidr.ts';
import { defineController } from '../client/controller.ts';
import { containsIP, parseCIDR, parseIP } from '../machinery/ip.ts';
import type { Condition } from '../machinery/metadata.ts';
import { timestamp } from '../machinery/timestamp.ts';
import { setCondition, writeStatus } from './status.ts';

const finalizer = 'networking.k8s.io/service-cidr-finalizer';
// Until every API server has seen that nothing more may come from the range.
const graceMs = 10_000;

const isGoing = ({ metadata }: ServiceCIDR) => metadata.deletionTimestamp !== undefined;
const hasAddress = ({ spec }: ServiceCIDR, address: string): boolean => {
  const ip = parseIP(address);
  const ranges = (spec.cidrs ?? []).map(parseCIDR);
  return ip !== undefined && ranges.some((range) => range !== undefined && containsIP(range, ip));
};

/** Whether an address that is given away would be in no range any longer. Pure. */
export function isNeeded(it: ServiceCIDR, all: readonly ServiceCIDR[], addresses: readonly IPAddress[]): boolean {
  const others = all.filter((other) => other.metadata.name !== it.metadata.name && !isGoing(other));
  return addresses.some(({ metadata: { name = '' } }) => {
    return hasAddress(it, name) && !others.some((other) => hasAddress(other, name));
  });
}

const readyCondition = (isReady: boolean, nowMs: number): Condition => ({
  type: 'Ready',
  status: isReady ? 'True' : 'False',
  reason: isReady ? '' : 'Terminating',
  message: isReady
    ? 'Kubernetes Service CIDR is ready'
    : 'There are still IPAddresses referencing the ServiceCIDR, please remove them or create a new ServiceCIDR',
  lastTransitionTime: timestamp(nowMs),
});

export const serviceCIDRController = defineController({
  name: 'service-cidr-controller',
  kind: ServiceCIDRKind,
  related: [
    {
      kind: IPAddressKind,
      keys: (address, _old, { ranges }) => (address ? [] : namesOf(ranges.list().filter(isGoing))),
    },
    { kind: ServiceCIDRKind, keys: (_it, _old, { ranges }) => namesOf(ranges.list().filter(isGoing)) },
  ],
  deps: (context) => ({
    clock: context.clock,
    addresses: context.informer(IPAddressKind).lister,
    ranges: context.informer(ServiceCIDRKind).lister,
    ...context.resource(ServiceCIDRKind),
  }),
  async reconcile(it, { addresses, clock, ranges, update, updateStatus }) {
    const nowMs = clock.now();
    const finalizers = it.metadata.finalizers ?? [];
    const isKept = finalizers.includes(finalizer);
    const say = (isReady: boolean) => {
      const conditions = setCondition(it.status?.conditions, readyCondition(isReady, nowMs));
      return writeStatus(it, { ...it.status, conditions }, updateStatus);
    };
    if (!isGoing(it)) {
      if (isKept) await say(true);
      else await update({ ...it, metadata: { ...it.metadata, finalizers: [...finalizers, finalizer] } });
      return undefined;
    }
    if (!isKept) return undefined;
    if (isNeeded(it, ranges.list(), addresses.list())) {
      await say(false);
      return undefined;
    }
    const leftMs = Date.parse(it.metadata.deletionTimestamp!) + graceMs - nowMs;
    if (leftMs > 0) return { requeueAfterMs: leftMs };
    await update({ ...it, metadata: { ...it.metadata, finalizers: finalizers.filter((name) => name !== finalizer) } });
  },
});

const namesOf = (ranges: readonly ServiceCIDR[]): string[] => ranges.map(({ metadata }) => metadata.name ?? '');
