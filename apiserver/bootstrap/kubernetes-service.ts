// The `kubernetes` Service, and its endpoints: the servers that live. Each renews a key in etcd that goes by itself;
// those whose keys are there are listed. Upstream: the kubernetes-service controller and the lease reconciler.
import { isConflict } from '../../machinery/errors.ts';
import { cloneJson } from '../../machinery/json.ts';
import type { KubeObject } from '../../machinery/metadata.ts';
import { type ApiContext, writeAs } from '../registry/context.ts';
import { updateObject } from '../registry/update.ts';
import { createIfAbsent } from './create.ts';
import type { LiveServers } from './live-servers.ts';
import { createServiceAt } from './service-cidr.ts';

interface KubernetesServiceOptions {
  /** First address of the service range. */
  clusterIp: string;
  /** Of the servers that live, in order. */
  addresses: readonly string[];
  securePort: number;
}

const periodMs = 10_000;

export interface KubernetesService {
  /** Takes this server out of the endpoints, and goes on no more. */
  stop(): Promise<void>;
}

/** Writes the Service and its endpoints now, and again and again. Rejects when it cannot be done now. */
export async function startKubernetesService(
  context: ApiContext,
  servers: LiveServers,
  options: Omit<KubernetesServiceOptions, 'addresses'>,
): Promise<KubernetesService> {
  const reconcile = async () => {
    const addresses = await servers.list();
    // A store that lists nobody is no reason to send clients nowhere.
    if (addresses.length > 0) await ensureKubernetesService(context, { ...options, addresses });
  };
  const round = async () => {
    await servers.renew();
    await reconcile();
  };
  await round();
  const failed = (err: unknown) =>
    context.log.warn({ err }, 'the endpoints of the kubernetes Service could not be written; again later');
  let running = Promise.resolve();
  let isBusy = false;
  const timer = context.clock.every(periodMs, () => {
    if (isBusy) return;
    isBusy = true;
    running = round()
      .catch(failed)
      .finally(() => {
        isBusy = false;
      });
  });
  return {
    async stop() {
      timer.cancel();
      await running;
      await servers.leave().then(reconcile).catch(failed);
    },
  };
}

/** Creates or repairs the `kubernetes` Service, its Endpoints and its EndpointSlice in the default namespace. */
export async function ensureKubernetesService(context: ApiContext, options: KubernetesServiceOptions): Promise<void> {
  const { clusterIp, addresses, securePort } = options;
  const metadata = { name: 'kubernetes', namespace: 'default' };
  const owned = { component: 'apiserver', provider: 'kubernetes' };
  const service = {
    kind: 'Service',
    metadata: { ...metadata, labels: owned },
    spec: {
      type: 'ClusterIP',
      clusterIP: clusterIp,
      clusterIPs: [clusterIp],
      ipFamilies: ['IPv4'],
      ipFamilyPolicy: 'SingleStack',
      sessionAffinity: 'None',
      ports: [{ name: 'https', protocol: 'TCP', port: 443, targetPort: securePort }],
    },
  };
  await createServiceAt(context, clusterIp, service);
  await context.store.cache.waitConsistent();
  await ensure(context, '', service);
  await ensure(context, '', {
    kind: 'Endpoints',
    metadata: { ...metadata, labels: { 'endpointslice.kubernetes.io/skip-mirror': 'true' } },
    subsets: [
      { addresses: addresses.map((ip) => ({ ip })), ports: [{ name: 'https', port: securePort, protocol: 'TCP' }] },
    ],
  });
  await ensure(context, 'discovery.k8s.io', {
    kind: 'EndpointSlice',
    metadata: { ...metadata, labels: { 'kubernetes.io/service-name': 'kubernetes' } },
    addressType: 'IPv4',
    endpoints: addresses.map((address) => ({ addresses: [address], conditions: { ready: true } })),
    ports: [{ name: 'https', port: securePort, protocol: 'TCP' }],
  });
}

async function ensure(context: ApiContext, group: string, object: KubeObject & { kind: string }): Promise<void> {
  const kind = context.kinds.kind(group, object.kind);
  const { namespace = '', name = '' } = object.metadata;
  if (!context.store.peek(kind, namespace, name)) return createIfAbsent(context, group, object);
  const { kind: _k, metadata: _m, spec, ...content } = object;
  const produce = (old: KubeObject) => ({
    ...cloneJson(old),
    ...cloneJson(content),
    ...(spec ? { spec: { ...cloneJson(old.spec), ports: spec.ports } } : {}),
  });
  try {
    await updateObject(context, kind, { namespace, name, subresource: '', produce }, writeAs(kind));
  } catch (err) {
    if (!isConflict(err)) throw err; // another server is at it
  }
}
