// `k8ts apiserver`: flags, and the parts put together.

import { randomUUID } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { kinds as builtInKinds } from '../api/index.ts';
import { type ComponentContext, runComponent } from '../machinery/component.ts';
import type { Flags, FlagTable } from '../machinery/flags.ts';
import { formatAddress } from '../machinery/subnet.ts';
import { parseRange } from './admission/address-range.ts';
import { admissionPlugins } from './admission/index.ts';
import { createAdmissionChain } from './admission/plugin.ts';
import { Aggregator } from './aggregation/aggregator.ts';
import { makeMissingLocks, startRepair } from './allocation/repair.ts';
import { authenticationFlags } from './authn/flags.ts';
import { createAuthenticator, readRequestHeaderOptions } from './authn/index.ts';
import { ServiceAccountTokens } from './authn/tokens.ts';
import { createAuthorizer } from './authz/index.ts';
import { type AuthenticationTrust, publishAuthenticationTrust } from './bootstrap/authentication-trust.ts';
import { ensureBootstrapObjects, ensureKubernetesService } from './bootstrap/bootstrap.ts';
import { ensureDefaultServiceCIDR } from './bootstrap/service-cidr.ts';
import { componentStatuses, readProbes } from './component-status.ts';
import { CustomResources } from './crd/custom-resources.ts';
import { webhookConverter } from './crd/webhook-conversion.ts';
import { createDiscovery } from './discovery/discovery.ts';
import { serveFront } from './http/front.ts';
import { defaultLimits, InFlight } from './in-flight.ts';
import { createKubeletAccess } from './kubelet-access.ts';
import { createOpenApi } from './openapi/serve.ts';
import { createPathHandler } from './paths.ts';
import { KindTable } from './registry/kind-table.ts';
import { countUnreadable, createRequestMetrics } from './request-metrics.ts';
import { reviews } from './reviews/index.ts';
import { ApiServer } from './server.ts';
import { startCompactor } from './storage/compactor.ts';
import { EtcdClient } from './storage/etcd.ts';
import { startEventExpiry } from './storage/event-expiry.ts';
import { ObjectStore } from './storage/object-store.ts';
import { fieldsOfKinds, keyPrefixOf } from './storage/stored-object.ts';
import { WatchCache } from './storage/watch-cache.ts';
import { storedKinds } from './stored-kinds.ts';
import type { SubresourceContext } from './subresources/handler.ts';
import { subresources } from './subresources/index.ts';
import { WebhookClient } from './webhook-client.ts';

const flags = {
  'etcd-servers': { type: 'list', doc: 'URLs of etcd, separated by commas.', required: true },
  'etcd-cafile': { type: 'string', doc: 'CA of etcd (PEM file).' },
  'etcd-certfile': { type: 'string', doc: 'Client certificate for etcd.' },
  'etcd-keyfile': { type: 'string', doc: 'Key of the client certificate for etcd.' },
  'bind-address': { type: 'list', doc: 'Addresses to listen on.', default: ['127.0.0.1'] },
  'secure-port': { type: 'number', doc: 'Port to listen on.', default: 6443 },
  'tls-cert-file': { type: 'string', doc: 'Serving certificate.', required: true },
  'tls-private-key-file': { type: 'string', doc: 'Key of the serving certificate.', required: true },
  'client-ca-file': { type: 'string', doc: 'CA of client certificates.', required: true },
  'service-account-issuer': {
    type: 'string',
    doc: 'Issuer of service account tokens.',
    default: 'https://kubernetes.default.svc.cluster.local',
  },
  'service-account-key-file': { type: 'string', doc: 'Public key of tokens (PEM file).', required: true },
  'service-account-signing-key-file': { type: 'string', doc: 'Private key of tokens (PEM file).', required: true },
  ...authenticationFlags,
  'service-cluster-ip-range': { type: 'string', doc: 'Range of Service addresses.', default: '10.96.0.0/16' },
  'service-node-port-range': { type: 'string', doc: 'Range of node ports.', default: '30000-32767' },
  'advertise-address': {
    type: 'string',
    doc: 'Address under which pods and nodes reach this server; not a loopback one.',
    required: true,
  },
  'max-requests-inflight': {
    type: 'number',
    doc: 'How many requests that read may be worked on at a time.',
    default: defaultLimits.reading,
  },
  'max-mutating-requests-inflight': {
    type: 'number',
    doc: 'How many requests that write may be worked on at a time.',
    default: defaultLimits.writing,
  },
  'component-health': {
    type: 'list',
    doc: 'Where component statuses ask for health: NAME=URL, separated by commas.',
    default: [],
  },
  'proxy-client-cert-file': {
    type: 'string',
    doc: 'Client certificate by which aggregated API servers know this one.',
  },
  'proxy-client-key-file': { type: 'string', doc: 'Key of the client certificate for aggregated API servers.' },
  'kubelet-client-certificate': { type: 'string', doc: 'Client certificate for kubelets.' },
  'kubelet-client-key': { type: 'string', doc: 'Key of the client certificate for kubelets.' },
  'kubelet-certificate-authority': { type: 'string', doc: 'CA of the kubelets.' },
} as const satisfies FlagTable;

type Options = Flags<typeof flags>;

function readTls(cert: string | undefined, key: string | undefined, ca: string | undefined) {
  if (!cert || !key || !ca) return undefined;
  return { cert: readFileSync(cert), key: readFileSync(key), ca: readFileSync(ca) };
}

function parsePortRange(text: string): { first: number; last: number } {
  const [, first, last] = /^(\d+)-(\d+)$/.exec(text) ?? [];
  if (!first || !last || Number(first) > Number(last))
    throw new Error(`--service-node-port-range: ${text} is not a range`);
  return { first: Number(first), last: Number(last) };
}

function readProxyTls(options: Options) {
  const { 'proxy-client-cert-file': cert, 'proxy-client-key-file': key } = options;
  if (!cert !== !key) throw new Error('--proxy-client-cert-file and --proxy-client-key-file come together');
  return cert && key ? { cert: readFileSync(cert), key: readFileSync(key) } : undefined;
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
): SubresourceContext {
  const { clock, random, log } = component;
  const serviceClusterIpRange = options['service-cluster-ip-range'];
  const serviceNodePortRange = parsePortRange(options['service-node-port-range']);
  const issuer = options['service-account-issuer'];
  const authorizer = createAuthorizer(store, kinds);
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
      webhooks: new WebhookClient({ store, kinds, clock, random }),
      serviceClusterIpRange,
      serviceNodePortRange,
    }),
    authenticator: createAuthenticator(options, {
      store,
      kinds,
      clock,
      tokens,
      clientCaFile: options['client-ca-file'],
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
  notReady(): string | null;
}

function createPaths(
  options: Options,
  { clock, metrics }: ComponentContext,
  { context: { kinds, tokens }, aggregator, notReady }: PathParts,
) {
  return createPathHandler({
    discovery: createDiscovery(kinds, {
      serverAddress: `${options['advertise-address']}:${options['secure-port']}`,
      groups: aggregator,
    }),
    openApi: createOpenApi(kinds, { now: () => clock.now(), others: () => aggregator.openApiHashes() }),
    metrics,
    notReady,
    tokens,
    issuer: options['service-account-issuer'],
  });
}

/** Clients of both authorities are asked for their certificates. */
function readServingTls(options: Options) {
  const authorities = [options['client-ca-file'], options['requestheader-client-ca-file']];
  return {
    key: readFileSync(options['tls-private-key-file']),
    cert: readFileSync(options['tls-cert-file']),
    clientCa: authorities.filter((file) => file !== undefined).map((file) => readFileSync(file)),
  };
}

function trustOf(options: Options): AuthenticationTrust {
  const proxies = readRequestHeaderOptions(options);
  const file = options['requestheader-client-ca-file'];
  return {
    clientCa: readFileSync(options['client-ca-file'], 'utf8'),
    ...(proxies && file ? { requestHeader: { ...proxies, ca: readFileSync(file, 'utf8') } } : {}),
  };
}

async function start(options: Options, component: ComponentContext) {
  const { clock, log, metrics } = component;
  const kinds = new KindTable(builtInKinds);
  const etcdTls = readTls(options['etcd-certfile'], options['etcd-keyfile'], options['etcd-cafile']);
  const etcd = new EtcdClient({ servers: options['etcd-servers'], ...(etcdTls ? { tls: etcdTls } : {}) }, () =>
    clock.now(),
  );
  const cache = new WatchCache(etcd, storedKinds.map(keyPrefixOf), {
    clock,
    log,
    onUnreadable: countUnreadable(metrics),
    fieldsOf: fieldsOfKinds(builtInKinds),
  });
  const context = createContext(options, component, new ObjectStore(etcd, cache), kinds);
  const range = parseRange(options['service-cluster-ip-range']);
  let notReady: string | null = 'etcd has not been read yet';
  const isNotReady = () => notReady ?? (cache.ready ? null : 'storage is (re)initializing');
  const requestMetrics = createRequestMetrics(metrics, clock);
  const aggregator = new Aggregator(context, readProxyTls(options));
  const server = new ApiServer({
    context,
    subresources,
    reviews: {
      ...reviews,
      '/componentstatuses': componentStatuses({
        ...readProbes(options['component-health']),
        'etcd-0': () => cache.waitConsistent().then(() => 'ok'),
      }),
    },
    aggregator,
    metrics: requestMetrics,
    inFlight: new InFlight({
      reading: options['max-requests-inflight'],
      writing: options['max-mutating-requests-inflight'],
    }),
    paths: createPaths(options, component, { context, aggregator, notReady: isNotReady }),
  });
  const front = await serveFront(
    { clock, tls: readServingTls(options), addresses: options['bind-address'], port: options['secure-port'] },
    {
      request: (request) => server.request(request),
      upgrade: (message, socket, head) => server.upgrade(message, socket, head),
    },
  );
  await loadCache(cache, component);
  const customResources = new CustomResources(context, webhookConverter(new WebhookClient(context)));
  cache.onLoaded(() => customResources.start());
  cache.onLoaded(() => aggregator.follow());
  aggregator.follow();
  await customResources.start();
  notReady = 'bootstrap objects are being created';
  await ensureBootstrapObjects(context);
  await publishAuthenticationTrust(context, trustOf(options));
  await ensureDefaultServiceCIDR(context, options['service-cluster-ip-range']);
  await makeMissingLocks(context);
  await aggregator.start();
  await ensureKubernetesService(context, {
    clusterIp: formatAddress(range.first),
    advertiseAddress: options['advertise-address'],
    securePort: options['secure-port'],
  });
  notReady = null;
  const stopRepair = startRepair(context, `apiserver-${randomUUID()}`);
  const stopCompactor = startCompactor(etcd, cache, { clock, log });
  const stopEventExpiry = startEventExpiry(context.store, kinds.kind('', 'Event'), { clock, log });
  return {
    notReady: () => notReady,
    async stop() {
      notReady = 'stopping';
      customResources.stop();
      aggregator.stop();
      stopRepair();
      stopCompactor();
      stopEventExpiry();
      await front.close();
      cache.close();
      etcd.close();
    },
  };
}

export function main(argv: string[]): Promise<void> {
  const summary = 'Serves the Kubernetes API from etcd.';
  return runComponent(process, { name: 'apiserver', summary, flags, start }, argv);
}
