// A virtual machine under QEMU: booted from a throw-away copy of an image, reached by ssh on a port of loopback, and
// without any other way in or out.
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { accessSync, closeSync, constants, existsSync, mkdtempSync, openSync, readFileSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { realClock } from '../../machinery/clock.ts';
import type { Outcome } from '../environment/kubectl.ts';
import { ownArchitecture } from '../images/debian-tree.ts';
import { hardware, type VmImage } from './image.ts';

export interface VmOptions {
  memoryMib?: number;
  /** Files that are further disks, read-only: /dev/vdb and so on. */
  disks?: readonly string[];
}

export interface RunOptions {
  user?: 'root' | 'user';
  input?: string;
  timeoutMs?: number;
}

type Accelerator = 'kvm' | 'tcg';

// Emulated, a boot takes half a minute on an idle machine. With KVM it takes seconds, or it never ends.
const bootTimeoutMs: Record<Accelerator, number> = { kvm: 30_000, tcg: 1_200_000 };
let usable: Accelerator[] | undefined;

/** What to try, in order: a device that is there need not work. */
function usableAccelerators(): Accelerator[] {
  try {
    accessSync('/dev/kvm', constants.R_OK | constants.W_OK);
    return ['kvm', 'tcg'];
  } catch {
    return ['tcg'];
  }
}

/** Boots a machine; resolves when one can log in. `await using vm = await Vm.boot(image)`. */
export class Vm implements AsyncDisposable {
  readonly #folder: string;
  readonly #image: VmImage;
  readonly #port: number;
  readonly #qemu: ChildProcess;

  private constructor(folder: string, image: VmImage, port: number, qemu: ChildProcess) {
    this.#folder = folder;
    this.#image = image;
    this.#port = port;
    this.#qemu = qemu;
  }

  static async boot(image: VmImage, options: VmOptions = {}): Promise<Vm> {
    usable ??= usableAccelerators();
    const accelerators: Accelerator[] = image.architecture === ownArchitecture ? usable : ['tcg'];
    for (;;) {
      const accelerator = accelerators[0]!;
      const vm = await Vm.#start(image, accelerator, options);
      try {
        await vm.#untilLogin(bootTimeoutMs[accelerator]);
        return vm;
      } catch (err) {
        await vm[Symbol.asyncDispose]();
        if (accelerators.length === 1) throw err;
        accelerators.shift();
      }
    }
  }

  static async #start(image: VmImage, accelerator: Accelerator, wanted: VmOptions): Promise<Vm> {
    const folder = mkdtempSync(join(tmpdir(), 'k8ts-vm-'));
    const disk = join(folder, 'disk.qcow2');
    must('qemu-img', ['create', '-q', '-f', 'qcow2', '-F', 'raw', '-b', image.disk, disk]);
    const port = await freePort();
    const { emulator, options, kernel } = hardware[image.architecture];
    const args = [
      ...['-accel', accelerator === 'tcg' ? 'tcg,thread=multi' : 'kvm', ...options, '-smp', '2'],
      ...['-m', String(wanted.memoryMib ?? 3072), '-display', 'none', '-no-user-config', '-nodefaults'],
      ...['-kernel', image.kernel, '-initrd', image.initrd, '-append', `root=/dev/vda rw ${kernel}`],
      ...['-drive', `file=${disk},if=virtio,cache=unsafe,werror=report`],
      ...(wanted.disks ?? []).flatMap((file) => ['-drive', `file=${file},if=virtio,format=raw,readonly=on`]),
      ...['-netdev', `user,id=net,restrict=on,hostfwd=tcp:127.0.0.1:${port}-:22`],
      ...['-device', 'virtio-net-pci,netdev=net,romfile=', '-serial', `file:${join(folder, 'console.log')}`],
    ];
    const log = openSync(join(folder, 'qemu.log'), 'w');
    // It ends with us, also when we are killed: a test that takes too long is.
    const command = ['--pdeathsig', 'KILL', emulator, ...args];
    const qemu = spawn('setpriv', command, { stdio: ['ignore', log, log] });
    closeSync(log);
    process.once('exit', () => qemu.kill('SIGKILL'));
    return new Vm(folder, image, port, qemu);
  }

  /** What the machine has written to its console. */
  get console(): string {
    const files = ['qemu.log', 'console.log'].map((name) => join(this.#folder, name));
    return files.map((file) => (existsSync(file) ? readFileSync(file, 'utf8') : '')).join('');
  }

  get #isRunning(): boolean {
    return this.#qemu.exitCode === null && this.#qemu.signalCode === null;
  }

  /** Runs a shell command to its end. A connection that fails counts as exit code 255. */
  async run(command: string, options: RunOptions = {}): Promise<Outcome> {
    const outcome = await this.#ssh(command, options);
    if (outcome.code === 255) await this.#checkAnswers();
    return outcome;
  }

  #ssh(command: string, { user = 'root', input, timeoutMs = 1_200_000 }: RunOptions): Promise<Outcome> {
    const child = spawn('ssh', [...this.#sshArgs(user), command], { stdio: ['pipe', 'pipe', 'pipe'] });
    return outcomeOf(child, { input, timeoutMs });
  }

  /** The output of a command that must succeed. */
  async get(command: string, options: RunOptions = {}): Promise<string> {
    const { code, stdout, stderr } = await this.run(command, options);
    if (code !== 0) throw new Error(`in the machine, ${command} exited ${code}:\n${stdout}${stderr}`);
    return stdout;
  }

  /** Fails where nobody can log in any more; scripts/test.mjs knows it by its words. */
  async #checkAnswers(): Promise<void> {
    for (let triesLeft = 3; triesLeft > 0; triesLeft--) {
      if ((await this.#ssh('true', { timeoutMs: 60_000 })).code === 0) return;
    }
    const { exitCode, signalCode } = this.#qemu;
    const how = this.#isRunning ? 'QEMU runs' : `QEMU ended: ${signalCode ?? exitCode}`;
    throw new Error(`the machine answers nobody any more (${how}); its console:\n${this.console.slice(-2000)}`);
  }

  /** Copies a file or folder of the host into a folder of the machine. */
  copyIn(path: string, folder: string): void {
    must('scp', ['-r', '-P', String(this.#port), ...this.#sshOptions(), path, `root@127.0.0.1:${folder}`]);
  }

  /** Ends the machine as its user would and waits until it is back. */
  async reboot(): Promise<void> {
    const bootId = 'cat /proc/sys/kernel/random/boot_id';
    const before = await this.get(bootId);
    await this.#ssh('systemctl reboot', { timeoutMs: 60_000 });
    const deadline = realClock.monotonicMs() + bootTimeoutMs.tcg;
    while (realClock.monotonicMs() < deadline) {
      const { code, stdout } = await this.#ssh(bootId, { timeoutMs: 60_000 });
      if (code === 0 && stdout !== before) return;
      await realClock.sleep(500);
    }
    throw new Error(`the machine did not come back:\n${this.console.slice(-2000)}`);
  }

  async #untilLogin(timeoutMs: number): Promise<void> {
    const deadline = realClock.monotonicMs() + timeoutMs;
    while (realClock.monotonicMs() < deadline && this.#isRunning) {
      if ((await this.#ssh('true', { timeoutMs: 60_000 })).code === 0) return;
      await realClock.sleep(500);
    }
    throw new Error(`the machine did not boot in ${timeoutMs / 1000} s:\n${this.console.slice(-2000)}`);
  }

  // One connection is shared by all commands: a handshake costs an emulated machine a second.
  #sshOptions(): string[] {
    const options = {
      IdentityFile: this.#image.key,
      IdentitiesOnly: 'yes',
      StrictHostKeyChecking: 'no',
      UserKnownHostsFile: '/dev/null',
      LogLevel: 'ERROR',
      ConnectTimeout: 50,
      ServerAliveInterval: 15,
      ControlMaster: 'auto',
      ControlPath: join(this.#folder, 'ssh-%r'),
      ControlPersist: 'yes',
    };
    return ['-F', '/dev/null', ...Object.entries(options).flatMap(([name, value]) => ['-o', `${name}=${value}`])];
  }

  #sshArgs(user: string): string[] {
    return [...this.#sshOptions(), '-p', String(this.#port), `${user}@127.0.0.1`];
  }

  /** Ends the machine at once; its disk goes with it. */
  async [Symbol.asyncDispose](): Promise<void> {
    for (const user of ['root', 'user']) spawnSync('ssh', ['-O', 'exit', ...this.#sshArgs(user)], { stdio: 'ignore' });
    const ended = new Promise((resolve) => this.#qemu.once('exit', resolve));
    if (this.#isRunning && this.#qemu.kill('SIGKILL')) await ended;
    rmSync(this.#folder, { recursive: true, force: true });
  }
}

function must(command: string, args: readonly string[]): void {
  const { status, stderr } = spawnSync(command, args, { encoding: 'utf8' });
  if (status !== 0) throw new Error(`${command} ${args.join(' ')}: ${stderr}`);
}

function outcomeOf(child: ChildProcess, { input, timeoutMs }: { input: string | undefined; timeoutMs: number }) {
  return new Promise<Outcome>((resolve, reject) => {
    let stdout = '';
    let stderr = '';
    child.stdout!.setEncoding('utf8').on('data', (text) => (stdout += text));
    child.stderr!.setEncoding('utf8').on('data', (text) => (stderr += text));
    child.stdin!.on('error', () => undefined); // it may end without reading
    child.stdin!.end(input ?? '');
    const limit = new AbortController();
    realClock.sleep(timeoutMs, limit.signal).then(
      () => child.kill('SIGKILL'),
      () => undefined,
    );
    child.once('error', reject);
    child.once('close', (code) => {
      limit.abort();
      resolve({ code, stdout, stderr });
    });
  });
}

function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once('error', reject);
    server.listen(0, '127.0.0.1', () => {
      const { port } = server.address() as { port: number };
      server.close(() => resolve(port));
    });
  });
}
