// How commands find, start and end a cluster's supervisor.

import { spawn } from 'node:child_process';
import { closeSync, mkdirSync, openSync } from 'node:fs';
import { dirname } from 'node:path';
import { stampOf } from '../host/files.ts';
import { endProcess, findByCommand, type ProcessRef } from '../host/processes.ts';
import { type Layout, unitFiles } from '../layout.ts';
import type { Program } from '../units.ts';
import { readProcesses } from './plan.ts';

/** The supervisor does little: a small young generation and no background compilation keep it small. */
const nodeFlags = ['--max-semi-space-size=1', '--max-old-space-size=32', '--v8-pool-size=0'];

function supervisorCommand(layout: Layout, program: Program): string[] {
  return [program.node, ...nodeFlags, program.bundle, 'supervise', layout.runDir];
}

export function findSupervisor(layout: Layout, program: Program): ProcessRef | undefined {
  return findByCommand(supervisorCommand(layout, program));
}

/** Starts the supervisor unless it runs. */
export function ensureSupervisor(layout: Layout, program: Program): void {
  if (findSupervisor(layout, program)) return;
  const { logFile } = unitFiles(layout, 'supervisor');
  mkdirSync(dirname(logFile), { recursive: true });
  const log = openSync(logFile, 'a', 0o640);
  const [node = '', ...args] = supervisorCommand(layout, program);
  spawn(node, args, { cwd: '/', env: componentEnv(process.env), stdio: ['ignore', log, log], detached: true }).unref();
  closeSync(log);
}

/** Ends the supervisor and nothing else. */
export async function endSupervisor(layout: Layout, program: Program): Promise<void> {
  const ref = findSupervisor(layout, program);
  if (ref) await endProcess(ref, 2_000);
}

/** Ends a supervisor of another build: the next one to be started is of this build and adopts all that runs. */
export async function endOutdatedSupervisor(layout: Layout, program: Program): Promise<void> {
  const revision = readProcesses(layout.processesFile)?.supervisorRevision;
  if (revision !== stampOf(program.bundle)) await endSupervisor(layout, program);
}

const passedOn =
  /^(PATH|LANG|LC_.*|TZ|(HTTPS?|NO|ALL)_PROXY|(https?|no|all)_proxy|SSL_CERT_(FILE|DIR)|NODE_EXTRA_CA_CERTS)$/;

/** What components get of the user's environment: enough to find programs and reach registries, nothing else. */
function componentEnv(env: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  return { HOME: '/root', ...Object.fromEntries(Object.entries(env).filter(([name]) => passedOn.test(name))) };
}
