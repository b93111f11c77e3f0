// A cluster of one checkout, for workloads: its own name and kubeconfig, gone afterwards.
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { readKubeconfig } from '../client/config.ts';
import { KubeClient } from '../client/rest.ts';
import { Transport } from '../client/transport.ts';
import { realClock } from '../machinery/clock.ts';

export class BenchCluster implements Disposable {
  readonly name: string;
  readonly #root: string;
  readonly #folder = mkdtempSync(join(tmpdir(), 'k8ts-bench-'));
  /** How long `k8ts up` took. */
  upMs = 0;

  constructor(root: string, name: string) {
    this.#root = root;
    this.name = name;
  }

  get kubeconfig(): string {
    return join(this.#folder, 'kubeconfig');
  }

  #run(...args: string[]): string {
    const env = { ...process.env, KUBECONFIG: this.kubeconfig };
    const { status, stdout, stderr } = spawnSync(join(this.#root, 'k8ts'), args, {
      cwd: this.#root,
      env,
      encoding: 'utf8',
    });
    if (status !== 0) throw new Error(`k8ts ${args.join(' ')} exited ${status}:\n${stdout}${stderr}`);
    return stdout;
  }

  get node(): string {
    return `${this.name}-control-plane`;
  }

  up(...more: string[]): void {
    const startMs = realClock.monotonicMs();
    this.#run('up', '--name', this.name, '--kubeconfig', this.kubeconfig, ...more);
    this.upMs = realClock.monotonicMs() - startMs;
  }

  load(archive: string): void {
    this.#run('load', 'image-archive', '--name', this.name, archive);
  }

  client(): KubeClient {
    return new KubeClient(readKubeconfig(this.kubeconfig), { userAgent: 'k8ts-bench', clock: realClock });
  }

  /** For requests whose answers are read as they are. */
  transport(): Transport {
    return new Transport(readKubeconfig(this.kubeconfig), { userAgent: 'k8ts-bench', clock: realClock });
  }

  /** Pids of everything the cluster runs besides pods, by component. */
  pids(): Map<string, number> {
    const status = JSON.parse(this.#run('status', '--name', this.name, '-o', 'json')) as {
      components: { name: string; pid?: number }[];
    };
    return new Map(status.components.flatMap((c) => (c.pid ? [[c.name, c.pid] as const] : [])));
  }

  [Symbol.dispose](): void {
    if (this.upMs > 0) this.#run('down', '--name', this.name, '--kubeconfig', this.kubeconfig);
    rmSync(this.#folder, { recursive: true, force: true });
  }
}

/** A process and everything below it. */
export function processTree(pid: number): number[] {
  try {
    const children = readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8')
      .trim()
      .split(' ')
      .filter(Boolean)
      .map(Number);
    return [pid, ...children.flatMap(processTree)];
  } catch {
    return []; // it has ended meanwhile
  }
}

/** Proportional set size in MiB. */
export const pssMib = (pid: number): number => sizeMib(pid, 'Pss');

/** The part of it that is no file: other processes that run the same program do not matter to it. */
export const anonymousMib = (pid: number): number => sizeMib(pid, 'Pss_Anon');

function sizeMib(pid: number, field: string): number {
  try {
    const match = new RegExp(`^${field}: +(\\d+)`, 'm').exec(readFileSync(`/proc/${pid}/smaps_rollup`, 'utf8'));
    return Number(match?.[1] ?? 0) / 1024;
  } catch {
    return 0; // it has ended meanwhile
  }
}

const ticksPerSecond = 100;

/** CPU seconds a process has used. */
export function cpuSeconds(pid: number): number {
  try {
    const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1]!.split(' ');
    return (Number(fields[11]) + Number(fields[12])) / ticksPerSecond;
  } catch {
    return 0; // it has ended meanwhile
  }
}

/** What processes use of one core, in percent, over so many seconds from now. */
export async function cpuShares(pids: readonly number[], seconds: number): Promise<number[]> {
  const before = pids.map(cpuSeconds);
  await realClock.sleep(seconds * 1000);
  return pids.map((pid, i) => (100 * (cpuSeconds(pid) - before[i]!)) / seconds);
}
