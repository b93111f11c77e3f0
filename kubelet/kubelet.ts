// Puts the parts of the kubelet together and starts them in order: control groups, registration, pods, server.

import { mkdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type Node, NodeKind } from '../api/core/node.ts';
import { type Pod, PodKind } from '../api/core/pod.ts';
import { ServiceKind } from '../api/core/service.ts';
import { ServiceAccountKind } from '../api/core/serviceaccount.ts';
import { RuntimeClassKind } from '../api/node/runtimeclass.ts';
import { createEventRecorder, targetOf } from '../client/events.ts';
import { InformerFactory } from '../client/informer-factory.ts';
import { KubeClient } from '../client/rest.ts';
import { RestMetrics } from '../client/rest-metrics.ts';
import { type Mounts, openMounts } from '../host/mounts.ts';
import type { ComponentContext } from '../machinery/component.ts';
import { quantityValue } from '../machinery/quantity.ts';
import type { VersionResponse } from '../proto/cri.gen.ts';
import { type CriClient, connectCri } from '../proto/cri-client.ts';
import { connectCsi } from '../proto/csi-client.ts';
import type { Pair } from './certificates/certificate-files.ts';
import { followAuthorities } from './certificates/client-authorities.ts';
import { firstServerPair, managerOf, obtainAccess, rotateClient } from './certificates/node-certificates.ts';
import { openCgroupTree } from './cgroups/cgroup-tree.ts';
import { PodCgroups } from './cgroups/pod-cgroups.ts';
import { NodeStorage } from './csi/node-storage.ts';
import { readNodeSignals } from './eviction/node-signals.ts';
import { PressureWatch, type PressureWatchDeps } from './eviction/pressure-watch.ts';
import { startStorageWatch } from './eviction/storage-watch.ts';
import type { Observations } from './eviction/thresholds.ts';
import { type CredentialProviderSettings, openCredentialProviders } from './images/credential-providers.ts';
import { ImageGarbageCollector } from './images/image-gc.ts';
import { ImagePuller } from './images/image-puller.ts';
import { PullRecords } from './images/pull-records.ts';
import { keepTrying } from './keep-trying.ts';
import { startLogRotation } from './logs/log-rotator.ts';
import { type KubeletMetrics, registerCertificate, registerMetrics, timeOperations } from './metrics.ts';
import { readNodeFacts } from './node/node-facts.ts';
import { NodeReporter } from './node/node-reporter.ts';
import { buildNode, computeCapacity, kubeletVersion, type NodeIdentity } from './node/node-status.ts';
import { ServiceAccountTokens } from './objects/service-account-tokens.ts';
import { WatchedObjects } from './objects/watched-objects.ts';
import { type OwnStorageOptions, startOwnStorage } from './own-storage.ts';
import type { KubeletDeps } from './pods/kubelet-deps.ts';
import { PodSet } from './pods/pod-set.ts';
import { runningContainers } from './pods/runtime-state.ts';
import { UserNamespaces } from './pods/user-namespaces.ts';
import { ContainerProbes } from './probes/container-probes.ts';
import { createExecProber } from './probes/exec-probe.ts';
import { createGrpcProber } from './probes/grpc-probe.ts';
import { createHttpProber } from './probes/http-probe.ts';
import { ProbeMetrics } from './probes/probe-metrics.ts';
import { createTcpProber } from './probes/tcp-probe.ts';
import { AllocationStore } from './resize/allocation.ts';
import { createAccess } from './server/client-access.ts';
import type { KubeletSettings } from './server/configz.ts';
import { readGroupUse } from './server/group-use.ts';
import { type ServerDeps, startServer } from './server/server.ts';
import { type DnsSettings, faultOfResolvConf, parseResolvConf, type Warn } from './spec/dns.ts';
import { MirrorPods } from './static/mirror-pods.ts';
import { StaticPodFolder } from './static/static-pod-folder.ts';
import { countVolumes, registerVolumeMetrics, timeCsi, timeVolumes } from './volume-metrics.ts';
import { findBoundClaim } from './volumes/claims.ts';
import { createVolumePlugins } from './volumes/index.ts';
import { countPodStarts, registerWork, tellNode, timeCgroups, timeRelists } from './work-metrics.ts';

export interface KubeletOptions extends KubeletSettings {
  identity: NodeIdentity;
  rootDir: string;
  credentialProviders: CredentialProviderSettings;
  /** The cluster's own storage driver; a node without it makes no volumes. */
  storage: Pick<OwnStorageOptions, 'api' | 'dir'> | undefined;
}

const runtimeRetryMs = 200;
const runtimeTimeoutMs = 120_000;

/** What the kubelet stands on: the API, the runtime, and what the node is like. */
async function openBase(options: KubeletOptions, context: ComponentContext) {
  const { clock, log, random, metrics } = context;
  const api = await obtainAccess(options.credentials, context);
  const onAnswer = new RestMetrics(metrics).of(api.server);
  const client = new KubeClient(api, { userAgent: `kubelet/${kubeletVersion}`, clock, onAnswer });
  if (options.credentials.rotates) {
    const manager = rotateClient(options.credentials, context, { api, client });
    registerCertificate(metrics, 'client', { clock, manager });
  }
  const timed = timeOperations(metrics, clock, connectCri(options.runtimeSocket, { timeoutMs: runtimeTimeoutMs }));
  const cri = countPodStarts(metrics, timed);
  const version = await waitForRuntime(cri, context);
  await mkdir(options.rootDir, { recursive: true, mode: 0o750 });
  const tree = openCgroupTree(options.cgroupRoot);
  const facts = readNodeFacts(options.rootDir, tree);
  const events = createEventRecorder({ client, clock, log, component: 'kubelet', host: options.identity.name });
  const given = { options, context, clock, log, random };
  return { ...given, client, cri, version, tree, facts, events, probeMetrics: new ProbeMetrics() };
}

type Base = Awaited<ReturnType<typeof openBase>>;

export async function startKubelet(options: KubeletOptions, context: ComponentContext) {
  const { clock, log, signal } = context;
  const { identity, rootDir } = options;
  const nodeName = identity.name;
  const base = await openBase(options, context);
  const { client, cri, tree, facts } = base;
  let podSet: PodSet | undefined;
  const workers = () => podSet?.list() ?? [];
  const metrics = registerMetrics(context.metrics, () => podSet);
  tellNode(context.metrics, nodeName, () => podSet);
  registerVolumeMetrics(context.metrics, clock, async () => {
    const uses = workers().map((worker) => worker.volumes.measureClaims());
    return (await Promise.all(uses)).flat();
  });
  countVolumes(context.metrics, workers);
  const records = new PullRecords(join(rootDir, 'image_manager'), options.pullVerification, { clock, log });
  await records.recover(async (image) => (await cri.images.ImageStatus({ image: { image } })).image ?? undefined);
  const imageGc = new ImageGarbageCollector({ ...base, records }, options.imageGc);
  const nodeUsage = () => readGroupUse(tree, '', clock.now());
  const signals = () => readNodeSignals({ facts, rootDir, imageDir: () => imageGc.mountPoint, nodeUsage });
  const measured = { ...base, nodeUsage, signals };
  const nodeObject = () => reporter.node ?? { metadata: { name: nodeName } };
  const pressure = openPressure({ ...measured, metrics, imageGc, workers, node: nodeObject });
  const factory = new InformerFactory(client, base, signal);
  const parts = { mounts: openMounts(), tokens: new ServiceAccountTokens(client, clock) };
  const reportStatus = () => reporter.report();
  const connect = timeCsi(context.metrics, clock, connectCsi);
  const storage = new NodeStorage({ ...base, ...parts, factory, nodeName, rootDir, reportStatus, connect });
  await storage.recover();
  const volumesInUse = () => storage.volumesInUse();
  const conditions = () => pressure.conditions;
  const reporter: NodeReporter = new NodeReporter({ ...base, identity, volumesInUse, pressure: conditions });
  const services = factory.informer(ServiceKind);
  const listServices = () => services.lister.list();
  const pods = factory.informer(PodKind, { fieldSelector: `spec.nodeName=${nodeName}` });
  const nodes = factory.informer(NodeKind, { fieldSelector: `metadata.name=${nodeName}` });
  const own: Node = { ...buildNode(identity, facts), status: computeCapacity(facts) };
  const node = (): Node => nodes.lister.get(nodeName) ?? reporter.node ?? own;
  const wake = {
    verdict: (uid: string) => podSet?.wake(uid),
    object: (uid: string) => podSet?.worker(uid)?.noteObjectChange(),
  };
  const deps = await buildDeps(
    { ...base, ...parts, wake, metrics, records, storage, node, pressure: conditions, services: listServices },
    timeCgroups(context.metrics, clock, new PodCgroups(tree, log, options.singleProcessOOMKill)),
  );
  const nodeUid = () => reporter.node?.metadata.uid;
  podSet = new PodSet(deps, pods, node, new MirrorPods({ pods: deps.pods, clock, log, nodeName, nodeUid }));
  let isSynced = false;
  const health = () => (isSynced ? undefined : 'the pods of the node are not known yet');
  const server = await openServer({ ...measured, cgroups: deps.cgroups, pods: podSet, syncloop: health });
  await podSet.open(signal);
  startStaticPods(podSet, options, context);
  // Whoever sees the node ready may ask the server at once.
  await reporter.start(signal);
  const { dns } = deps.settings;
  const fault = faultOfResolvConf(options.resolvConf, dns);
  if (fault) dns.warnOfNode('CheckLimitsForResolvConf', fault);
  await factory.synced();
  await storage.start(signal);
  if (options.storage) await startOwnStorage({ ...options.storage, rootDir, nodeName }, { ...context, ...parts });
  await podSet.start(signal);
  isSynced = true;
  for (const each of [imageGc, pressure]) each.start();
  startHousekeeping(podSet, { ...base, metrics });
  return {
    notReady: () => (reporter.isReady ? null : 'the node is not ready'),
    async stop() {
      await server.close();
      deps.objects.close();
      storage.close();
      client.close();
      cri.close();
    },
  };
}

function openPressure(
  base: Base &
    Pick<PressureWatchDeps, 'metrics' | 'workers' | 'node'> & {
      signals(): Observations;
      imageGc: ImageGarbageCollector;
    },
): PressureWatch {
  const { log, signals: read, imageGc, workers } = base;
  const { podLogsDir, eviction: settings } = base.options;
  // What nobody uses: records and logs of pods that have run their course, then images.
  const reclaimDisk = async () => {
    for (const worker of workers())
      await worker.removeRecords().catch((err) => log.warn({ err }, 'an ended pod could not be cleaned up'));
    await imageGc.removeUnused();
  };
  return new PressureWatch({ ...base, settings, read, reclaimDisk, podLogsDir });
}

async function openServer(
  base: Base & Pick<ServerDeps, 'cgroups' | 'pods' | 'nodeUsage' | 'signals'> & { syncloop(): string | undefined },
): ReturnType<typeof startServer> {
  const { options, context, client, clock, log, probeMetrics, syncloop } = base;
  const nodeName = options.identity.name;
  const node = { certDir: options.credentials.certDir, nodeName, nodeIp: options.identity.ip };
  const initial = await firstServerPair({ ...options.serverCertificate, ...node }, context);
  const onChange = (pair: Pair) => server.present(pair);
  const manager = options.serverCertificate.rotates
    ? managerOf('server', { ...node, names: [nodeName, node.nodeIp] }, context, {
        client: () => client,
        initial,
        onChange,
      })
    : undefined;
  if (manager) registerCertificate(context.metrics, 'server', { clock, manager });
  const trust = (authorities: Buffer) => server.trust(authorities);
  const clientCa = followAuthorities(options.access.clientCaFile, trust, context);
  const server = await startServer({
    ...base,
    access: createAccess(options.access, { client, clock, log, nodeName }),
    port: options.identity.port,
    tls: { pair: manager ? manager.current : initial, clientCa },
    nodeName,
    metrics: context.metrics,
    zpages: context.zpages,
    probeMetrics: probeMetrics.registry,
    health: { ping: () => undefined, log: () => undefined, syncloop },
    settings: options,
  });
  void manager?.run(context.signal);
  return server;
}

/** Static pods wait for nobody: the API server may be one of them. */
function startStaticPods(podSet: PodSet, options: KubeletOptions, { clock, log, signal }: ComponentContext): void {
  const { staticPodPath: path, identity } = options;
  if (path === '') return;
  const onPods = (pods: readonly Pod[]) => podSet.setStatic(pods);
  new StaticPodFolder({ path, nodeName: identity.name, clock, log, onPods }).start(signal);
}

function startHousekeeping(podSet: PodSet, base: Base & { metrics: KubeletMetrics }): void {
  const running = () => podSet.list().flatMap((worker) => runningContainers(worker.runtime.state));
  startLogRotation({ ...base, running });
  startStorageWatch({ ...base, podLogsDir: base.options.podLogsDir, workers: () => podSet.list() });
}

/** The runtime starts beside us; without it there is nothing to do. */
async function waitForRuntime(cri: CriClient, { clock, log, signal }: ComponentContext): Promise<VersionResponse> {
  let tries = 0;
  const onFailure = (err: unknown) => {
    if (tries++ % 25 === 0) log.warn({ err }, 'waiting for the container runtime');
  };
  const ask = () => cri.runtime.Version({ version: 'v1' }, { timeoutMs: 15_000 });
  return keepTrying(ask, { clock, signal, delayMs: runtimeRetryMs, onFailure });
}

interface DepsInput extends Base, Pick<KubeletDeps, 'metrics' | 'services' | 'tokens' | 'pressure'> {
  records: PullRecords;
  mounts: Mounts;
  storage: NodeStorage;
  node(): Node;
  wake: { verdict(uid: string): void; object(uid: string): void };
}

async function buildDeps(input: DepsInput, cgroups: PodCgroups): Promise<KubeletDeps> {
  const { options, context, clock, log, client, cri, facts, events, wake, mounts, tokens } = input;
  const { capacity, allocatable } = computeCapacity(facts);
  cgroups.setUp({
    milliCpu: facts.cpus * 1000,
    memoryBytes: quantityValue(capacity.memory),
    pids: facts.maxPids,
  });
  const memoryDir = join(options.rootDir, 'memory');
  await mounts.tmpfs(memoryDir, 'mode=0755');
  const objects = new WatchedObjects(client, input, (uid) => wake.object(uid));
  const account = (namespace: string, name: string) => client.resource(ServiceAccountKind).get({ namespace, name });
  const probers = {
    exec: createExecProber(cri),
    httpGet: createHttpProber(clock),
    tcpSocket: createTcpProber(clock),
    grpc: createGrpcProber(clock),
  };
  return {
    ...input,
    runtimeName: input.version.runtime_name,
    pods: client.resource(PodKind),
    runtimeClasses: client.resource(RuntimeClassKind),
    images: new ImagePuller({
      ...input,
      secret: (pod, name) => objects.secret(pod, name),
      providers: openCredentialProviders(options.credentialProviders, { ...input, account }),
    }),
    objects,
    volumes: {
      podsDir: join(options.rootDir, 'pods'),
      memoryDir,
      objects,
      tokens,
      mounts,
      plugins: timeVolumes(context.metrics, clock, createVolumePlugins(mounts, input.storage.plugin)),
      claimOf: (pod, volume) => findBoundClaim(client, pod, volume),
      node: input.node,
      clock,
      allocatable: () => allocatable,
    },
    cgroups,
    allocations: new AllocationStore(join(options.rootDir, 'pods'), log),
    userNamespaces: new UserNamespaces(join(options.rootDir, 'pods'), options.idsPerPod),
    probes: new ContainerProbes({ ...input, probers, metrics: input.probeMetrics, onVerdict: wake.verdict }),
    settings: {
      dns: await readDns(options, (...words) => events.event(targetOf(NodeKind, input.node()), 'Warning', ...words)),
      podLogsDir: options.podLogsDir,
      seccompDir: join(options.rootDir, 'seccomp'),
    },
    maxRestartPeriodMs: options.maxRestartPeriodMs,
    nodeIp: options.identity.ip,
    hasAppArmor: facts.hasAppArmor,
    nodeResources: { ...facts, containerFiles: cgroups.containerFiles() },
    allocatable: () => allocatable,
    work: registerWork(context.metrics, clock),
    timeRelist: timeRelists(context.metrics, clock),
  };
}

async function readDns(options: KubeletOptions, warnOfNode: Warn): Promise<DnsSettings> {
  const { clusterDns, clusterDomain, resolvConf } = options;
  return { clusterDns, clusterDomain, node: parseResolvConf(await readFile(resolvConf, 'utf8')), warnOfNode };
}
