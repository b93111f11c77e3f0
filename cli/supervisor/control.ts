// How commands find, start and end a cluster's supervisor.

import { spawn } from 'node:child_process';
import { closeSync, mkdirSync, openSync } from 'node:fs';
import { dirname } from 'node:path';
import { realClock } from '../../machinery/clock.ts';
import { makeGroup, procsFiles, removeGroup } from '../host/cgroups.ts';
import { stampOf } from '../host/files.ts';
import { endProcess, findMember, isStopped, type ProcessRef } from '../host/processes.ts';
import { type Layout, unitFiles } from '../layout.ts';
import type { Program, UnitContext } from '../units.ts';
import { UserError } from '../user-error.ts';
import { askPatiently, type LivenessFailure, probeLiveness } from './liveness.ts';
import { readProcesses } from './plan.ts';
import { joinGroups } from './spawn.ts';

/** The supervisor does little: a small young generation and no background compilation keep it small. */
const nodeFlags = ['--max-semi-space-size=1', '--max-old-space-size=32', '--v8-pool-size=0'];

function supervisorCommand(layout: Layout, program: Program): string[] {
  return [program.node, ...nodeFlags, program.bundle, 'supervise', layout.runDir];
}

export function findSupervisor({ layout, program, trees }: UnitContext): ProcessRef | undefined {
  return findMember(procsFiles(trees, layout.supervisorCgroup), supervisorCommand(layout, program));
}

/** Undefined while the supervisor answers, else what is wrong with it. */
export async function probeSupervisor(
  layout: Layout,
  ref: ProcessRef,
  timeoutMs: number,
): Promise<LivenessFailure | undefined> {
  if (isStopped(ref)) return { silent: true, reason: 'was stopped by a signal' };
  return probeLiveness({ socket: layout.supervisorSocket, path: '/livez' }, timeoutMs);
}

const startTimeoutMs = 30_000;
const lookEveryMs = 5;

/**
 * Starts the supervisor unless it runs. In a control group of the cluster and a session of its own, so that it does
 * not end with the login or the service that started it.
 */
export async function ensureSupervisor(context: UnitContext): Promise<void> {
  const { layout, program, trees } = context;
  if (findSupervisor(context)) return;
  await removeGroup(trees, layout.supervisorCgroup); // a keeper that is left would start another
  makeGroup(trees, layout.supervisorCgroup);
  const { logFile } = unitFiles(layout, 'supervisor');
  mkdirSync(dirname(logFile), { recursive: true });
  const log = openSync(logFile, 'a', 0o640);
  const groups = procsFiles(trees, layout.supervisorCgroup);
  const [file = '', ...args] = joinGroups(groups, supervisorCommand(layout, program));
  const env = componentEnv(process.env);
  const child = spawn(file, args, { cwd: '/', env, stdio: ['ignore', log, log], detached: true });
  closeSync(log);
  let failure: string | undefined;
  child.once('error', (err) => {
    failure = err.message;
  });
  child.once('exit', (code, signal) => {
    failure = `it ended with ${signal ?? `exit code ${code}`}`;
  });
  child.unref();
  const deadline = realClock.monotonicMs() + startTimeoutMs;
  while (!findMember(groups, supervisorCommand(layout, program))) {
    if (failure === undefined && realClock.monotonicMs() > deadline) failure = 'it takes too long';
    if (failure !== undefined) {
      throw new UserError(`the supervisor cannot be started: ${failure}`, { hint: `Its log is ${logFile}.` });
    }
    await realClock.sleep(lookEveryMs);
  }
}

const graceMs = 2_000;

/** Ends the supervisor and what brings it back, and nothing else. */
export async function endSupervisor(context: UnitContext): Promise<void> {
  const ref = findSupervisor(context);
  if (ref) await endProcess(ref, graceMs);
  await removeGroup(context.trees, context.layout.supervisorCgroup);
}

/** Ends a supervisor of another build, or one that hangs: the next one adopts all that runs. */
export async function endUnfitSupervisor(context: UnitContext, timeoutMs: number): Promise<void> {
  const { layout, program } = context;
  const ref = findSupervisor(context);
  const isOutdated = readProcesses(layout.processesFile)?.supervisorRevision !== stampOf(program.bundle);
  const isSilent = async (known: ProcessRef) =>
    (await askPatiently(known, timeoutMs, (ms) => probeSupervisor(layout, known, ms)))?.silent === true;
  if (isOutdated || (ref && (await isSilent(ref)))) await endSupervisor(context);
}

const passedOn =
  /^(PATH|LANG|LC_.*|TZ|(HTTPS?|NO|ALL)_PROXY|(https?|no|all)_proxy|SSL_CERT_(FILE|DIR)|NODE_EXTRA_CA_CERTS|K8TS_LIVENESS)$/;

/**
 * What components get of the user's environment: enough to find programs and reach registries, nothing else. As those
 * written in Go they trust whom the machine trusts (`update-ca-certificates`), where nobody says whom to trust.
 */
export function componentEnv(env: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  return {
    HOME: '/root',
    NODE_USE_SYSTEM_CA: '1',
    ...Object.fromEntries(Object.entries(env).filter(([name]) => passedOn.test(name))),
  };
}
