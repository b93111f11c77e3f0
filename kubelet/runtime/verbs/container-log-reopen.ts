// ReopenContainerLog: after the kubelet renamed the log. conmon makes the new file at once; we wait until it is there.
import { existsSync } from 'node:fs';
import { basename, dirname } from 'node:path';
import { watchFolder } from '../../../machinery/watch-folder.ts';
import { deadlineExceeded } from '../errors.ts';
import { findRunningContainer } from '../lifecycle/find.ts';
import { bundleDirOf } from '../lifecycle/paths.ts';
import { sendControl } from '../process/conmon.ts';
import type { Verb } from './verb.ts';

const reopenTimeoutMs = 5_000;

export const reopenContainerLog: Verb<'ReopenContainerLog'> = async (rt, req) => {
  const { id, logPath } = findRunningContainer(rt, req.container_id);
  if (logPath === '') return {};
  const { promise: created, resolve: appeared } = Promise.withResolvers<void>();
  const watcher = watchFolder(dirname(logPath), (_event, name) => {
    if (name === basename(logPath) && existsSync(logPath)) appeared();
  });
  try {
    sendControl(bundleDirOf(rt, id), '2 0 0');
    if (existsSync(logPath)) return {};
    await Promise.race([created, rt.clock.sleep(reopenTimeoutMs)]);
    if (!existsSync(logPath)) throw deadlineExceeded(`the log of container ${id} was not reopened`);
    return {};
  } finally {
    watcher.close();
  }
};
