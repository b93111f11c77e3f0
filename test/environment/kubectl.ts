// The kubectls that the tests run: the one on the machine, and Debian 12's own 1.20 (unpacked, not installed).
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { realClock } from '../../machinery/clock.ts';
import { debianProgram } from '../images/debian-tree.ts';

export interface Outcome {
  code: number | null;
  stdout: string;
  stderr: string;
}

/** The path of Debian 12's kubectl, 1.20. */
export const oldKubectl = (): string => debianProgram('kubernetes-client', 'usr/bin/kubectl');

const oldestMinorOfToday = 30;

/** Why tests in the words of today's kubectl cannot run here, or false: a machine may have no other than Debian's. */
export const needsNewKubectl = ((): string | false => {
  const { stdout } = spawnSync('kubectl', ['version', '--client', '-o', 'json'], { encoding: 'utf8' });
  const [, minor = '0'] = /"minor": *"(\d+)/.exec(stdout ?? '') ?? [];
  return Number(minor) < oldestMinorOfToday ? `kubectl here is not 1.${oldestMinorOfToday} or newer` : false;
})();

export class Kubectl {
  readonly #program: string;
  readonly #kubeconfig: string;

  readonly #extraEnv: Record<string, string>;

  constructor(kubeconfig: string, program = 'kubectl', extraEnv: Record<string, string> = {}) {
    this.#kubeconfig = kubeconfig;
    this.#program = program;
    this.#extraEnv = extraEnv;
  }

  get program(): string {
    return this.#program;
  }

  #env(): NodeJS.ProcessEnv {
    return { ...process.env, KUBECONFIG: this.#kubeconfig, ...this.#extraEnv };
  }

  /** Runs to its end, at most fifteen minutes: a machine may be slow. */
  run(args: string[], input?: string): Outcome {
    const options = {
      env: this.#env(),
      encoding: 'utf8',
      timeout: 900_000,
      maxBuffer: 64 * 1024 * 1024, // metrics have a megabyte and more
      ...(input === undefined ? {} : { input }),
    } as const;
    const { status, signal, error, stdout, stderr } = spawnSync(this.#program, args, options);
    const why = status === null ? `kubectl was ended: ${error?.message ?? signal}` : '';
    return { code: status, stdout, stderr: `${stderr ?? ''}${why}` };
  }

  /** The output of a command that must succeed. */
  get(...args: string[]): string {
    const { code, stdout, stderr } = this.run(args);
    if (code !== 0) throw new Error(`kubectl ${args.join(' ')} exited ${code}: ${stderr}`);
    return stdout;
  }

  /** An object as JSON. */
  json(...args: string[]): any {
    return JSON.parse(this.get(...args, '-o', 'json'));
  }

  apply(manifest: object | string, ...args: string[]): string {
    const text = typeof manifest === 'string' ? manifest : JSON.stringify(manifest);
    const { code, stdout, stderr } = this.run(['apply', '-f', '-', ...args], text);
    if (code !== 0) throw new Error(`kubectl apply exited ${code}: ${stderr}`);
    return stdout;
  }

  /** Starts a command that goes on: logs -f, port-forward, exec -i. */
  start(args: string[]): ChildProcess {
    return spawn(this.#program, args, { env: this.#env(), stdio: ['pipe', 'pipe', 'pipe'] });
  }

  /** Starts a command at a terminal of its own; what it prints comes on stdout. */
  startAtTerminal(args: string[]): ChildProcess {
    const command = [this.#program, ...args].map((a) => `'${a.replaceAll("'", `'\\''`)}'`).join(' ');
    return spawn('script', ['-qefc', command, '/dev/null'], { env: this.#env(), stdio: ['pipe', 'pipe', 'pipe'] });
  }
}

/** Asks again until `check` gives something, at most so long. For what no watch tells from outside. */
export async function eventually<T>(
  what: string,
  check: () => T | undefined | Promise<T | undefined>,
  timeoutMs = 300_000,
): Promise<T> {
  const deadline = realClock.monotonicMs() + timeoutMs;
  let last: unknown;
  while (realClock.monotonicMs() < deadline) {
    const startedMs = realClock.monotonicMs();
    try {
      const found = await check();
      if (found !== undefined && found !== false) return found;
    } catch (err) {
      last = err;
    }
    // Asking takes no more than half of a slow machine.
    await realClock.sleep(Math.max(100, realClock.monotonicMs() - startedMs));
  }
  throw new Error(`not in ${timeoutMs / 1000} s: ${what}`, { cause: last });
}
