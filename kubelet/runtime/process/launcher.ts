// Starts programs from a small process of its own. Node's fork copies the page tables of all its memory, which for a
// process of 100 MiB takes three to five milliseconds in which nothing else is done; a pod's life has a dozen of them.
import { type ChildProcess, spawn } from 'node:child_process';
import { launcherArguments } from './launcher-program.ts';

/** The environment of every program called: nothing of ours but a path. */
export const commandEnv = { PATH: '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin', LC_ALL: 'C.UTF-8' };

/** More than a pipe takes at once is not for the launcher. */
export const maxInputBytes = 16 * 1024;

export interface Launch {
  /** A program and its arguments, or one of the launcher's own verbs (`launcher-program.ts`). */
  argv: readonly string[];
  /** At most maxInputBytes. */
  input?: string | undefined;
  cwd?: string | undefined;
  /** The program has descriptor 3 (_OCI_SYNCPIPE says so) for one line, and its output is dropped. */
  reports?: boolean;
  signal?: AbortSignal | undefined;
}

export interface Ending {
  /** Null when a signal ended it. */
  exitCode: number | null;
  stdout: string;
  /** The first 2,000 bytes, and a little more. */
  stderr: string;
  /** The line that it reported. */
  report?: string;
}

interface Waiting {
  settle(ending: Ending): void;
  reject(err: Error): void;
}

const toHex = (text: string) => Buffer.from(text).toString('hex');
const fromHex = (digits = '') => Buffer.from(digits, 'hex').toString();

class Launcher {
  #process: ChildProcess | undefined;
  #waiting = new Map<string, Waiting>();
  #lastId = 0;
  #text: string[] = [];

  /**
   * Runs a program to its end; one that reports, until it has. Rejects when it is aborted, and when the launcher itself
   * ends; a program that cannot be run says so on stderr.
   */
  async launch({ argv, input = '', cwd = '', reports = false, signal }: Launch): Promise<Ending> {
    signal?.throwIfAborted();
    const id = String(++this.#lastId);
    const child = this.#start();
    const kill = () => child.stdin!.write(`kill ${id}\n`);
    signal?.addEventListener('abort', kill, { once: true });
    try {
      const ending = await new Promise<Ending>((settle, reject) => {
        this.#waiting.set(id, { settle, reject });
        this.#hold(child);
        child.stdin!.write(`${['run', id, ...[reports ? '1' : '', cwd, input, ...argv].map(toHex)].join(' ')}\n`);
      });
      signal?.throwIfAborted();
      return ending;
    } finally {
      signal?.removeEventListener('abort', kill);
      this.#waiting.delete(id);
      this.#hold(child);
    }
  }

  #start(): ChildProcess {
    if (this.#process) return this.#process;
    const child = spawn('perl', launcherArguments(), {
      cwd: '/',
      env: commandEnv,
      stdio: ['pipe', 'pipe', 'inherit'],
    });
    this.#process = child;
    this.#text = [];
    const fail = (cause?: Error) => {
      if (this.#process !== child) return;
      this.#process = undefined;
      for (const { reject } of this.#waiting.values()) reject(new Error('the launcher of programs ended', { cause }));
    };
    child.once('error', fail);
    child.once('close', () => fail());
    child.stdin!.on('error', () => undefined); // it has ended, which is told
    child.stdout!.setEncoding('latin1').on('data', (text: string) => this.#hear(text));
    return child;
  }

  /** A launcher with nothing to do keeps no process alive. */
  #hold(child: ChildProcess): void {
    const verb = this.#waiting.size > 0 ? 'ref' : 'unref';
    for (const part of [child, child.stdin, child.stdout] as unknown as { ref(): void; unref(): void }[]) part[verb]();
  }

  #hear(text: string): void {
    const lines = text.split('\n');
    this.#text.push(lines[0]!);
    if (lines.length === 1) return;
    lines[0] = this.#text.join('');
    this.#text = [lines.pop()!];
    for (const line of lines) this.#take(line.split(' '));
  }

  #take([id = '', what, ...fields]: string[]): void {
    const waiting = this.#waiting.get(id);
    if (!waiting) return;
    if (what === 'report') {
      waiting.settle({ exitCode: 0, stdout: '', stderr: '', report: fromHex(fields[0]) });
      return;
    }
    const [status, stdout, stderr] = fields;
    const isKilled = (Number(status) & 0x7f) !== 0;
    waiting.settle({
      exitCode: isKilled ? null : Number(status) >> 8,
      stdout: fromHex(stdout),
      stderr: fromHex(stderr),
    });
  }
}

/** The one of this process; it starts with the first program. */
export const launcher = new Launcher();
