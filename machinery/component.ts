// The frame around every component process: flags, logger, metrics, health endpoints, a clean SIGTERM.
// `k8ts <component>` calls the component's main.ts, which hands its table of flags and its `start` to runComponent.
// On the short list of machinery files that may import node:.
import { rmSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { ListenOptions } from 'node:net';
import { arch } from 'node:os';
import { monitorEventLoopDelay } from 'node:perf_hooks';
import { getHeapStatistics } from 'node:v8';
import { Registry } from 'prom-client';
import { buildInfoOf, tellBuild } from './build-info.ts';
import { type Clock, realClock } from './clock.ts';
import { messageOf } from './errors.ts';
import { describeFlags, FlagError, type Flags, type FlagTable, flag, parseFlags } from './flags.ts';
import { shrinkHeapAtRest } from './heap-at-rest.ts';
import { createLogger, type Logger, type LogLevel } from './log.ts';
import { watchLoopStall } from './loop-stall.ts';
import { registerProcessMetrics, startSeconds } from './process-metrics.ts';
import { type Random, realRandom } from './random.ts';
import { type PageAnswer, type Zpages, zpagesOf } from './zpages.ts';

export interface ComponentContext {
  log: Logger;
  clock: Clock;
  random: Random;
  metrics: Registry;
  zpages: Zpages;
  /** Aborted when the process is asked to end. */
  signal: AbortSignal;
  /** Ends the process with an error: for a failure after start that the component cannot outlive. */
  fail(err: unknown): void;
}

export interface RunningComponent {
  /** Null when ready to serve, else what is missing; answered on /readyz. */
  notReady(): string | null;
  /** Finishes what is in flight and frees everything. */
  stop(): Promise<void>;
}

export interface ComponentSpec<T extends FlagTable> {
  name: string;
  summary: string;
  flags: T;
  /** How long `stop` may take, in milliseconds; ten seconds without it. */
  stopDeadlineMs?(flags: Flags<T>): number;
  /** Reads what the flags name, and throws for what would not let it start; it starts nothing. */
  check?(flags: Flags<T>): void;
  start(flags: Flags<T>, context: ComponentContext): Promise<RunningComponent>;
}

const commonFlags = {
  'health-port': flag.number('Port on 127.0.0.1 for /healthz, /livez, /readyz and /metrics; 0 for none.', {
    default: 0,
  }),
  'health-socket': flag.string('Unix socket for the same, which only root may ask; empty for none.', { default: '' }),
  check: flag.boolean('Look at the flags and the files that they name, and end.', { default: false }),
  'log-level': flag.string('debug, info, warn or error.', { default: 'info' }),
} as const satisfies FlagTable;

const stopDeadlineMs = 10_000;

/** What a main.ts passes of its process. */
export type HostProcess = Pick<NodeJS.Process, 'on' | 'exit' | 'stdout' | 'stderr' | 'env' | 'cpuUsage'>;

/** Runs a component until SIGTERM or SIGINT. Exits 2 on bad flags, 1 when the component fails, 0 otherwise. */
export async function runComponent<T extends FlagTable>(proc: HostProcess, spec: ComponentSpec<T>, argv: string[]) {
  const table = { ...spec.flags, ...commonFlags };
  if (argv.includes('--help') || argv.includes('-h')) {
    proc.stdout.write(describeFlags(`k8ts ${spec.name}`, spec.summary, table));
    return;
  }
  const flags = parseOrExit(proc, spec.name, table, argv) as Flags<T> & Flags<typeof commonFlags>;
  if (flags.check) return checkOrExit(proc, spec, flags);
  const log = createLogger(spec.name, flags['log-level'] as LogLevel);
  const abort = new AbortController();
  const fail = (err: unknown) => {
    log.error({ err }, `${spec.name} failed`);
    proc.exit(1);
  };
  proc.on('uncaughtException', fail);
  proc.on('unhandledRejection', fail);
  const metrics = new Registry();
  registerProcessMetrics(metrics);
  tellBuild(metrics, arch());
  const about = { component: spec.name, build: buildInfoOf(arch()), startMs: startSeconds() * 1000, flags };
  const zpages = zpagesOf(about, realClock);
  const { signal } = abort;
  const context: ComponentContext = { log, clock: realClock, random: realRandom, metrics, zpages, signal, fail };
  let running: RunningComponent | undefined;
  const health: Server[] = [];
  const end = async () => {
    if (abort.signal.aborted) return proc.exit(1); // whoever asks twice does not want to wait
    abort.abort(new Error(`${spec.name} is stopping`));
    realClock.after(spec.stopDeadlineMs?.(flags) ?? stopDeadlineMs, () => proc.exit(1));
    await running?.stop();
    for (const server of health) server.close();
    log.info({}, `${spec.name} stopped`);
    proc.exit(0);
  };
  proc.on('SIGTERM', end);
  proc.on('SIGINT', end);
  try {
    const state = { notReady: () => (running ? running.notReady() : 'starting'), metrics, zpages };
    const { 'health-port': port, 'health-socket': socket } = flags;
    if (port) health.push(await serveHealth({ port, host: '127.0.0.1' }, state));
    if (socket) {
      rmSync(socket, { force: true }); // one that was killed has left it
      health.push(await serveHealth({ path: socket }, state));
    }
    running = await spec.start(flags, context);
    // What a start takes is no stall: nobody is served yet.
    const delays = monitorEventLoopDelay({ samplePerIteration: true } as object);
    delays.enable();
    const cpuUsage = () => proc.cpuUsage();
    watchLoopStall(metrics, realClock, { cpuUsage, delays });
    // Only where the process was started with --expose-gc. An ordinary collection keeps the pages that it empties.
    const { gc } = globalThis;
    if (gc)
      shrinkHeapAtRest(realClock, cpuUsage, {
        size: heapSize,
        collect: () => gc({ type: 'major', execution: 'sync', flavor: 'last-resort' }),
      });
    log.info({}, `${spec.name} started`);
  } catch (err) {
    if (!abort.signal.aborted) fail(err);
  }
}

function heapSize() {
  const { total_heap_size, used_heap_size } = getHeapStatistics();
  return { total: total_heap_size, used: used_heap_size };
}

function parseOrExit<T extends FlagTable>(proc: HostProcess, name: string, table: T, argv: string[]): Flags<T> {
  try {
    return parseFlags(table, argv);
  } catch (err) {
    if (!(err instanceof FlagError)) throw err;
    proc.stderr.write(`k8ts ${name}: ${err.message}\nRun 'k8ts ${name} --help' for the flags.\n`);
    return proc.exit(2);
  }
}

function checkOrExit<T extends FlagTable>(proc: HostProcess, spec: ComponentSpec<T>, flags: Flags<T>): void {
  try {
    spec.check?.(flags);
  } catch (err) {
    proc.stderr.write(`k8ts ${spec.name}: ${messageOf(err)}\n`);
    proc.exit(1);
  }
}

export interface HealthState {
  /** Null when ready to serve, else what is missing. */
  notReady(): string | null;
  metrics: Registry;
  zpages: Zpages;
}

const healthPaths = ['/healthz', '/livez', '/readyz'];

/** What a component says of itself, by path, where it serves `others` as well. */
export async function answerHealth(
  { path, accept }: { path: string; accept: string | undefined },
  { notReady, metrics, zpages }: HealthState,
  others: readonly string[] = [],
): Promise<PageAnswer> {
  const plain = 'text/plain; charset=utf-8';
  if (path === '/metrics') return { code: 200, type: metrics.contentType, text: await metrics.metrics() };
  const reason = path === '/readyz' ? notReady() : null;
  if (!healthPaths.includes(path)) {
    const page = zpages(path, accept, [...healthPaths, '/flagz', '/metrics', ...others]);
    return page ?? { code: 404, type: plain, text: '404 page not found\n' };
  }
  return { code: reason === null ? 200 : 500, type: plain, text: reason ?? 'ok' };
}

/** The headers of an answer. */
export const headersOf = ({ type, warning }: Pick<PageAnswer, 'type' | 'warning'>) => ({
  'content-type': type,
  ...(warning === undefined ? {} : { warning }),
});

/** Serves the health and metrics endpoints. */
function serveHealth(at: ListenOptions, state: HealthState): Promise<Server> {
  const server = createServer(async (req, res) => {
    const path = (req.url ?? '').split('?')[0] ?? '';
    const { code, text, ...rest } = await answerHealth({ path, accept: req.headers.accept }, state);
    res.writeHead(code, headersOf(rest)).end(text);
  });
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(at, () => resolve(server));
  });
}
