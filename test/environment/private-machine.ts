// A machine within the machine: processes, mounts, links, routes, tables and /run and /var/lib of its own, so that
// everything in it can be listed, or killed, without meeting what else goes on. Control groups are the host's.
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { findDescendant, type ProcessRef } from '../../cli/host/processes.ts';
import { realClock } from '../../machinery/clock.ts';
import type { Outcome } from './kubectl.ts';

const ownNamespaces = ['--mount', '--net', '--pid', '--ipc', '--uts'];
/** Reaps what it is given and does nothing else. */
const init = ['catatonit', '-P'];
const bootTimeoutMs = 5_000;

/** What stands on a machine, each kind of thing as sorted lines. */
export type Snapshot = Record<string, string[]>;

// Counters, caches and numbers that the kernel makes up. The rest of /proc/sys is what somebody set.
const volatileSysctls =
  /^\/proc\/sys\/(fs\/(dentry-state|file-nr|inode-nr|inode-state|aio-nr|quota\/)|kernel\/(ns_last_pid|random\/|pty\/nr|perf_event_max_sample_rate|sched_domain)|net\/netfilter\/nf_conntrack_count)/;

export class PrivateMachine implements Disposable {
  readonly #unshare: ChildProcess;
  readonly #env: NodeJS.ProcessEnv;
  readonly #enter: string[];

  private constructor(unshare: ChildProcess, first: ProcessRef, env: NodeJS.ProcessEnv) {
    this.#unshare = unshare;
    this.#env = { ...process.env, ...env };
    this.#enter = ['--target', String(first.pid), ...ownNamespaces, `--wd=${process.cwd()}`, '--'];
  }

  static async boot(env: NodeJS.ProcessEnv): Promise<PrivateMachine> {
    const args = [...ownNamespaces, '--fork', '--mount-proc', '--kill-child', ...init];
    const unshare = spawn('unshare', args, { stdio: 'ignore' });
    const deadline = realClock.monotonicMs() + bootTimeoutMs;
    for (;;) {
      const first = unshare.pid === undefined ? undefined : findDescendant(unshare.pid, init);
      if (first) return new PrivateMachine(unshare, first, env).#prepare();
      if (realClock.monotonicMs() > deadline) throw new Error('the private machine did not start');
      await realClock.sleep(5);
    }
  }

  #prepare(): this {
    this.get('mount', '-t', 'tmpfs', 'tmpfs', '/run');
    this.get('mount', '-t', 'tmpfs', 'tmpfs', '/var/lib');
    this.get('ip', 'link', 'set', 'lo', 'up');
    return this;
  }

  /** Starts a command on the machine. */
  start(command: string, ...args: string[]): ChildProcess {
    return spawn('nsenter', [...this.#enter, command, ...args], {
      env: this.#env,
      stdio: ['ignore', 'pipe', 'pipe'],
    });
  }

  /** Starts a command that writes into a file what it has to say: nobody has to read it. */
  startWithLog(log: string, command: string, ...args: string[]): void {
    this.start('sh', '-c', 'exec >>"$0" 2>&1; exec "$@"', log, command, ...args).unref();
  }

  /** Runs a command on the machine to its end. */
  run(command: string, ...args: string[]): Outcome {
    const { status, stdout, stderr } = spawnSync('nsenter', [...this.#enter, command, ...args], {
      env: this.#env,
      encoding: 'utf8',
      maxBuffer: 64 * 1024 * 1024,
    });
    return { code: status, stdout, stderr };
  }

  /** The output of a command that must succeed. */
  get(command: string, ...args: string[]): string {
    const { code, stdout, stderr } = this.run(command, ...args);
    if (code !== 0) throw new Error(`${command} ${args.join(' ')} exited ${code}: ${stderr}`);
    return stdout;
  }

  /** SIGKILL for every process of the machine but its first. */
  killAll(): void {
    // It fails where there is none.
    this.run('sh', '-c', 'kill -KILL -1');
  }

  /** Everything that a cluster could leave. Of control groups of clusters, only those of `cluster` count. */
  snapshot(cluster: string): Snapshot {
    const lines = (text: string) =>
      text
        .split('\n')
        .filter((line) => line !== '')
        .sort();
    const mounts = this.get('cat', '/proc/self/mountinfo').replace(/^\d+ \d+ \d+:\d+ /gm, '');
    const groups = lines(this.get('find', '/sys/fs/cgroup', '-type', 'd'));
    const settings = this.run('grep', '-rs', '.', '/proc/sys').stdout; // some files can only be written
    return {
      processes: lines(this.get('ps', '-eo', 'args')),
      mounts: lines(mounts),
      namespaces: lines(this.get('lsns', '--noheadings', '--output', 'TYPE,COMMAND')),
      links: lines(this.get('ip', '-oneline', 'address')),
      routes: lines(this.get('ip', 'route', 'show', 'table', 'all')),
      rules: lines(this.get('ip', 'rule')),
      sysctls: lines(settings).filter((line) => !volatileSysctls.test(line)),
      tables: lines(this.get('nft', 'list', 'ruleset')),
      groups: groups.filter((path) => path.includes(cluster) || !path.includes('/k8ts')),
      files: lines(this.get('find', '/run', '/var/lib')),
    };
  }

  /** Ends the machine and all in it. */
  [Symbol.dispose](): void {
    this.#unshare.kill('SIGKILL');
  }
}
