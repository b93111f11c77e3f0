// Every RPC of the interface and the verb that serves it. A missing one does not compile.
import type { ImageServiceMethods, RuntimeServiceMethods } from '../../../proto/cri.gen.ts';
import { createContainer } from './container-create.ts';
import { getContainerEvents } from './container-events.ts';
import { listContainers } from './container-list.ts';
import { reopenContainerLog } from './container-log-reopen.ts';
import { updateContainerResources } from './container-resources-update.ts';
import { startContainer } from './container-start.ts';
import { containerStatus } from './container-status.ts';
import { removeContainer, stopContainer } from './container-stop.ts';
import { execSync } from './exec-sync.ts';
import { imageStatus, listImages, pullImage, removeImage } from './images.ts';
import { inPieces } from './in-pieces.ts';
import { listPodSandbox } from './pod-sandbox-list.ts';
import { updatePodSandboxResources } from './pod-sandbox-resources-update.ts';
import { runPodSandbox } from './pod-sandbox-run.ts';
import { podSandboxStatus } from './pod-sandbox-status.ts';
import { removePodSandbox, stopPodSandbox } from './pod-sandbox-stop.ts';
import { runtimeConfig, status, updateRuntimeConfig, version } from './runtime-info.ts';
import { containerStats, imageFsInfo, listContainerStats, listPodSandboxStats, podSandboxStats } from './stats.ts';
import { attach, exec, portForward } from './stream-urls.ts';
import { refuse, refuseStream } from './unsupported.ts';
import type { VerbTable } from './verb.ts';

export const runtimeVerbs = {
  Version: version,
  RunPodSandbox: runPodSandbox,
  StopPodSandbox: stopPodSandbox,
  RemovePodSandbox: removePodSandbox,
  PodSandboxStatus: podSandboxStatus,
  ListPodSandbox: listPodSandbox,
  StreamPodSandboxes: inPieces(listPodSandbox, 'items', 'pod_sandboxes'),
  CreateContainer: createContainer,
  StartContainer: startContainer,
  StopContainer: stopContainer,
  RemoveContainer: removeContainer,
  ListContainers: listContainers,
  StreamContainers: inPieces(listContainers, 'containers', 'containers'),
  ContainerStatus: containerStatus,
  UpdateContainerResources: updateContainerResources,
  ReopenContainerLog: reopenContainerLog,
  ExecSync: execSync,
  Exec: exec,
  Attach: attach,
  PortForward: portForward,
  ContainerStats: containerStats,
  ListContainerStats: listContainerStats,
  StreamContainerStats: inPieces(listContainerStats, 'stats', 'container_stats'),
  PodSandboxStats: podSandboxStats,
  ListPodSandboxStats: listPodSandboxStats,
  StreamPodSandboxStats: inPieces(listPodSandboxStats, 'stats', 'pod_sandbox_stats'),
  UpdateRuntimeConfig: updateRuntimeConfig,
  Status: status,
  CheckpointContainer: refuse('checkpoints need CRIU, which this runtime does not use'),
  GetContainerEvents: getContainerEvents,
  ListMetricDescriptors: refuse('the kubelet reads cgroup statistics instead'),
  ListPodSandboxMetrics: refuse('the kubelet reads cgroup statistics instead'),
  StreamPodSandboxMetrics: refuseStream('the kubelet reads cgroup statistics instead'),
  RuntimeConfig: runtimeConfig,
  UpdatePodSandboxResources: updatePodSandboxResources,
} satisfies VerbTable<RuntimeServiceMethods>;

export const imageVerbs = {
  ListImages: listImages,
  StreamImages: inPieces(listImages, 'images', 'images'),
  ImageStatus: imageStatus,
  PullImage: pullImage,
  RemoveImage: removeImage,
  ImageFsInfo: imageFsInfo,
} satisfies VerbTable<ImageServiceMethods>;
