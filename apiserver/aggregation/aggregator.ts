// Follows the APIServices: which group and version is answered by which server, whether that one is there, and in what
// order all of them are listed. Upstream: kube-aggregator.
import { type APIService, APIServiceKind as kind } from '../../api/apiregistration/apiservice.ts';
import { putCondition } from '../../machinery/conditions.ts';
import { isConflict, isNotFound, unavailableError } from '../../machinery/errors.ts';
import { cloneJson, jsonEqual } from '../../machinery/json.ts';
import type { KubeObject } from '../../machinery/metadata.ts';
import { timestamp } from '../../machinery/timestamp.ts';
import type { UserInfo } from '../authn/user.ts';
import type { FrontRequest, FrontResponse } from '../http/front.ts';
import type { V2Part } from '../openapi/foreign-v2.ts';
import { type ApiContext, writeAs } from '../registry/context.ts';
import type { GroupVersionResources } from '../registry/kind-table.ts';
import { updateObject } from '../registry/update.ts';
import { keyPrefixOf } from '../storage/stored-object.ts';
import type { UpgradeTarget } from '../subresources/handler.ts';
import { checkAvailability, type Finding } from './availability.ts';
import { settleLocalServices } from './local-services.ts';
import { inOrder, priorityOf } from './priorities.ts';
import { relayTo, unavailable } from './relay.ts';
import {
  identityHeaders,
  isIdentityHeader,
  type ProxyClientTls,
  RemoteClient,
  type RemoteDeps,
  tlsOf,
} from './remote.ts';
import { asStale, fetchRemote, nothingKnown, type RemoteVersion } from './remote-documents.ts';

/** A group and version as it is listed: what this server has of it, or what another one says. */
export interface ListedVersion extends GroupVersionResources {
  remote?: RemoteVersion;
}

/** A group and version that another server answers for. */
export interface Remote {
  name: string;
  service: APIService;
  isAvailable: boolean;
  known: RemoteVersion | undefined;
}

const checkTimeoutMs = 6_000;
// A server may go without a word, and what it has may change.
const recheckMs = 30_000;
/** One that is away may be back without a word. */
const recheckAwayMs = 5_000;
const retryMs = 1_000;
const local: Finding = { status: 'True', reason: 'Local', message: 'Local APIServices are always available' };

const conditionOf = ({ status }: APIService) => status?.conditions?.find(({ type }) => type === 'Available');
const keyOf = ({ spec: { group = '', version = '' } }: APIService) => `${group}/${version}`;
const pathPattern = /^\/+apis\/+([^/]+)\/+([^/]+)/;
const openApiPattern = /^\/openapi\/v3\/apis\/([^/]+)\/([^/]+)$/;

export class Aggregator {
  readonly #context: ApiContext;
  readonly #deps: RemoteDeps;
  readonly #client: RemoteClient;
  readonly #services = new Map<string, APIService>();
  readonly #remotes = new Map<string, Remote>();
  readonly #dirty = new Set<string>();
  readonly #working = new Set<string>();
  readonly #awaited = new Set<string>();
  #settling: 'all' | 'custom' | undefined;
  #isSettling = false;
  #generation = 0;
  #stop: (() => void) | undefined;
  #stopped = false;

  /** Told of each APIService that is available no longer, and why. */
  onLost: ((name: string, reason: string) => void) | undefined;

  constructor(context: ApiContext, proxyTls: ProxyClientTls | undefined) {
    this.#context = context;
    this.#deps = { ...context, proxyTls };
    this.#client = new RemoteClient(this.#deps);
  }

  /** Changes with what is listed. */
  get generation(): number {
    return this.#generation;
  }

  /** Whether each APIService is available, by name. */
  *availability(): Iterable<[name: string, isAvailable: boolean]> {
    for (const [name, service] of this.#services) yield [name, conditionOf(service)?.status === 'True'];
  }

  /** Follows the objects. Call it again when the cache was reset. */
  follow(): void {
    const { store, kinds } = this.#context;
    const cache = store.resource(kind);
    const prefix = keyPrefixOf(kind);
    const watcher = { flush: () => undefined, onReset: () => undefined };
    cache.watchers.add({
      ...watcher,
      prefix,
      onEvent: ({ type, stored }) => this.#enter(stored.object as APIService, type === 'DELETED'),
    });
    const found = [...cache.list(prefix)].map(({ object }) => object as APIService);
    const names = new Set(found.map(({ metadata }) => metadata.name));
    for (const one of this.#services.values()) if (!names.has(one.metadata.name)) this.#enter(one, true);
    for (const one of found) this.#enter(one, false);
    const serviceKind = kinds.kind('', 'Service');
    const onService = ({ metadata }: KubeObject) => this.#serviceChanged(metadata.namespace, metadata.name);
    const sliceKind = kinds.kind('discovery.k8s.io', 'EndpointSlice');
    const onSlice = ({ metadata }: KubeObject) =>
      this.#serviceChanged(metadata.namespace, metadata.labels?.['kubernetes.io/service-name']);
    for (const [of, on] of [[serviceKind, onService], [sliceKind, onSlice]] as const) {
      store.resource(of).watchers.add({
        ...watcher,
        prefix: keyPrefixOf(of),
        onEvent: ({ stored }) => {
          if (this.#remotes.size > 0) on(stored.object);
        },
      });
    } // biome-ignore format: one table
  }

  /** Makes the APIServices of what this server has itself, and keeps them from now on. */
  async start(): Promise<void> {
    const { kinds, clock } = this.#context;
    await settleLocalServices(this.#context, 'all');
    kinds.onChange(() => this.#settle());
    const timer = clock.every(recheckMs, () => {
      for (const { name } of this.#remotes.values()) this.#changed(name);
    });
    this.#stop = () => timer.cancel();
  }

  stop(): void {
    this.#stopped = true;
    this.#stop?.();
    this.#client.close();
  }

  /** The other server that a path belongs to, if it does. Costs nothing while there is none. */
  remoteOf(path: string): Remote | undefined {
    if (this.#remotes.size === 0) return undefined;
    const [, group, version] = pathPattern.exec(path) ?? openApiPattern.exec(path) ?? [];
    return group === undefined ? undefined : this.#remotes.get(`${group}/${version}`);
  }

  /** Has the other server answer. The request has been authorized. */
  async relay(remote: Remote, front: FrontRequest, user: UserInfo): Promise<FrontResponse | undefined> {
    return remote.isAvailable ? relayTo(this.#client, remote.service.spec, front, user) : unavailable();
  }

  /** Where a connection that is to change its protocol goes on to. Throws 503. */
  upgradeTarget({ service, isAvailable }: Remote, url: string, user: UserInfo): UpgradeTarget {
    if (!isAvailable) throw unavailableError('service unavailable');
    const { host, port } = this.#client.optionsOf(service.spec);
    const tlsOptions = tlsOf(service.spec, this.#deps.proxyTls);
    return { host, port, tls: true, path: url, tlsOptions, headers: identityHeaders(user), endsHere: isIdentityHeader };
  }

  /** All groups with their versions in their order. */
  list(own: readonly GroupVersionResources[]): Map<string, ListedVersion[]> {
    const all = new Map<string, ListedVersion>(own.map((gv) => [`${gv.group}/${gv.version}`, gv]));
    for (const [key, { service, known }] of this.#remotes) {
      const { group = '', version = '' } = service.spec;
      all.set(key, { group, version, apiVersion: key, resources: [], remote: known ?? nothingKnown });
    }
    const rank = (gv: ListedVersion) =>
      this.#services.get(`${gv.version}.${gv.group}`)?.spec ?? priorityOf(gv.group, gv.version);
    const ranked = [...all.values()].map((listed) => {
      const { groupPriorityMinimum, versionPriority } = rank(listed);
      return { group: listed.group, version: listed.version, groupPriorityMinimum, versionPriority, listed };
    });
    return new Map([...inOrder(ranked)].map(([name, of]) => [name, of.map(({ listed }) => listed)]));
  }

  /** Hashes of the OpenAPI documents that others have, by path. */
  openApiHashes(): Map<string, string> {
    const hashes = new Map<string, string>();
    for (const [key, { known }] of this.#remotes) {
      if (known?.openApiHash) hashes.set(`apis/${key}`, known.openApiHash);
    }
    return hashes;
  }

  /** What others add to the OpenAPI document of version 2. */
  openApiParts(): V2Part[] {
    return [...this.#remotes.values()].flatMap(({ known }) => (known?.openApiV2?.part ? [known.openApiV2.part] : []));
  }

  #enter(service: APIService, isGone: boolean): void {
    const { name = '' } = service.metadata;
    const key = keyOf(service);
    const before = this.#services.get(name);
    if (isGone) this.#services.delete(name);
    else this.#services.set(name, service);
    const isRemote = !isGone && service.spec.service !== undefined && service.spec.group !== '';
    const isSame = !isGone && before !== undefined && jsonEqual(before.spec, service.spec);
    if (isRemote) {
      const isAvailable = conditionOf(service)?.status === 'True';
      const known = this.#remotes.get(key)?.known;
      this.#remotes.set(key, { name, service, isAvailable, known });
    } else this.#remotes.delete(key);
    if (!isSame) this.#generation++;
    if (isGone) this.#settle();
    else if (!isSame || !conditionOf(service)) this.#changed(name);
  }

  #serviceChanged(namespace: string | undefined, name: string | undefined): void {
    for (const { name: own, service } of this.#remotes.values()) {
      const asked = service.spec.service;
      if (asked?.namespace === namespace && asked?.name === name) this.#changed(own);
    }
  }

  #changed(name: string): void {
    this.#dirty.add(name);
    if (!this.#working.has(name)) void this.#work(name);
  }

  async #work(name: string): Promise<void> {
    this.#working.add(name);
    const { clock, log } = this.#context;
    while (this.#dirty.delete(name) && !this.#stopped) {
      try {
        await this.#check(name);
      } catch (err) {
        if (isConflict(err) || isNotFound(err)) continue;
        log.warn({ err, name }, 'the state of an APIService cannot be written; trying again');
        clock.after(retryMs, () => this.#changed(name));
      }
    }
    this.#working.delete(name);
  }

  /** Looks whether the server of one is there, and at what it has. */
  async #check(name: string): Promise<void> {
    const service = this.#services.get(name);
    if (!service) return;
    if (!service.spec.service) return this.#write(service, local);
    const finding = await this.#within((signal) => checkAvailability(this.#deps, this.#client, service, signal));
    await this.#write(service, finding);
    if (finding.status !== 'True') this.#lookAgain(name);
    const known = this.#remotes.get(keyOf(service))?.known;
    const next =
      finding.status === 'True'
        ? await this.#within((signal) => fetchRemote(this.#client, service, known, signal))
        : asStale(known);
    const remote = this.#remotes.get(keyOf(service));
    if (!remote || remote.known === next) return;
    remote.known = next;
    this.#generation++;
  }

  #lookAgain(name: string): void {
    if (this.#awaited.has(name)) return;
    this.#awaited.add(name);
    this.#context.clock.after(recheckAwayMs, () => {
      this.#awaited.delete(name);
      this.#changed(name);
    });
  }

  async #within<T>(work: (signal: AbortSignal) => Promise<T>): Promise<T> {
    const abort = new AbortController();
    const timer = this.#context.clock.after(checkTimeoutMs, () => abort.abort());
    try {
      return await work(abort.signal);
    } finally {
      timer.cancel();
      abort.abort();
    }
  }

  async #write(service: APIService, finding: Finding): Promise<void> {
    const { name = '', uid } = service.metadata;
    const { clock } = this.#context;
    const produce = (old: KubeObject) => {
      const draft = cloneJson(old) as APIService;
      Object.assign(draft.metadata, { uid });
      const next = { type: 'Available', ...finding, lastTransitionTime: timestamp(clock.now()) };
      return { ...draft, status: { conditions: putCondition(draft.status?.conditions ?? [], next) } };
    };
    if (jsonEqual(produce(service).status, service.status)) return;
    const isLost = conditionOf(service)?.status === 'True' && finding.status !== 'True';
    if (isLost) this.onLost?.(name, finding.reason ?? '');
    await updateObject(this.#context, kind, { namespace: '', name, subresource: 'status', produce }, writeAs(kind));
  }

  /** Custom resources came or went, or somebody removed an APIService. */
  #settle(): void {
    this.#settling = 'custom';
    if (!this.#isSettling && this.#stop) void this.#settleAll();
  }

  async #settleAll(): Promise<void> {
    const { clock, log } = this.#context;
    this.#isSettling = true;
    while (this.#settling && !this.#stopped) {
      this.#settling = undefined;
      try {
        await settleLocalServices(this.#context, 'custom');
      } catch (err) {
        log.warn({ err }, 'the APIServices of custom resources cannot be written; trying again');
        clock.after(retryMs, () => this.#settle());
      }
    }
    this.#isSettling = false;
  }
}
