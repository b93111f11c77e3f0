// StartContainer: a conmon, the process below it, go. A container starts once; one that cannot start counts as exited
// with code 128 and reason StartError, and the error says why.
import { rmSync } from 'node:fs';
import { failedPrecondition } from '../errors.ts';
import { releaseContainer } from '../lifecycle/container-end.ts';
import { findContainer, findReadySandbox } from '../lifecycle/find.ts';
import { bundleDirOf, exitFileOf, outputLogOf } from '../lifecycle/paths.ts';
import { conmonPaths } from '../process/conmon.ts';
import type { Runtime } from '../runtime.ts';
import { nowNs } from '../store/id.ts';
import { type ContainerRecord, stateOf } from '../store/records.ts';
import type { Verb } from './verb.ts';

const startErrorExitCode = 128;

export const startContainer: Verb<'StartContainer'> = async (rt, req) => {
  const { id } = findContainer(rt, req.container_id);
  await rt.locks.run(id, async () => {
    const container = findContainer(rt, id);
    const state = stateOf(container);
    if (state !== 'CONTAINER_CREATED') throw failedPrecondition(`container "${id}" is in ${state} state`);
    findReadySandbox(rt, container.sandboxId);
    try {
      await launch(rt, container);
    } catch (err) {
      await noteStartError(rt, container, err as Error);
      throw err;
    }
  });
  return {};
};

async function launch(rt: Runtime, container: ContainerRecord): Promise<void> {
  const { id, config } = container;
  // A start before this one, cut off when the runtime was killed, may have left an end behind that is not this one's.
  for (const report of [exitFileOf(rt, id), conmonPaths(bundleDirOf(rt, id)).exitCopy]) rmSync(report, { force: true });
  const process = await rt.oci.create({
    id,
    bundleDir: bundleDirOf(rt, id),
    exitDir: rt.paths.exitDir,
    logPath: outputLogOf(rt, container),
    tty: config.tty,
    stdin: config.stdin,
    stdinOnce: config.stdin_once,
  });
  // On record before it runs: a runtime killed in between finds the process, and starts it if it does not run yet.
  rt.containers.update(id, { process, startedAtNs: nowNs(rt.clock) });
  await rt.oci.start(id);
  rt.events.publish({
    id,
    sandboxId: container.sandboxId,
    type: 'CONTAINER_STARTED_EVENT',
    atNs: rt.containers.get(id)!.startedAtNs!,
  });
}

async function noteStartError(rt: Runtime, container: ContainerRecord, err: Error): Promise<void> {
  const { id, sandboxId } = container;
  const finishedAtNs = nowNs(rt.clock);
  const end = { finishedAtNs, exitCode: startErrorExitCode, reason: 'StartError', message: err.message };
  rt.containers.update(id, { startedAtNs: '0', ...end });
  rt.events.publish({ id, sandboxId, type: 'CONTAINER_STOPPED_EVENT', atNs: finishedAtNs });
  await releaseContainer(rt, id);
}
