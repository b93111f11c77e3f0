// Starts one container: image, configuration, create, start, postStart. Every step tells an event;
// what fails becomes a StartError. Upstream: startContainer in kuberuntime_container.go.
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import type { Container } from '../../api/core/pod/container.ts';
import type { Pod } from '../../api/core/pod.ts';
import { messageOf } from '../../machinery/errors.ts';
import type { Image, PodSandboxConfig } from '../../proto/cri.gen.ts';
import type { Init } from '../../proto/message.ts';
import { linkLog } from '../logs/container-links.ts';
import { podLogDir } from '../logs/pod-log-folders.ts';
import { detailsOf } from '../probes/rpc-text.ts';
import { buildContainerConfig, logPathOf } from '../spec/container-config.ts';
import { buildEnvironment, ContainerConfigError } from '../spec/environment.ts';
import { buildDevices, buildMounts } from '../spec/mounts.ts';
import type { PodAddresses } from '../spec/pod-fields.ts';
import { checkNonRoot } from '../spec/security.ts';
import { allServiceVariables } from '../spec/service-env.ts';
import type { ReadyVolume } from '../volumes/pod-volumes.ts';
import { runHook } from './hooks.ts';
import type { KubeletDeps } from './kubelet-deps.ts';
import { eventTarget, uidOf } from './pod-text.ts';
import { StartError } from './start-error.ts';
import { stopContainer } from './stop-container.ts';

export interface StartContext {
  pod: Pod;
  container: Container;
  sandboxId: string;
  sandboxConfig: Init<PodSandboxConfig>;
  addresses: PodAddresses;
  volumes: ReadonlyMap<string, ReadyVolume>;
  restartCount: number;
  /** The id of the container that it asks to look into, as an ephemeral one may. Throws ContainerConfigError. */
  findTarget(): string | undefined;
  signal: AbortSignal;
  graceSeconds: number;
  /** The container exists: from now on it is this one that is being started. */
  onCreated(containerId: string): void;
}

const imageReasons = new Set(['ErrImagePull', 'ImagePullBackOff', 'ErrImageNeverPull', 'InvalidImageName']);

/** Throws StartError, after its event. */
export async function startContainer(deps: KubeletDeps, context: StartContext): Promise<void> {
  const { pod, container } = context;
  const tell = (type: 'Normal' | 'Warning', reason: string, message: string) =>
    deps.events.event(eventTarget(pod, container.name), type, reason, message);
  deps.work?.starts(kindOf(pod, container));
  try {
    const image = await deps.images.ensure(pod, container, context.signal);
    const id = await createContainer(deps, context, image, await imageVolumesOf(deps, context));
    tell('Normal', 'Created', 'Container created');
    context.onCreated(id);
    context.signal.throwIfAborted();
    await deps.cri.runtime.StartContainer({ container_id: id }).catch((err) => {
      throw new StartError('RunContainerError', detailsOf(err), { cause: err });
    });
    linkToLog(deps, context, id);
    tell('Normal', 'Started', 'Container started');
    await runPostStart(deps, context, id);
  } catch (err) {
    if (!(err instanceof StartError)) throw err;
    if (err.reason !== 'PostStartHookError') {
      tell('Warning', 'Failed', `Error: ${imageReasons.has(err.reason) ? err.reason : err.message}`);
    }
    throw err;
  }
}

/** A container that nobody collects logs of runs all the same. */
function linkToLog({ settings, log }: KubeletDeps, { pod, container, restartCount }: StartContext, id: string): void {
  try {
    linkLog(join(podLogDir(settings.podLogsDir, pod), logPathOf(container.name, restartCount)), id);
  } catch (err) {
    log.warn({ err, pod: pod.metadata.name, container: container.name }, 'its log could not be linked to');
  }
}

function kindOf({ spec }: Pod, { name }: Container) {
  if (spec.initContainers?.some((c) => c.name === name)) return 'init_container';
  return spec.ephemeralContainers?.some((c) => c.name === name) ? 'ephemeral_container' : 'container';
}

/** Ids of the images that the container mounts, by the volume's name; pulled if need be, as its own is. */
async function imageVolumesOf(deps: KubeletDeps, { pod, container, signal }: StartContext) {
  const ids = new Map<string, string>();
  for (const { name, image: source } of pod.spec.volumes ?? []) {
    if (!source || !container.volumeMounts?.some((mount) => mount.name === name)) continue;
    const wanted = { ...container, image: source.reference, imagePullPolicy: source.pullPolicy };
    ids.set(name, (await deps.images.ensure(pod, wanted, signal)).id);
  }
  return ids;
}

async function createContainer(
  deps: KubeletDeps,
  context: StartContext,
  image: Image,
  imageVolumes: ReadonlyMap<string, string>,
): Promise<string> {
  const { pod, container, sandboxId, sandboxConfig } = context;
  const config = await prepareConfig(deps, context, image, imageVolumes).catch((err) => {
    if (err instanceof ContainerConfigError) throw new StartError('CreateContainerConfigError', err.message);
    throw err;
  });
  mkdirSync(join(podLogDir(deps.settings.podLogsDir, pod), container.name), { recursive: true });
  try {
    const request = { pod_sandbox_id: sandboxId, config, sandbox_config: sandboxConfig };
    return (await deps.cri.runtime.CreateContainer(request)).container_id;
  } catch (err) {
    throw new StartError('CreateContainerError', detailsOf(err), { cause: err });
  }
}

async function prepareConfig(
  deps: KubeletDeps,
  context: StartContext,
  image: Image,
  imageVolumes: ReadonlyMap<string, string>,
) {
  const { pod, container, addresses, restartCount } = context;
  const environment = await buildEnvironment(pod, container, {
    serviceVariables: allServiceVariables(deps.services(), {
      namespace: pod.metadata.namespace ?? '',
      enableLinks: pod.spec.enableServiceLinks ?? true,
    }),
    addresses,
    volumes: context.volumes,
    allocatable: deps.allocatable(),
    configMap: (name) => deps.objects.configMap(pod, name),
    secret: (name) => deps.objects.secret(pod, name),
  });
  checkNonRoot(pod, container, { ...(image.uid ? { uid: Number(image.uid.value) } : {}), username: image.username });
  const podDir = join(deps.volumes.podsDir, uidOf(pod));
  const mounts = await buildMounts(container, {
    images: imageVolumes,
    volumes: context.volumes,
    environment,
    hostsFile: join(podDir, 'etc-hosts'),
    subPathDir: join(podDir, 'volume-subpaths', container.name),
    mounts: deps.volumes.mounts,
    terminationLog: join(podDir, 'containers', container.name, `termination-log-${restartCount}`),
  });
  return buildContainerConfig(pod, container, {
    environment,
    mounts,
    devices: buildDevices(container, context),
    restartCount,
    imageRef: image.id,
    seccompDir: deps.settings.seccompDir,
    targetId: context.findTarget(),
    userNamespace: deps.userNamespaces.of(pod),
    node: deps.nodeResources,
  });
}

async function runPostStart(deps: KubeletDeps, context: StartContext, containerId: string): Promise<void> {
  const { pod, container, addresses, signal } = context;
  const hook = container.lifecycle?.postStart;
  if (!hook) return;
  try {
    await runHook(deps, hook, { pod, container, containerId, podIp: addresses.podIps[0] ?? '', signal });
  } catch (err) {
    signal.throwIfAborted();
    const message = 'PostStartHook failed';
    deps.log.info({ err, pod: pod.metadata.name, container: container.name }, message);
    deps.events.event(eventTarget(pod, container.name), 'Warning', 'FailedPostStartHook', message);
    await stopContainer(deps, {
      pod,
      container,
      containerId,
      podIp: addresses.podIps[0] ?? '',
      graceSeconds: context.graceSeconds,
      message: 'FailedPostStartHook',
    });
    throw new StartError('PostStartHookError', messageOf(err), { cause: err });
  }
}
