// ContainerStatus: all that is known of a container. NOT_FOUND when there is none.
import type { ContainerStatus } from '../../../proto/cri.gen.ts';
import type { Init } from '../../../proto/message.ts';
import { findContainer } from '../lifecycle/find.ts';
import type { Runtime } from '../runtime.ts';
import { signalName } from '../spec/signal.ts';
import { type ContainerRecord, stateOf } from '../store/records.ts';
import type { Verb } from './verb.ts';

export const containerStatus: Verb<'ContainerStatus'> = async (rt, req) => {
  const container = findContainer(rt, req.container_id);
  return { status: statusOf(rt, container), info: req.verbose ? describeVerbosely(container) : {} };
};

export function statusOf(rt: Runtime, c: ContainerRecord): Init<ContainerStatus> {
  const { uid, gid, supplementalGroups } = c.user;
  // By a name, where the image has one: users read it in the status of their pod.
  const [tag] = rt.images.find(c.imageId)?.tags.toSorted() ?? [];
  return {
    id: c.id,
    metadata: c.config.metadata,
    state: stateOf(c),
    created_at: c.createdAtNs,
    started_at: c.startedAtNs ?? '0',
    finished_at: c.finishedAtNs ?? '0',
    exit_code: c.exitCode ?? 0,
    image: tag ? { image: tag } : c.config.image,
    image_ref: c.imageRef,
    image_id: c.imageId,
    reason: c.reason ?? '',
    message: c.message ?? '',
    labels: c.config.labels,
    annotations: c.config.annotations,
    mounts: c.config.mounts,
    log_path: c.logPath,
    resources: c.resources ? { linux: c.resources } : null,
    user: { linux: { uid: `${uid}`, gid: `${gid}`, supplemental_groups: supplementalGroups.map(String) } },
    stop_signal: signalName(c.stopSignal),
  };
}

function describeVerbosely(c: ContainerRecord): Record<string, string> {
  // Environment values may be secrets and are left out.
  const { envs: _, ...config } = c.config;
  return { info: JSON.stringify({ sandboxID: c.sandboxId, pid: c.process?.pid ?? 0, cgroup: c.cgroupPath, config }) };
}
