// Keeps the kernel's rules in step with Services and EndpointSlices: changes are gathered for a moment, the ruleset is computed as a whole and the difference
// is applied in one transaction. Rules stay when this process ends; a new one replaces them at once.
import { spawn } from 'node:child_process';
import type { Service } from '../../api/core/service.ts';
import type { EndpointSlice } from '../../api/discovery/endpointslice.ts';
import type { Informer } from '../../client/informer.ts';
import type { Clock } from '../../machinery/clock.ts';
import type { Logger } from '../../machinery/log.ts';
import { renderDiff, renderWhole } from './diff.ts';
import { modelService, type ServicePortModel, serviceNameLabel } from './model.ts';
import { computeRuleset, type NodeFacts, type Ruleset } from './ruleset.ts';

export interface ServiceProxyDeps {
  services: Informer<Service>;
  slices: Informer<EndpointSlice>;
  nodeName: string;
  facts: NodeFacts;
  /** Addresses that this node answers itself: the cluster's DNS. */
  ownAddresses: readonly string[];
  clock: Clock;
  log: Logger;
  /** Runs a program with a text on its standard input; rejects with what it said. */
  run(command: string, args: string[], input: string): Promise<void>;
}

const gatherMs = 5;
const retryMs = 1_000;

export class ServiceProxy {
  readonly #deps: ServiceProxyDeps;
  #applied: Ruleset | undefined;
  #models: readonly ServicePortModel[] = [];
  #busy = false;
  #dirty = false;
  #onFirst: (() => void) | undefined;

  constructor(deps: ServiceProxyDeps) {
    this.#deps = deps;
    deps.slices.addIndex('service', (s) => [`${s.metadata.namespace}/${s.metadata.labels?.[serviceNameLabel] ?? ''}`]);
  }

  get applied(): boolean {
    return this.#applied !== undefined;
  }

  /** Resolves when the first complete ruleset is in force. */
  async start(): Promise<void> {
    const { services, slices } = this.#deps;
    await Promise.all([services.synced(), slices.synced()]);
    const first = new Promise<void>((resolve) => {
      this.#onFirst = resolve;
    });
    services.onChange(() => this.#schedule());
    slices.onChange(() => this.#schedule());
    this.#schedule();
    await first;
  }

  #schedule(delayMs = gatherMs): void {
    if (this.#dirty) return;
    this.#dirty = true;
    this.#deps.clock.after(delayMs, () => void this.#apply());
  }

  async #apply(): Promise<void> {
    if (this.#busy) {
      this.#deps.clock.after(gatherMs, () => void this.#apply());
      return;
    }
    this.#busy = true;
    this.#dirty = false;
    const { log, facts, run } = this.#deps;
    try {
      const models = this.#compute();
      const ruleset = computeRuleset(models);
      const script = this.#applied ? renderDiff(this.#applied, ruleset) : renderWhole(ruleset, facts);
      if (script !== undefined) await run('nft', ['-f', '-'], script);
      const stale = this.#applied ? staleUdp(this.#models, models) : [];
      this.#applied = ruleset;
      this.#models = models;
      this.#onFirst?.();
      this.#onFirst = undefined;
      for (const args of stale) await run('conntrack', args, '').catch(() => undefined); // it fails where there was no such flow
    } catch (err) {
      // The kernel may hold something else than we think: begin anew.
      this.#applied = undefined;
      log.error({ err }, 'service rules could not be applied; trying again');
      this.#schedule(retryMs);
    } finally {
      this.#busy = false;
    }
  }

  #compute(): ServicePortModel[] {
    const { services, slices, nodeName, ownAddresses } = this.#deps;
    return services.lister
      .list()
      .filter((service) => !ownAddresses.includes(service.spec.clusterIP ?? ''))
      .flatMap((service) =>
        modelService(
          service,
          slices.lister.byIndex('service', `${service.metadata.namespace}/${service.metadata.name}`),
          nodeName,
        ),
      );
  }
}

/** Flows of UDP that go on to an endpoint that is gone: nothing but deleting them ends that. */
export function staleUdp(before: readonly ServicePortModel[], after: readonly ServicePortModel[]): string[][] {
  const now = new Map(after.map((m) => [m.id, m]));
  const out: string[][] = [];
  for (const old of before) {
    if (old.protocol !== 'udp') continue;
    const next = now.get(old.id)?.internal ?? [];
    for (const backend of old.internal) {
      if (next.some((b) => b.address === backend.address && b.port === backend.port)) continue;
      out.push(['-D', '-p', 'udp', '--orig-dst', old.clusterIp, '--dst-nat', backend.address]);
    }
  }
  return out;
}

/** Runs a program to its end. */
export function runProgram(command: string, args: string[], input: string): Promise<void> {
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, { stdio: ['pipe', 'ignore', 'pipe'] });
    let stderr = '';
    child.stderr.on('data', (chunk) => {
      stderr += chunk;
    });
    child.on('error', (err) => reject(new Error(`${command}: ${err.message}`, { cause: err })));
    child.on('close', (code) =>
      code === 0 ? resolve() : reject(new Error(`${command} exited ${code}: ${stderr.trim()}`)),
    );
    child.stdin.end(input);
  });
}
