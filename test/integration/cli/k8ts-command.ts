// Runs ./k8ts in tests: every cluster gets a name of its own and a kubeconfig in a folder of its own, and is gone
// afterwards whatever happens.
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { ClusterStatus } from '../../../cli/commands/status.ts';

export const projectRoot = process.env.K8TS_ROOT ?? process.cwd();
const isRoot = process.getuid?.() === 0;
export const needsRoot = isRoot ? false : 'needs root';

export interface Outcome {
  code: number | null;
  stdout: string;
  stderr: string;
}

/** Runs the launcher to its end. A cluster is the same on a machine of many CPUs as on one of two. */
export function k8ts(args: string[], options: { env?: NodeJS.ProcessEnv; cwd?: string } = {}): Outcome {
  const isSized = args[0] !== 'up' || args.includes('--api-servers');
  const sized = isSized ? args : [...args, '--api-servers', '1'];
  const { status, stdout, stderr } = spawnSync(join(projectRoot, 'k8ts'), sized, {
    cwd: options.cwd ?? projectRoot,
    env: { ...process.env, ...options.env },
    encoding: 'utf8',
  });
  return { code: status, stdout, stderr };
}

/** A name for a cluster that no other test run on this machine has. */
export function clusterNameFor(test: string): string {
  return `t-${test}-${process.pid}`;
}

export interface TestCluster extends Disposable {
  name: string;
  kubeconfig: string;
  run(verb: 'up' | 'down', ...more: string[]): Outcome;
  status(): ClusterStatus;
  pidOf(component: string): number;
}

/** A cluster to bring up with run('up'); removed at the end of its block. */
export function testCluster(test: string): TestCluster {
  const name = clusterNameFor(test);
  const dir = mkdtempSync(join(tmpdir(), 'k8ts-test-'));
  const kubeconfig = join(dir, 'kubeconfig');
  const run = (verb: string, ...more: string[]) =>
    k8ts([verb, '--name', name, '--kubeconfig', kubeconfig, ...more], { env: { KUBECONFIG: kubeconfig } });
  return {
    name,
    kubeconfig,
    run,
    status: () => JSON.parse(k8ts(['status', '--name', name, '-o', 'json']).stdout) as ClusterStatus,
    pidOf: (component) => Number(readFileSync(`/run/k8ts/${name}/${component}.pid`, 'utf8')),
    [Symbol.dispose]() {
      run('down');
      rmSync(dir, { recursive: true, force: true });
    },
  };
}
