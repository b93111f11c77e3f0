// `k8ts apiserver`: flags, and the parts put together.

import { readFileSync } from 'node:fs';
import { kinds as builtInKinds } from '../api/index.ts';
import { followContents } from '../host/follow-file.ts';
import { type ComponentContext, runComponent } from '../machinery/component.ts';
import { parseConfig } from '../machinery/config-file.ts';
import { metricsIn } from '../machinery/hot-metrics.ts';
import { formatAddress } from '../machinery/subnet.ts';
import { AccessMetrics } from './access-metrics.ts';
import { parseRange } from './admission/address-range.ts';
import { admissionPlugins } from './admission/index.ts';
import { AdmissionMetrics } from './admission/metrics.ts';
import { createAdmissionChain } from './admission/plugin.ts';
import { Aggregator } from './aggregation/aggregator.ts';
import { tellAvailability } from './aggregation/metrics.ts';
import { makeMissingLocks } from './allocation/repair.ts';
import { type Audit, startAudit } from './audit/audit.ts';
import { createAuthenticator, type ReloadableAuthenticator, readRequestHeaderOptions } from './authn/index.ts';
import { ServiceAccountTokens } from './authn/tokens.ts';
import { createAuthorizer, type ReloadableAuthorizer } from './authz/index.ts';
import { type AuthenticationTrust, publishAuthenticationTrust } from './bootstrap/authentication-trust.ts';
import { ensureBootstrapObjects } from './bootstrap/bootstrap.ts';
import { startKubernetesService } from './bootstrap/kubernetes-service.ts';
import { legacyTokenUses, startLegacyTokenTracking } from './bootstrap/legacy-token-tracking.ts';
import { LiveServers } from './bootstrap/live-servers.ts';
import { ensureDefaultServiceCIDR } from './bootstrap/service-cidr.ts';
import { componentStatuses, readProbes } from './component-status.ts';
import { followConfigFile, type ReloadedFile } from './config-reload.ts';
import { CustomResources } from './crd/custom-resources.ts';
import { webhookConverter } from './crd/webhook-conversion.ts';
import { createDiscovery } from './discovery/discovery.ts';
import { startDuties } from './duties.ts';
import { Fairness } from './fairness/fairness.ts';
import { createFairnessMetrics } from './fairness/metrics.ts';
import type { Readiness } from './health.ts';
import { type Front, type FrontOptions, type FrontTls, serveFront } from './http/front.ts';
import { InFlight } from './in-flight.ts';
import { createKubeletAccess } from './kubelet-access.ts';
import { createOpenApi } from './openapi/serve.ts';
import {
  apiServerFlags,
  checkOptions,
  type Options,
  parsePortRange,
  readEncryption,
  readProxyTls,
  readTls,
  shutdownDelayMs,
} from './options.ts';
import { createPathHandler } from './paths.ts';
import { KindTable } from './registry/kind-table.ts';
import { maxRequestMs } from './request-deadline.ts';
import { createRequestMetrics } from './request-metrics.ts';
import { reviews } from './reviews/index.ts';
import { ApiServer } from './server.ts';
import { startStep } from './start-step.ts';
import { encryptionConfigForm } from './storage/encryption/config.ts';
import { type EncryptedEtcd, encryptEtcd } from './storage/encryption/encrypted-etcd.ts';
import type { Etcd } from './storage/etcd.ts';
import { EtcdClient } from './storage/etcd-client.ts';
import { ObjectStore } from './storage/object-store.ts';
import { countUnreadable, meterEtcd, tellStored } from './storage/storage-metrics.ts';
import { fieldsOfKinds, keyPrefixOf } from './storage/stored-object.ts';
import { WatchCache } from './storage/watch-cache.ts';
import { storedKinds } from './stored-kinds.ts';
import type { SubresourceContext } from './subresources/handler.ts';
import { subresources } from './subresources/index.ts';
import { WebhookClient } from './webhook-client.ts';

/** Groups whose names keys begin with. */
const storedGroups = [...new Set(storedKinds.map((kind) => kind.group))];

interface ConnectedEtcd {
  client: EtcdClient;
  etcd: Etcd;
  encrypted?: EncryptedEtcd;
}

function connectEtcd(options: Options, { clock, metrics }: ComponentContext): ConnectedEtcd {
  const tls = readTls(options['etcd-certfile'], options['etcd-keyfile'], options['etcd-cafile']);
  const encryption = readEncryption(options);
  const client = new EtcdClient({ servers: options['etcd-servers'], ...(tls ? { tls } : {}) }, clock);
  const etcd = meterEtcd(client, storedGroups, metrics, clock);
  if (!encryption) return { client, etcd };
  const encrypted = encryptEtcd(etcd, encryption, storedGroups);
  return { client, etcd: encrypted, encrypted };
}

function createCache(etcd: Etcd, { clock, log, metrics }: ComponentContext): WatchCache {
  const prefixes = storedKinds.map(keyPrefixOf);
  return new WatchCache(etcd, prefixes, {
    clock,
    log,
    onUnreadable: countUnreadable(metrics, storedGroups),
    fieldsOf: fieldsOfKinds(builtInKinds),
  });
}

interface ServerContext extends SubresourceContext {
  access: AccessMetrics;
  authenticator: ReloadableAuthenticator;
  authorizer: ReloadableAuthorizer;
}

interface Reloadable {
  context: ServerContext;
  cache: WatchCache;
  encrypted: EncryptedEtcd | undefined;
}

/** Follows the files that may change while the server runs. Returns how to stop. */
function followFiles(options: Options, component: ComponentContext, parts: Reloadable): () => void {
  const { context, cache, encrypted } = parts;
  const encryption = options['encryption-provider-config'] ?? '';
  const files: ReloadedFile[] = [];
  const { 'authentication-config': authentication, 'authorization-config': authorization } = options;
  if (authentication) {
    files.push({ what: 'authentication', path: authentication, use: (text) => context.authenticator.configure(text) });
  }
  if (authorization) {
    files.push({ what: 'authorization', path: authorization, use: (text) => context.authorizer.configure(text) });
  }
  if (encrypted && options['encryption-provider-config-automatic-reload']) {
    const use = (text: string) => {
      encrypted.configure(parseConfig(text, encryption, encryptionConfigForm));
      cache.reloadUnreadable();
    };
    files.push({ what: 'encryption', path: encryption, use });
  }
  const stops = files.map((file) => followConfigFile(file, component));
  return () => {
    for (const stop of stops) stop();
  };
}

function createFairness(options: Options, component: ComponentContext, { store, kinds }: SubresourceContext) {
  if (!options['enable-priority-and-fairness']) return undefined;
  const totalSeats = options['max-requests-inflight'] + options['max-mutating-requests-inflight'];
  const { clock, metrics } = component;
  return new Fairness({ store, kinds, clock, totalSeats, metrics: createFairnessMetrics(metrics) });
}

function createAudit(options: Options, { clock, log: logger, metrics }: ComponentContext): Audit | undefined {
  const policyFile = options['audit-policy-file'];
  const path = options['audit-log-path'];
  if (!policyFile || !path) {
    if (path) logger.warn({}, 'no --audit-policy-file: nothing is written to the audit log');
    if (policyFile) logger.warn({}, 'no --audit-log-path: audit events have nowhere to go');
    return undefined;
  }
  const log = {
    path,
    maxAgeDays: options['audit-log-maxage'],
    maxBackups: options['audit-log-maxbackup'],
    maxSizeMegabytes: options['audit-log-maxsize'],
  };
  return startAudit({ policyFile, log }, { clock, logger, metrics });
}

const loadRetryMs = 200;

/** Loads the caches; etcd may still be starting. */
async function loadCache(cache: WatchCache, component: ComponentContext): Promise<void> {
  for (;;) {
    try {
      return await cache.start();
    } catch (err) {
      component.log.warn({ err }, 'etcd cannot be read yet');
      await component.clock.sleep(loadRetryMs, component.signal);
    }
  }
}

function createContext(
  options: Options,
  component: ComponentContext,
  store: ObjectStore,
  kinds: KindTable,
): ServerContext {
  const { clock, random, log, metrics } = component;
  const access = new AccessMetrics(metrics, clock);
  const serviceClusterIpRange = options['service-cluster-ip-range'];
  const serviceNodePortRange = parsePortRange(options['service-node-port-range']);
  const issuer = options['service-account-issuer'];
  const webhooks = new WebhookClient({ store, kinds, clock, random });
  const authorizer = createAuthorizer({ store, kinds, clock, webhooks }, options);
  const tokens = new ServiceAccountTokens(
    {
      issuer,
      audiences: [issuer],
      publicKey: readFileSync(options['service-account-key-file'], 'utf8'),
      privateKey: readFileSync(options['service-account-signing-key-file'], 'utf8'),
    },
    clock,
  );
  return {
    access,
    store,
    kinds,
    clock,
    random,
    log,
    admission: createAdmissionChain(admissionPlugins, {
      store,
      kinds,
      clock,
      random,
      authorizer,
      webhooks,
      serviceClusterIpRange,
      serviceNodePortRange,
      metrics: new AdmissionMetrics(metrics, clock),
    }),
    authenticator: createAuthenticator(options, {
      store,
      kinds,
      clock,
      tokens,
      webhooks,
      clientCaFile: options['client-ca-file'],
      onCertificate: (notAfterMs) => access.certificate(notAfterMs),
    }),
    tokens,
    authorizer,
    kubelets: createKubeletAccess(
      readTls(
        options['kubelet-client-certificate'],
        options['kubelet-client-key'],
        options['kubelet-certificate-authority'],
      ),
      store,
      kinds,
    ),
  };
}

interface PathParts {
  context: SubresourceContext;
  aggregator: Aggregator;
  readiness: Readiness;
}

function createPaths(
  options: Options,
  { clock, metrics, zpages }: ComponentContext,
  { context: { kinds, tokens }, aggregator, readiness }: PathParts,
) {
  return createPathHandler({
    kinds,
    discovery: createDiscovery(kinds, {
      serverAddress: `${options['advertise-address']}:${options['secure-port']}`,
      groups: aggregator,
    }),
    openApi: createOpenApi(kinds, {
      clock,
      others: () => aggregator.openApiHashes(),
      parts: () => aggregator.openApiParts(),
    }),
    metrics,
    readiness,
    zpages,
    tokens,
    issuer: options['service-account-issuer'],
  });
}

function createReviews(options: Options, cache: WatchCache) {
  const probes = {
    ...readProbes(options['component-health']),
    'etcd-0': () => cache.waitConsistent().then(() => 'ok'),
  };
  return { ...reviews, '/componentstatuses': componentStatuses(probes) };
}

function createInFlight(options: Options) {
  const { 'max-requests-inflight': reading, 'max-mutating-requests-inflight': writing } = options;
  return new InFlight({ reading, writing });
}

/** The files of the key and certificate that the server shows, and of those whose clients it knows; what they hold. */
function readCertificates(options: Options) {
  const { 'tls-private-key-file': key, 'tls-cert-file': cert, 'client-ca-file': ca } = options;
  const paths = [key, cert, ca, options['requestheader-client-ca-file']].filter((file) => file !== undefined);
  return { paths, known: paths.map((path) => readFileSync(path)) };
}

/** What changes in these files is in force at once, also for connections that are open. Returns how to stop. */
function followCertificates(
  options: Options,
  component: ComponentContext,
  parts: { context: ServerContext; certificates: ReturnType<typeof readCertificates>; front: Front },
): () => void {
  const { context, certificates, front } = parts;
  const use = async (contents: Buffer[]) => {
    context.authenticator.trust();
    front.secure(tlsOf(contents));
    await publishAuthenticationTrust(context, trustOf(options));
  };
  return followContents(certificates, use, component);
}

/** Clients of both authorities are asked for their certificates. */
function tlsOf([key, cert, ...ca]: Buffer[]): FrontTls {
  return { key: key!, cert: cert!, ca };
}

function frontOptions(options: Options, tls: FrontTls, { clock, metrics, log }: ComponentContext): FrontOptions {
  const { 'bind-address': addresses, 'secure-port': port, 'permit-port-sharing': isPortShared } = options;
  const help = 'Connections that came to nothing before they could ask for something.';
  const errors = metricsIn(metrics).counter('apiserver_tls_handshake_errors_total', help).of();
  const onFailure = (err: unknown) => log.error({ err }, 'an answer cannot be written');
  return { clock, tls, addresses, port, isPortShared, onFailure, onHandshakeError: () => void errors.value++ };
}

function trustOf(options: Options): AuthenticationTrust {
  const proxies = readRequestHeaderOptions(options);
  const file = options['requestheader-client-ca-file'];
  return {
    clientCa: readFileSync(options['client-ca-file'], 'utf8'),
    ...(proxies && file ? { requestHeader: { ...proxies, ca: readFileSync(file, 'utf8') } } : {}),
  };
}

/** What a cluster begins with, in order; what is there stays. */
const firstObjects = (options: Options): ((context: SubresourceContext) => Promise<void>)[] => [
  ensureBootstrapObjects,
  (context) => publishAuthenticationTrust(context, trustOf(options)),
  async (context) => {
    await startLegacyTokenTracking(context);
    context.tokens.onLegacyUse = legacyTokenUses(context);
  },
  (context) => ensureDefaultServiceCIDR(context, options['service-cluster-ip-range']),
  makeMissingLocks,
];

async function start(options: Options, component: ComponentContext) {
  const { clock, metrics } = component;
  shutdownDelayMs(options); // refused now, not at the end
  const certificates = readCertificates(options);
  const { client, etcd, encrypted } = connectEtcd(options, component);
  const cache = createCache(etcd, component);
  const context = createContext(options, component, new ObjectStore(etcd, cache), new KindTable(builtInKinds));
  tellStored(metrics, { ...context, size: () => client.databaseBytes() });
  const stopFollowing = followFiles(options, component, { context, cache, encrypted });
  let notReady: string | null = 'etcd has not been read yet';
  let [isEnding, knowsAllPaths] = [false, false];
  const readiness: Readiness = {
    notReady: () => notReady ?? (cache.ready ? null : 'storage is (re)initializing'),
    isEnding: () => isEnding,
    etcd: () => client.health(),
  };
  const aggregator = tellAvailability(metrics, new Aggregator(context, readProxyTls(options)));
  const server = new ApiServer({
    context,
    knowsAllPaths: () => knowsAllPaths,
    subresources,
    reviews: createReviews(options, cache),
    aggregator,
    metrics: createRequestMetrics(metrics, clock),
    access: context.access,
    audit: createAudit(options, component),
    fairness: createFairness(options, component, context),
    inFlight: createInFlight(options),
    paths: createPaths(options, component, { context, aggregator, readiness }),
  });
  const isPortShared = options['permit-port-sharing'];
  const serve = () =>
    serveFront(frontOptions(options, tlsOf(certificates.known), component), {
      request: (request) => server.request(request),
      upgrade: (message, socket, head) => server.upgrade(message, socket, head),
    });
  // Who comes while others listen here as well is for those who can answer.
  const early = isPortShared ? undefined : await serve();
  await loadCache(cache, component);
  const customResources = new CustomResources(context, webhookConverter(new WebhookClient(context)));
  cache.onLoaded(() => customResources.start());
  cache.onLoaded(() => aggregator.follow());
  aggregator.follow();
  const step = <T>(run: () => Promise<T>) => startStep(component, run);
  await step(() => customResources.start());
  knowsAllPaths = true;
  notReady = 'bootstrap objects are being created';
  for (const make of firstObjects(options)) await step(() => make(context));
  await step(() => aggregator.start());
  const liveServers = new LiveServers(etcd, options['advertise-address'], isPortShared);
  const kubernetesService = await step(() =>
    startKubernetesService(context, liveServers, {
      clusterIp: formatAddress(parseRange(options['service-cluster-ip-range']).first),
      securePort: options['secure-port'],
    }),
  );
  const stopDuties = await step(() => startDuties(context, etcd));
  notReady = null;
  const front = early ?? (await serve());
  const stopFollowingCertificates = followCertificates(options, component, { context, certificates, front });
  return {
    notReady: () => (isEnding ? 'stopping' : notReady),
    async stop() {
      isEnding = true;
      stopFollowing();
      stopFollowingCertificates();
      // Nobody new is sent here, and who is here is served, until everybody can know.
      const leaving = kubernetesService.stop();
      await clock.sleep(shutdownDelayMs(options));
      await Promise.race([leaving, clock.sleep(leaveMs)]);
      server.endWatches();
      await front.close(maxRequestMs);
      customResources.stop();
      aggregator.stop();
      stopDuties();
      cache.close();
      etcd.close();
    },
  };
}

// An etcd that does not answer does not keep the server from ending.
const leaveMs = 3_000;

/** Until the last request may be answered, and a little for the rest. */
const stopDeadlineMs = (options: Options) => shutdownDelayMs(options) + leaveMs + maxRequestMs + 5_000;

export function main(argv: string[]): Promise<void> {
  const summary = 'Serves the Kubernetes API from etcd.';
  return runComponent(
    process,
    { name: 'apiserver', summary, flags: apiServerFlags, start, check: checkOptions, stopDeadlineMs },
    argv,
  );
}
