// What the parts that work on pods share. Built once, in kubelet.ts.
import type { Pod } from '../../api/core/pod.ts';
import type { Service } from '../../api/core/service.ts';
import type { RuntimeClass } from '../../api/node/runtimeclass.ts';
import type { EventRecorder } from '../../client/events.ts';
import type { ResourceClient } from '../../client/rest.ts';
import type { Clock } from '../../machinery/clock.ts';
import type { Logger } from '../../machinery/log.ts';
import type { Random } from '../../machinery/random.ts';
import type { CriClient } from '../../proto/cri-client.ts';
import type { PodCgroups } from '../cgroups/pod-cgroups.ts';
import type { PressureCondition } from '../eviction/thresholds.ts';
import type { ImagePuller } from '../images/image-puller.ts';
import type { KubeletMetrics } from '../metrics.ts';
import type { ServiceAccountTokens } from '../objects/service-account-tokens.ts';
import type { WatchedObjects } from '../objects/watched-objects.ts';
import type { ContainerProbes } from '../probes/container-probes.ts';
import type { AllocationStore } from '../resize/allocation.ts';
import type { NodeResources } from '../spec/resources.ts';
import type { NodeSettings } from '../spec/sandbox-config.ts';
import type { VolumeDeps } from '../volumes/pod-volumes.ts';
import type { WorkMetrics } from '../work-metrics.ts';
import type { UserNamespaces } from './user-namespaces.ts';

export interface KubeletDeps {
  clock: Clock;
  random: Random;
  log: Logger;
  cri: CriClient;
  /** What ids of containers are prefixed with. */
  runtimeName: string;
  events: EventRecorder;
  pods: ResourceClient<Pod>;
  runtimeClasses: ResourceClient<RuntimeClass>;
  images: ImagePuller;
  objects: WatchedObjects;
  tokens: ServiceAccountTokens;
  volumes: VolumeDeps;
  cgroups: PodCgroups;
  allocations: AllocationStore;
  userNamespaces: UserNamespaces;
  probes: ContainerProbes;
  settings: NodeSettings;
  /** Absent: upstream's five minutes. */
  maxRestartPeriodMs?: number;
  nodeIp: string;
  hasAppArmor: boolean;
  /** What the node is short of. */
  pressure(): readonly PressureCondition[];
  nodeResources: NodeResources;
  allocatable(): Readonly<Record<string, string>>;
  services(): Service[];
  metrics: KubeletMetrics;
  /** Absent: nobody counts. */
  work?: WorkMetrics;
  /** Times a look at all that the runtime has. */
  timeRelist?<T>(look: Promise<T>): Promise<T>;
}
