// `k8ts kubectl [ARGUMENT...]`: the newest kubectl on PATH, pointed at a cluster. Debian 12's own is 1.20; of several
// the newest is taken, wherever on PATH it stands.
import { execFile, spawn } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { findPrograms } from '../host/programs.ts';
import { contextNameOf } from '../layout.ts';
import { UserError } from '../user-error.ts';
import { requireCluster } from './get.ts';

const versionTimeoutMs = 10_000;

export async function kubectl(args: string[], options: { name: string }): Promise<void> {
  const programs = findPrograms('kubectl');
  if (programs.length === 0) {
    throw new UserError('the command kubectl is missing', {
      hint: 'apt-get install kubernetes-client brings 1.20; a newer one on PATH is preferred.',
    });
  }
  const program = programs.length === 1 ? programs[0]! : await newest(programs);
  process.exitCode = await runThrough(program, ...accessOf(args, options.name));
}

/** Root has the administrator's own kubeconfig; everybody else the context that is in theirs. */
function accessOf(args: string[], cluster: string): [args: string[], env: NodeJS.ProcessEnv] {
  if (process.getuid?.() !== 0) return [['--context', contextNameOf(cluster), ...args], process.env];
  const kubeconfig = join(requireCluster(cluster).kubeconfigDir, 'admin.kubeconfig');
  return [args, { ...process.env, KUBECONFIG: kubeconfig }];
}

async function newest(programs: string[]): Promise<string> {
  const versions = await Promise.all(programs.map(async (file) => ({ file, version: await versionOf(file) })));
  return versions.reduce((best, one) => (isNewer(one.version, best.version) ? one : best)).file;
}

/** Major and minor version, or zeros for a program that does not tell. */
async function versionOf(file: string): Promise<[number, number]> {
  try {
    const asked = await promisify(execFile)(file, ['version', '--client', '-o', 'json'], { timeout: versionTimeoutMs });
    const { major, minor } = (JSON.parse(asked.stdout) as { clientVersion: Record<string, string> }).clientVersion;
    return [Number.parseInt(major!, 10), Number.parseInt(minor!, 10)];
  } catch {
    return [0, 0];
  }
}

const isNewer = (a: [number, number], b: [number, number]) => a[0] > b[0] || (a[0] === b[0] && a[1] > b[1]);

/** Runs a program at this terminal and returns its exit code. */
export function runThrough(program: string, args: string[], env: NodeJS.ProcessEnv, cwd = '.'): Promise<number> {
  const child = spawn(program, args, { cwd, stdio: 'inherit', env });
  // The terminal's signals reach both; the program decides what they mean.
  for (const signal of ['SIGINT', 'SIGQUIT'] as const) process.on(signal, () => {});
  for (const signal of ['SIGTERM', 'SIGHUP'] as const) process.on(signal, () => child.kill(signal));
  return new Promise((resolve, reject) => {
    child.once('error', reject);
    child.once('close', (code) => resolve(code ?? 1));
  });
}
