// Whether sandboxes can have user namespaces here. Kernel and file systems have a say (overlayfs maps ids from Linux 5.19
// on, tmpfs from 6.3), so one is made with what a pod's needs. Where that fails, the node says that it has none.
import { type ChildProcess, spawn } from 'node:child_process';
import { mkdirSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { PodSandboxConfig } from '../../../proto/cri.gen.ts';
import { asInvalid, describeError, failedPrecondition } from '../errors.ts';
import { mountIdMapped } from '../process/id-mapped-mount.ts';
import { commandEnv } from '../process/launcher.ts';
import { mountOverlay, mountTmpfs } from '../process/mount.ts';
import type { Runtime } from '../runtime.ts';
import { idMappingsOf } from '../spec/user-namespace.ts';
import { newId } from '../store/id.ts';
import { mountsDirOf } from './bundle-mounts.ts';
import { eraseLeftover } from './recover.ts';

/** Throws for a sandbox that wants a user namespace of its own and cannot have it. */
export async function requireUserNamespaces(rt: Runtime, config: PodSandboxConfig | null): Promise<void> {
  if (!config || !asInvalid(() => idMappingsOf(config))) return;
  const problem = await rt.userNamespaceProblem();
  if (problem) throw failedPrecondition(`user namespaces are not supported by this runtime: ${problem}`);
}

/** Makes a user namespace and mounts with its ids, and takes all of it away. Answers what did not work. */
export async function findUserNamespaceProblem(rt: Runtime): Promise<string | undefined> {
  const id = newId();
  // It ends with its input: also when we are killed.
  const holder = spawn('unshare', ['--user', 'sh', '-c', 'echo made; exec cat'], { env: commandEnv });
  try {
    await untilMade(holder);
    for (const kind of ['uid', 'gid']) writeFileSync(`/proc/${holder.pid}/${kind}_map`, `0 ${firstId} ${firstId}`);
    await tryMounts(rt, mountsDirOf(rt, id), `/proc/${holder.pid}/ns/user`);
    return undefined;
  } catch (err) {
    const problem = describeError(err);
    rt.log.warn({ problem }, 'pods cannot have user namespaces');
    return problem;
  } finally {
    holder.stdin!.destroy();
    await eraseLeftover(rt, id);
  }
}

const firstId = 65_536;

function untilMade(holder: ChildProcess): Promise<void> {
  return new Promise((resolve, reject) => {
    let complaint = '';
    holder.stderr!.on('data', (chunk) => {
      complaint += chunk;
    });
    holder.once('error', reject);
    holder.once('close', () => reject(new Error(complaint.trim() || 'unshare ended')));
    holder.stdout!.once('data', () => resolve());
  });
}

/** A stack of layers, and a file system in memory. */
async function tryMounts(rt: Runtime, dir: string, userNamespace: string): Promise<void> {
  const at = (name: string) => join(dir, name);
  for (const name of ['empty', 'layers', 'root', 'memory', 'shown']) mkdirSync(at(name), { recursive: true });
  await mountTmpfs(at('memory'), 'size=4k');
  await mountIdMapped(userNamespace, [
    { source: rt.images.layers.dir, target: at('layers') },
    { source: at('memory'), target: at('shown') },
  ]);
  await mountOverlay({ lowerDirs: `.:${at('empty')}`, cwd: at('layers'), target: at('root') });
  const stranger = ['root', 'shown'].find((name) => statSync(at(name)).uid !== firstId);
  if (stranger) throw new Error(`the ids of ${stranger} are not mapped`);
}
