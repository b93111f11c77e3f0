// ContainerStats, ListContainerStats, PodSandboxStats, ListPodSandboxStats and ImageFsInfo.
import { dirname } from 'node:path';
import type { ContainerStatsFilter, PodSandboxStats } from '../../../proto/cri.gen.ts';
import type { Init } from '../../../proto/message.ts';
import { containersOf, findContainer, findSandbox } from '../lifecycle/find.ts';
import type { Runtime } from '../runtime.ts';
import { containerStatsOf, countProcesses, fsUsage, readCpu, readIo, readMemory, readNetwork } from '../stats.ts';
import { nowNs } from '../store/id.ts';
import type { SandboxRecord } from '../store/records.ts';
import { selectContainers } from './container-list.ts';
import { selectSandboxes } from './pod-sandbox-list.ts';
import type { Verb } from './verb.ts';

export const containerStats: Verb<'ContainerStats'> = async (rt, req) => ({
  stats: await containerStatsOf(rt, findContainer(rt, req.container_id)),
});

const selectRunning = (rt: Runtime, filter: ContainerStatsFilter | null) =>
  selectContainers(rt, { ...filter, state: { state: 'CONTAINER_RUNNING' } });

export const listContainerStats: Verb<'ListContainerStats'> = async (rt, req) => ({
  stats: await Promise.all(selectRunning(rt, req.filter).map((c) => containerStatsOf(rt, c))),
});

export const podSandboxStats: Verb<'PodSandboxStats'> = async (rt, req) => ({
  stats: await sandboxStatsOf(rt, findSandbox(rt, req.pod_sandbox_id)),
});

export const listPodSandboxStats: Verb<'ListPodSandboxStats'> = async (rt, req) => {
  const ready = selectSandboxes(rt, { ...req.filter, state: { state: 'SANDBOX_READY' } });
  return { stats: await Promise.all(ready.map((s) => sandboxStatsOf(rt, s))) };
};

/** Use of the pod's own cgroup, which holds those of its containers; of the pause process when it has none. */
async function sandboxStatsOf(rt: Runtime, sandbox: SandboxRecord): Promise<Init<PodSandboxStats>> {
  const { id, config, pause } = sandbox;
  const timestamp = nowNs(rt.clock);
  const ownPath = rt.cgroups.pathOf(config.linux?.cgroup_parent ?? '', id);
  const path = config.linux?.cgroup_parent ? dirname(ownPath) : ownPath;
  const interfaces = pause && sandbox.ip ? readNetwork(pause.pid) : [];
  const containers = await Promise.all(containersOf(rt, id).map((c) => containerStatsOf(rt, c)));
  return {
    attributes: { id, metadata: config.metadata, labels: config.labels, annotations: config.annotations },
    linux: {
      cpu: readCpu(rt.cgroups, path, timestamp),
      memory: readMemory(rt.cgroups, path, timestamp),
      io: readIo(rt.cgroups, path, timestamp),
      network: { timestamp, default_interface: interfaces.find((i) => i.name === 'eth0') ?? null, interfaces },
      process: { timestamp, process_count: { value: String(countProcesses(rt.cgroups, path)) } },
      containers,
    },
  };
}

export const imageFsInfo: Verb<'ImageFsInfo'> = async (rt) => {
  const timestamp = nowNs(rt.clock);
  return {
    image_filesystems: [await fsUsage(rt.images.layers.dir, rt.images.layers.dir, timestamp)],
    container_filesystems: [await fsUsage(rt.containers.dir, rt.containers.dir, timestamp)],
  };
};
