// Keeps the kernel's rules in step with Services and EndpointSlices: changes are gathered for a
// moment, the rules of the services concerned are computed anew, and the difference is applied in
// one transaction. Rules stay when this process ends; the next one replaces them, again in one
// transaction.
import type { Node } from '../../api/core/node.ts';
import type { Service } from '../../api/core/service.ts';
import type { EndpointSlice } from '../../api/discovery/endpointslice.ts';
import type { Informer } from '../../client/informer.ts';
import type { Clock } from '../../machinery/clock.ts';
import type { Logger } from '../../machinery/log.ts';
import { keyOf } from '../../machinery/metadata.ts';
import type { RunProgram } from '../run-program.ts';
import { renderDiff, renderWhole } from './diff.ts';
import { type HealthCheck, HealthChecks, modelHealthCheck } from './health-checks.ts';
import type { ProxyMetrics } from './metrics.ts';
import { modelService, type ServicePortModel, serviceNameLabel } from './model.ts';
import { listSets, type RememberedClients, readRememberedClients } from './remembered-clients.ts';
import { computeRuleset, mergeRulesets, type NodeFacts, type Ruleset } from './ruleset.ts';
import { findStaleFlows, findWrongFlows } from './stale-flows.ts';

export interface ServiceProxyDeps {
  services: Informer<Service>;
  slices: Informer<EndpointSlice>;
  /** Of this node alone. */
  nodes: Informer<Node>;
  nodeName: string;
  facts: NodeFacts;
  clock: Clock;
  log: Logger;
  run: RunProgram;
  /** Absent: nobody counts. */
  metrics?: ProxyMetrics;
}

/** What one service comes to, and what it was computed from. */
interface Part {
  service: Service;
  slices: readonly EndpointSlice[];
  ports: readonly ServicePortModel[];
  ruleset: Ruleset;
  healthCheck: HealthCheck | undefined;
}

interface Applied {
  parts: ReadonlyMap<string, Part>;
  ruleset: Ruleset;
}

const gatherMs = 2;
const retryMs = 1_000;

export const sliceIndex = 'service';
/** For an informer of EndpointSlices: finds them by `namespace/name` of their service. */
export const serviceOfSlice = (slice: EndpointSlice) => [
  `${slice.metadata.namespace}/${slice.metadata.labels?.[serviceNameLabel] ?? ''}`,
];

export class ServiceProxy {
  readonly #deps: ServiceProxyDeps;
  readonly #healthChecks: HealthChecks;
  #applied: Applied | undefined;
  #parts: ReadonlyMap<string, Part> = new Map();
  #zone = '';
  #isBusy = false;
  #isDirty = false;
  #isStopped = false;
  #whenApplied: (() => void)[] = [];

  constructor(deps: ServiceProxyDeps) {
    this.#deps = deps;
    this.#healthChecks = new HealthChecks(deps.log);
    deps.slices.addIndex(sliceIndex, serviceOfSlice);
  }

  /** Resolves when the first complete ruleset is in force. */
  async start(): Promise<void> {
    const { services, slices, nodes } = this.#deps;
    await Promise.all([services.synced(), slices.synced(), nodes.synced()]);
    const first = new Promise<void>((resolve) => this.#whenApplied.push(resolve));
    services.onChange(() => this.#schedule(gatherMs));
    slices.onChange(() => this.#schedule(gatherMs));
    nodes.onChange(() => this.#takeZone());
    this.#schedule(0);
    await first;
  }

  /** In another zone other endpoints are near. */
  #takeZone(): void {
    const { nodes, nodeName } = this.#deps;
    const zone = nodes.lister.get(nodeName)?.metadata.labels?.['topology.kubernetes.io/zone'] ?? '';
    if (zone === this.#zone) return;
    this.#zone = zone;
    this.#parts = new Map();
    this.#schedule(gatherMs);
  }

  /** No more changes are made; the rules stay. */
  stop(): void {
    this.#isStopped = true;
    this.#healthChecks.close();
  }

  #schedule(delayMs: number): void {
    if (this.#isDirty) return;
    this.#isDirty = true;
    this.#deps.metrics?.queued();
    // While one change is being applied the next ones gather; its end starts them.
    if (!this.#isBusy) this.#deps.clock.after(delayMs, () => void this.#work());
  }

  async #work(): Promise<void> {
    if (this.#isBusy) return;
    this.#isBusy = true;
    let retry = false;
    while (this.#isDirty && !this.#isStopped && !retry) {
      this.#isDirty = false;
      try {
        await this.#apply();
        for (const resolve of this.#whenApplied.splice(0)) resolve();
      } catch (err) {
        // The kernel may hold something else than we think: begin anew.
        this.#applied = undefined;
        this.#deps.log.error({ err }, 'service rules could not be applied; trying again');
        retry = true;
      }
    }
    this.#isBusy = false;
    if (retry) {
      this.#isDirty = false;
      this.#schedule(retryMs);
    }
  }

  async #apply(): Promise<void> {
    const { facts, run, clock, metrics } = this.#deps;
    const startMs = clock.monotonicMs();
    const before = this.#applied;
    const parts = this.#compute();
    const ruleset = mergeRulesets([...parts.values()].map((part) => part.ruleset));
    const script = before
      ? renderDiff(before.ruleset, ruleset)
      : renderWhole(ruleset, facts, await this.#readRememberedClients());
    if (script !== undefined) await run('nft', ['-f', '-'], script);
    this.#applied = { parts, ruleset };
    metrics?.synced(startMs, changedSlices(before?.parts, parts));
    if (!this.#isStopped) this.#healthChecks.update([...parts.values()].flatMap((part) => part.healthCheck ?? []));
    await this.#forgetFlows(before ? this.#findStaleFlows(before.parts, parts) : await this.#findWrongFlows(parts));
  }

  async #readRememberedClients(): Promise<RememberedClients> {
    const { run, log } = this.#deps;
    try {
      return readRememberedClients(await run('nft', listSets, ''));
    } catch (err) {
      log.warn({ err }, 'clients with session affinity could not be read; they are forgotten');
      return new Map();
    }
  }

  /** The rules of every service; those that nothing happened to are taken as they were. */
  #compute(): ReadonlyMap<string, Part> {
    const { services, slices, nodeName, facts } = this.#deps;
    const parts = new Map<string, Part>();
    for (const service of services.lister.list()) {
      if (service.spec.clusterIP === facts.dnsAddress) continue; // answered on this node, by this process
      const key = keyOf(service);
      const own = slices.lister.byIndex(sliceIndex, key);
      const known = this.#parts.get(key);
      if (known?.service === service && sameItems(known.slices, own)) {
        parts.set(key, known);
        continue;
      }
      const ports = modelService(service, own, { nodeName, zone: this.#zone });
      const healthCheck = ports.length > 0 ? modelHealthCheck(service, own, nodeName) : undefined;
      parts.set(key, { service, slices: own, ports, ruleset: computeRuleset(ports, facts), healthCheck });
    }
    this.#parts = parts;
    return parts;
  }

  #findStaleFlows(before: Applied['parts'], after: Applied['parts']): string[][] {
    const touched = [...new Set([...before.keys(), ...after.keys()])].filter((k) => before.get(k) !== after.get(k));
    const portsOf = (parts: Applied['parts']) => touched.flatMap((key) => parts.get(key)?.ports ?? []);
    return findStaleFlows(portsOf(before), portsOf(after));
  }

  /**
   * After a start or a failure what changed meanwhile is not known; the kernel's list of flows is
   * long, but says it all.
   */
  async #findWrongFlows(parts: Applied['parts']): Promise<string[][]> {
    const { run, log } = this.#deps;
    const ports = [...parts.values()].flatMap((part) => part.ports);
    try {
      return findWrongFlows(await run('conntrack', ['-L', '-p', 'udp'], ''), ports);
    } catch (err) {
      log.warn({ err }, 'UDP flows could not be listed; those to endpoints that are gone stay');
      return [];
    }
  }

  async #forgetFlows(calls: readonly string[][]): Promise<void> {
    const { run, log } = this.#deps;
    for (const args of calls) {
      // It also fails where there was no such flow, which is the usual case.
      await run('conntrack', args, '').catch((err) => log.debug({ err }, 'no flow was deleted'));
    }
  }
}

function changedSlices(before: Applied['parts'] | undefined, after: Applied['parts']): EndpointSlice[] {
  return [...after].flatMap(([key, { slices }]) => {
    const known = before?.get(key)?.slices;
    return slices === known ? [] : slices.filter((slice) => !known?.includes(slice));
  });
}

function sameItems<T>(a: readonly T[], b: readonly T[]): boolean {
  return a.length === b.length && a.every((item, i) => item === b[i]);
}
