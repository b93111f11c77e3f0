// The root of the host's version 2 tree, which is not ours: what clusters need of it is switched on before the first
// one comes and off again once the last has gone. In a container with a control group namespace of its own, the root
// holds the container's processes, and a group that hands controllers down may hold none: they step aside meanwhile.
// https://docs.kernel.org/admin-guide/cgroup-v2.html#no-internal-process-constraint
import { existsSync, mkdirSync, readFileSync, rmdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { messageOf } from '../../machinery/errors.ts';
import { errnoOf, UserError } from '../user-error.ts';
import { type CgroupTrees, controllersOf, neededControllers } from './cgroups.ts';
import { readIfExists, writeFileAtomic } from './files.ts';

/** What was changed at the root, to be undone. */
interface RootChanges {
  controllers: string[];
  steppedAside: boolean;
}

/** Without these there are no pods; the others are used where they are there. */
const requiredControllers = ['cpu', 'memory', 'pids'];
const asideGroup = 'k8ts-aside';
const moveRounds = 10; // processes may fork while they are moved

const rootOf = (trees: CgroupTrees) => (trees.version === 2 ? trees.hierarchies[0]?.mountPoint : undefined);

/** Lets groups below the root have the controllers they need, and notes in `recordFile` what that changed. */
export function openCgroupRoot(trees: CgroupTrees, recordFile: string): void {
  const root = rootOf(trees);
  if (root === undefined) return;
  const available = controllersOf(root, 'cgroup.controllers');
  const lacking = requiredControllers.filter((name) => !available.includes(name));
  if (lacking.length > 0) {
    throw new UserError(`control groups here lack the ${lacking.join(', ')} controller`, {
      hint: 'The kernel may have it switched off (cgroup_disable= on its command line), or a container was not given it.',
    });
  }
  const enabled = controllersOf(root, 'cgroup.subtree_control');
  const missing = neededControllers.filter((name) => available.includes(name) && !enabled.includes(name));
  if (missing.length === 0) return;
  // The real root may hold processes; it alone has no such file.
  const mustBeEmpty = existsSync(join(root, 'cgroup.events')) && pidsOf(root).length > 0;
  const known = readRecord(recordFile);
  writeFileAtomic(
    recordFile,
    JSON.stringify({
      controllers: [...new Set([...known.controllers, ...missing])],
      steppedAside: known.steppedAside || mustBeEmpty,
    }),
    { mode: 0o600, durable: false },
  );
  if (mustBeEmpty) movePids(root, join(root, asideGroup));
  for (const name of missing) enable(root, name);
}

/** Undoes what is noted in `recordFile`. What others have come to use in the meantime stays on. */
export function closeCgroupRoot(trees: CgroupTrees, recordFile: string): void {
  const root = rootOf(trees);
  if (root !== undefined) {
    const { controllers, steppedAside } = readRecord(recordFile);
    for (const name of controllers) {
      try {
        writeFileSync(join(root, 'cgroup.subtree_control'), `-${name}`);
      } catch (err) {
        if (errnoOf(err) !== 'EBUSY') throw err;
      }
    }
    if (steppedAside && controllersOf(root, 'cgroup.subtree_control').length === 0) {
      movePids(join(root, asideGroup), root);
      rmdirSync(join(root, asideGroup));
    }
  }
  rmSync(recordFile, { force: true });
}

function readRecord(file: string): RootChanges {
  return JSON.parse(readIfExists(file) ?? '{"controllers":[],"steppedAside":false}') as RootChanges;
}

function enable(root: string, controller: string): void {
  try {
    writeFileSync(join(root, 'cgroup.subtree_control'), `+${controller}`);
  } catch (err) {
    throw new UserError(`cannot use the ${controller} controller of ${root}: ${messageOf(err)}`, {
      hint: 'Control groups must be writable: in a container, run it privileged.',
      cause: err,
    });
  }
}

function pidsOf(group: string): string[] {
  return readFileSync(join(group, 'cgroup.procs'), 'utf8').split('\n').filter(Boolean);
}

function movePids(from: string, to: string): void {
  if (!existsSync(from)) return;
  mkdirSync(to, { recursive: true });
  for (let round = 0; round < moveRounds; round++) {
    const pids = pidsOf(from);
    if (pids.length === 0) return;
    for (const pid of pids) {
      try {
        writeFileSync(join(to, 'cgroup.procs'), pid);
      } catch (err) {
        if (errnoOf(err) === 'ESRCH') continue; // it has ended
        throw new UserError(`process ${pid} cannot be moved out of the control group ${from}: ${messageOf(err)}`, {
          hint: 'A group that hands controllers down may hold no processes. Start the container with an init of its own, or with --cgroupns=host.',
          cause: err,
        });
      }
    }
  }
  throw new UserError(`new processes keep coming into the control group ${from}`);
}
