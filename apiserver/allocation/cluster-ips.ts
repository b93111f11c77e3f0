// Gives a Service its cluster addresses. Addresses are of one family here, one for each Service.
// https://kubernetes.io/docs/concepts/services-networking/cluster-ip-allocation/
import { internalError } from '../../machinery/errors.ts';
import { invalid } from '../../machinery/field-error.ts';
import { formatCIDR, formatIP, parseIP } from '../../machinery/ip.ts';
import { jsonEqual } from '../../machinery/json.ts';
import type { KubeObject } from '../../machinery/metadata.ts';
import type { AdmissionDeps, AdmissionRequest } from '../admission/plugin.ts';
import type { Holding } from './holding.ts';
import { lockOfAddress } from './locks.ts';
import { addressesOf, isUsable, serviceRanges } from './ranges.ts';
import { refuseService } from './refusal.ts';

/** Fills in the draft of the request. */
export async function allocateClusterIP(
  { object, oldObject }: AdmissionRequest,
  deps: AdmissionDeps,
  holding: Holding,
): Promise<void> {
  const service = object!;
  const { spec } = service;
  const before = oldObject?.spec;
  if (spec.type === 'ExternalName') return;
  const hadAddress = Boolean(before?.clusterIP) && before.type !== 'ExternalName';
  if (hadAddress && !spec.clusterIP) {
    // An update that does not mention the address keeps it.
    spec.clusterIP = before.clusterIP;
    spec.clusterIPs = before.clusterIPs;
  }
  spec.clusterIP ||= spec.clusterIPs?.[0] ?? '';
  // An address is for life: validation says so, whatever the new one is.
  if (hadAddress && spec.clusterIP !== before.clusterIP) return;
  if (spec.clusterIP === 'None') {
    spec.clusterIPs = ['None'];
    if (spec.selector) refuseOtherFamilies(service);
    fillFamilies(spec);
    return;
  }
  refuseOtherFamilies(service);
  if (spec.clusterIP === '') spec.clusterIP = await takeAny(deps, holding);
  else if (!hadAddress) await takeAsked(service, deps, holding);
  // What was given beside it is for validation to judge.
  const isKept = jsonEqual(spec.clusterIPs ?? [], before?.clusterIPs ?? []);
  if (isKept || !spec.clusterIPs?.length) spec.clusterIPs = [spec.clusterIP];
  fillFamilies(spec);
}

async function takeAny(deps: AdmissionDeps, holding: Holding): Promise<string> {
  function* candidates() {
    for (const range of serviceRanges(deps, 4)) {
      for (const address of addressesOf(range, deps.random)) yield lockOfAddress(address);
    }
  }
  const lock = await holding.takeOneOf(candidates);
  if (!lock) throw internalError('failed to allocate a serviceIP: range is full');
  return lock.name;
}

async function takeAsked(service: KubeObject, deps: AdmissionDeps, holding: Holding): Promise<void> {
  const asked: string = service.spec.clusterIP;
  const ip = parseIP(asked);
  // Validation has the words for what is no address.
  if (!ip || formatIP(ip) !== asked) return;
  const isInRange = () => serviceRanges(deps, 4).some((range) => isUsable(range, ip));
  if (!isInRange()) {
    await deps.store.cache.waitConsistent();
    if (!isInRange()) {
      const ranges = serviceRanges(deps, 4).map(formatCIDR).join(', ');
      const why = `the provided IP (${asked}) is not in the valid range. The range of valid IPs is ${ranges}`;
      refuseAddress(service, asked, why);
    }
  }
  if (!(await holding.take(lockOfAddress(asked)))) refuseAddress(service, asked, 'provided IP is already allocated');
}

function refuseAddress(service: KubeObject, address: string, why: string): never {
  refuseService(service, invalid('spec.clusterIPs', [address], `failed to allocate IP ${address}: ${why}`));
}

function refuseOtherFamilies(service: KubeObject): void {
  const { ipFamilies = [], ipFamilyPolicy, clusterIPs = [] } = service.spec;
  const oneStack = 'this cluster is not configured for dual-stack services';
  if (ipFamilyPolicy === 'RequireDualStack') {
    refuseService(service, invalid('spec.ipFamilyPolicy', ipFamilyPolicy, oneStack));
  }
  const other = ipFamilies.indexOf('IPv6');
  if (other >= 0) {
    refuseService(service, invalid(`spec.ipFamilies[${other}]`, 'IPv6', 'not configured on this cluster'));
  }
  if (clusterIPs.length > 1) refuseService(service, invalid('spec.clusterIPs', clusterIPs, oneStack));
}

function fillFamilies(spec: KubeObject): void {
  // Without a selector a headless Service is whatever its endpoints are.
  const isOpen = spec.clusterIP === 'None' && !spec.selector;
  spec.ipFamilies ??= isOpen ? ['IPv4', 'IPv6'] : ['IPv4'];
  spec.ipFamilyPolicy ??= isOpen ? 'RequireDualStack' : 'SingleStack';
}
