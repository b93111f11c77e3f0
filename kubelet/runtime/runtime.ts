// What the verbs work with: stores and effects, each behind a small type. Built once in main.ts; there is no object
// that "is" the runtime.
import { basename } from 'node:path';
import type { Clock } from '../../machinery/clock.ts';
import type { KeyedLock } from '../../machinery/keyed-lock.ts';
import type { Logger } from '../../machinery/log.ts';
import type { Cgroups } from './cgroup.ts';
import type { ImageStore } from './image/image-store.ts';
import type { Puller } from './image/pull.ts';
import type { NodeNetwork } from './network/node-network.ts';
import type { OciRuntime } from './process/oci-runtime.ts';
import type { NodeFacts } from './spec/container.ts';
import type { RecordStore } from './store/checkpoint.ts';
import type { EventHub } from './store/event-hub.ts';
import type { ContainerRecord, SandboxRecord } from './store/records.ts';
import type { StreamServer } from './stream/server.ts';

/** Where things lie. Ids are never longer than 64 characters; bundles hold unix sockets. */
export interface RuntimePaths {
  /** Persistent: images, layers, records, writable layers. */
  root: string;
  /** May vanish at a reboot: bundles, sockets, exit files. */
  state: string;
  exitDir: string;
  /** Read-only root of the pause process. */
  pauseRoot: string;
  scratchDir: string;
}

/** What the runtime may be asked for by a RuntimeClass: the default, and the OCI runtime by its own name. */
export const handlersOf = ({ oci }: Pick<Runtime, 'oci'>): string[] => ['', basename(oci.binary)];

export interface Runtime {
  paths: RuntimePaths;
  clock: Clock;
  log: Logger;
  node: NodeFacts;
  /** OCI's name of the architecture, and Node's. */
  architecture: string;
  nodeArch: string;
  nodeHostname: string;
  sandboxes: RecordStore<SandboxRecord>;
  containers: RecordStore<ContainerRecord>;
  images: ImageStore;
  puller: Puller;
  oci: OciRuntime;
  cgroups: Cgroups;
  network: NodeNetwork;
  events: EventHub;
  locks: KeyedLock;
  streams: StreamServer;
  /** Why sandboxes cannot have user namespaces of their own here, if they cannot. Found out when it is first asked. */
  userNamespaceProblem(): Promise<string | undefined>;
}
