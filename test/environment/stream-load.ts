// Megabytes through every kind of stream of a cluster, to clients that are fast, slow, that stop
// for a while, and that leave in the middle. While they go, another pod is looked at, and the
// memory of the processes that carry the bytes.
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import type { Readable, Writable } from 'node:stream';
import type { TestContext } from 'node:test';
import { realClock } from '../../machinery/clock.ts';
import {
  type ApiClient,
  apiClientOf,
  type CommandProtocol,
  type ForwardProtocol,
  openCommand,
  openForward,
  openLog,
} from './api-streams.ts';
import { type E2eCluster, startCluster } from './cluster.ts';
import { eventually } from './kubectl.ts';

export type Pace = 'fast' | 'slow' | 'paused' | 'leaving';
export const paces: readonly Pace[] = ['fast', 'slow', 'paused', 'leaving'];
export const commandProtocols: readonly CommandProtocol[] = ['v5.channel.k8s.io', 'v4.channel.k8s.io', 'SPDY'];
export const forwardProtocols: readonly ForwardProtocol[] = ['tunnel', 'SPDY'];

const pod = '/api/v1/namespaces/default/pods';
const line = '0123456789abcde\n';
// With its time and stream before each line it stays below the 10 MiB at which a log is rotated.
const logBytes = 2 << 20;
const leaveAfterBytes = 1 << 20;
const pauseMs = 2_000;
const slowBytesPerMs = 16 << 10;
const components = ['apiserver', 'kubelet', 'runtime'] as const;

/** What `yes LINE | head -c BYTES` writes. */
const md5OfLines = (bytes: number) => {
  const hash = createHash('md5');
  const block = Buffer.from(line.repeat(1 << 12));
  for (let left = bytes; left > 0; left -= block.length) hash.update(block.subarray(0, Math.min(left, block.length)));
  return hash.digest('hex');
};

/** Reads `bytes` bytes at a pace; answers their sum, or undefined when it left. */
async function readAt(pace: Pace, from: Readable, bytes: number): Promise<string | undefined> {
  const hash = createHash('md5');
  let got = 0;
  let hasPaused = false;
  for await (const chunk of from.iterator({ destroyOnReturn: false }) as AsyncIterable<Buffer>) {
    hash.update(chunk.subarray(0, bytes - got));
    got += chunk.length;
    if (pace === 'leaving' && got >= leaveAfterBytes) return undefined;
    if (pace === 'slow') await realClock.sleep(chunk.length / slowBytesPerMs);
    if (pace === 'paused' && !hasPaused && got >= leaveAfterBytes) {
      hasPaused = true;
      await realClock.sleep(pauseMs);
    }
    if (got >= bytes) break;
  }
  assert.ok(got >= bytes, `${got} of ${bytes} bytes came`);
  return hash.digest('hex');
}

/** Writes lines; a client that leaves writes only the first of them. */
async function writeAt(pace: Pace, to: Writable, bytes: number): Promise<void> {
  const block = Buffer.from(line.repeat(1 << 11));
  for (let sent = 0; sent < bytes; sent += block.length) {
    if (pace === 'leaving' && sent >= leaveAfterBytes) return;
    if (pace === 'slow') await realClock.sleep(block.length / slowBytesPerMs);
    if (pace === 'paused' && sent === 32 * block.length) await realClock.sleep(pauseMs);
    if (!to.write(block.subarray(0, bytes - sent))) await new Promise((resolve) => to.once('drain', resolve));
  }
}

const firstWord = async (from: Readable) => {
  let text = '';
  for await (const chunk of from.iterator({ destroyOnReturn: false })) {
    text += chunk;
    if (/\s/.test(text)) break;
  }
  return text.split(/\s/)[0];
};

const query = (command: string, more = 'stdout=1') =>
  `${new URLSearchParams([
    ['command', 'sh'],
    ['command', '-c'],
    ['command', command],
  ])}&${more}`;

/** Moves bytes by each kind of stream. Every one rejects when a byte is missing. */
export class StreamLoad {
  readonly #api: ApiClient;
  readonly #bytes: number;
  readonly #sum: string;

  constructor(api: ApiClient, bytes: number) {
    this.#api = api;
    this.#bytes = bytes;
    this.#sum = md5OfLines(bytes);
  }

  #check(sum: string | undefined, pace: Pace): void {
    if (pace !== 'leaving') assert.equal(sum, this.#sum);
  }

  async execStdout(protocol: CommandProtocol, pace: Pace): Promise<void> {
    const command = `yes ${line.trim()} | head -c ${this.#bytes}`;
    const session = await openCommand(this.#api, `${pod}/load/exec?container=main&${query(command)}`, protocol);
    const sum = await readAt(pace, session.stdout, this.#bytes);
    this.#check(sum, pace);
    if (pace === 'leaving') return session.reset();
    session.stdout.resume();
    assert.equal((await session.ended).status, 'Success');
  }

  async execStdin(protocol: CommandProtocol, pace: Pace): Promise<void> {
    // In the paused case it is the command that stops reading.
    const command = `${pace === 'paused' ? 'sleep 3; ' : ''}head -c ${this.#bytes} | md5sum`;
    const path = `${pod}/load/exec?container=main&${query(command, 'stdin=1&stdout=1')}`;
    const session = await openCommand(this.#api, path, protocol);
    await writeAt(pace, session.stdin, this.#bytes);
    if (pace === 'leaving') return session.reset();
    assert.equal(await firstWord(session.stdout), this.#sum);
    session.stdout.resume();
    assert.equal((await session.ended).status, 'Success');
  }

  /** The container writes as many bytes as a line of its input says. */
  async attachStdout(protocol: CommandProtocol, pace: Pace): Promise<void> {
    const session = await this.#attach('speaker', protocol);
    session.stdin.write(`${this.#bytes}\n`);
    const sum = await readAt(pace, session.stdout, this.#bytes);
    session.reset();
    this.#check(sum, pace);
  }

  /** The container writes the sum of so many bytes of its input. */
  async attachStdin(protocol: CommandProtocol, pace: Exclude<Pace, 'leaving'>): Promise<void> {
    const session = await this.#attach('listener', protocol);
    await writeAt(pace, session.stdin, this.#bytes);
    assert.equal(await firstWord(session.stdout), this.#sum);
    session.reset();
  }

  #attach(container: string, protocol: CommandProtocol) {
    return openCommand(this.#api, `${pod}/load/attach?container=${container}&stdin=1&stdout=1`, protocol);
  }

  /** A log that is there. Small enough not to be rotated, which is all that one request shows. */
  async log(pace: Pace): Promise<void> {
    const bytes = logBytes;
    const log = await openLog(this.#api, `${pod}/logger/log`);
    const sum = await readAt(pace, log, bytes);
    log.reset();
    if (pace !== 'leaving') assert.equal(sum, md5OfLines(bytes));
  }

  /** A log that is written while it is read, and rotated now and then. */
  async logFollow(pace: Pace): Promise<void> {
    const log = await openLog(this.#api, `${pod}/load/log?container=speaker&follow=true&tailLines=0`);
    const session = await this.#attach('speaker', 'v5.channel.k8s.io');
    session.stdout.resume();
    session.stdin.write(`${this.#bytes}\n`);
    const sum = await readAt(pace, log, this.#bytes);
    log.reset();
    session.reset();
    this.#check(sum, pace);
  }

  async forwardFromPod(protocol: ForwardProtocol, pace: Pace): Promise<void> {
    const forward = await openForward(this.#api, `${pod}/load/portforward`, protocol);
    const connection = forward.connect(9001);
    const sum = await readAt(pace, connection, this.#bytes);
    this.#check(sum, pace);
    if (pace === 'leaving') forward.reset();
    else forward.close();
  }

  async forwardToPod(protocol: ForwardProtocol, pace: Pace): Promise<void> {
    const forward = await openForward(this.#api, `${pod}/load/portforward`, protocol);
    const connection = forward.connect(pace === 'paused' ? 9003 : 9002);
    await writeAt(pace, connection, this.#bytes);
    if (pace === 'leaving') return void forward.reset();
    connection.end();
    assert.equal(await firstWord(connection), this.#sum);
    forward.close();
  }
}

export interface LoadedCluster extends AsyncDisposable {
  cluster: E2eCluster;
  load: StreamLoad;
  /** What others had of it, and the memory of the processes that carry the bytes. To be called once, at the end. */
  assertUndisturbed(t: TestContext): Promise<void>;
  /** Files and sockets that each of these has open, beyond those at the begin. */
  openFiles(): number[];
}

// Far above what is seen, and far below what a stalled process, or one that holds what it carries, gives. On a slow
// machine an exec may take so many times what it takes while nothing else goes on.
const maxExecMs = 10_000;
const maxSlowdown = 30;
const maxGrownMib = 200;

/** A cluster of its own, ready for streams of `bytes` bytes each. */
export async function startLoad(name: string, bytes: number): Promise<LoadedCluster> {
  const cluster = await startCluster(name, ['busybox']);
  try {
    await startLoadPods(cluster, bytes);
    const others = await watchOthers(cluster);
    return {
      cluster,
      load: new StreamLoad(apiClientOf(cluster.kubectl), bytes),
      openFiles: others.openFiles,
      async assertUndisturbed(t) {
        const seen = await others.end();
        t.diagnostic(JSON.stringify(seen));
        assert.ok(seen.slowestMs < Math.max(maxExecMs, maxSlowdown * seen.aloneMs), JSON.stringify(seen));
        for (const mib of Object.values(seen.peakMib)) assert.ok(mib < maxGrownMib, JSON.stringify(seen));
      },
      [Symbol.asyncDispose]: () => cluster[Symbol.asyncDispose](),
    };
  } catch (err) {
    await cluster[Symbol.asyncDispose]();
    throw err;
  }
}

/** Does the same at every pace at a time. */
export async function atEveryPace(work: (pace: Pace) => Promise<void>): Promise<void> {
  await Promise.all(paces.map(work));
}

/** The pods whose streams are moved, and one to look at meanwhile. */
async function startLoadPods({ kubectl }: E2eCluster, bytes: number): Promise<void> {
  const produce = `yes ${line.trim()} | head -c`;
  const listen = (port: number, command: string) => `nc -ll -p ${port} -e sh -c '${command}' &`;
  const main = [
    listen(9001, `${produce} ${bytes}`),
    listen(9002, 'md5sum'),
    listen(9003, 'sleep 3; md5sum'),
    'sleep 100000',
  ].join('\n');
  const container = (name: string, command: string, more: object = {}) => ({
    name,
    image: 'busybox:1.36',
    command: ['sh', '-c', command],
    ...more,
  });
  const containers = {
    load: [
      container('main', main),
      container('speaker', `while read bytes; do ${produce} $bytes; done`, { stdin: true }),
      container('listener', `while true; do head -c ${bytes} | md5sum; done`, { stdin: true }),
    ],
    logger: [container('main', `${produce} ${logBytes}; sleep 100000`)],
    other: [container('main', 'sleep 100000')],
  };
  for (const [name, list] of Object.entries(containers)) {
    const spec = { terminationGracePeriodSeconds: 0, containers: list };
    kubectl.apply({ apiVersion: 'v1', kind: 'Pod', metadata: { name }, spec });
  }
  kubectl.get('wait', '--for=condition=Ready', 'pod', '--all', '--timeout=600s');
  const listens = (port: number) =>
    kubectl.run(['exec', 'load', '-c', 'main', '--', 'sh', '-c', `nc 127.0.0.1 ${port} </dev/null >/dev/null`]).code ===
    0;
  await eventually('the listeners', () => [9001, 9002, 9003].every(listens) || undefined);
}

/**
 * Looks at another pod by and by. `end` says what an exec took before all else, what its slowest
 * took, and what memory the processes had at most and have now.
 */
async function watchOthers(cluster: E2eCluster) {
  const api = apiClientOf(cluster.kubectl);
  const pids = components.map((c) => Number(readFileSync(`/run/k8ts/${cluster.name}/${c}.pid`, 'utf8')));
  const memory = () =>
    pids.map((pid) => Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))![1]) >> 10);
  const files = () => pids.map((pid) => readdirSync(`/proc/${pid}/fd`).length);
  const exec = async () => {
    const begin = realClock.monotonicMs();
    const session = await openCommand(api, `${pod}/other/exec?${query('echo hi')}`, 'v5.channel.k8s.io');
    session.stdout.resume();
    assert.equal((await session.ended).status, 'Success');
    return Math.round(realClock.monotonicMs() - begin);
  };
  const aloneMs = await exec();
  const base = memory();
  const baseFiles = files();
  let peak = base;
  let slowestMs = 0;
  let isOver = false;
  const run = async () => {
    while (!isOver) {
      slowestMs = Math.max(slowestMs, await exec());
      peak = memory().map((mib, i) => Math.max(mib, peak[i]!));
      await realClock.sleep(200);
    }
  };
  const watching = run();
  return {
    openFiles: () => files().map((n, i) => n - baseFiles[i]!),
    async end() {
      isOver = true;
      await watching;
      const grown = (now: number[]) => Object.fromEntries(components.map((c, i) => [c, now[i]! - base[i]!]));
      return { aloneMs, slowestMs, grownMib: grown(memory()), peakMib: grown(peak) };
    },
  };
}
