// Who keeps the supervisor: a shell that waits for the end of a pipe whose other end the supervisor holds. When the
// supervisor has ended, or has not written for too long and was killed for it, the shell becomes the next supervisor,
// which starts a keeper of its own. When the shell ends, the supervisor starts another. Neither asks the other ever.
import { type ChildProcess, spawn } from 'node:child_process';
import type { Clock, Timer } from '../../machinery/clock.ts';
import type { LivenessLimits } from './liveness.ts';

// $1: pid of the supervisor, $2: seconds it may be silent; the rest is its command. Over 128 says that time is up; but
// time in which the supervisor waited for a CPU is given to it anew.
const keeperScript = `
pid=$1 limit=$2
shift 2
look() { counts=(0 0); stat=; { read -ra counts <"/proc/$pid/schedstat"; read -r stat <"/proc/$pid/stat"; } 2>/dev/null; }
look
left=$limit.000
while :; do
  before=("\${counts[@]}")
  read -r -t "$left" _
  status=$?
  look
  [ $status -gt 0 ] || { left=$limit.000; continue; }
  [ $status -gt 128 ] || break
  given=$((10#\${left/./})) ran=$(((counts[0] - before[0]) / 1000000)) waited=$(((counts[1] - before[1]) / 1000000))
  # The kernel counts a wait when it is over: of a process that may be waiting now, all counts in which it did not run.
  [[ \${counts[0]} == 0 || ! \${stat##*)} =~ ^' R' ]] || waited=$((given - ran))
  printf -v left %d.%03d $((waited / 1000)) $((waited % 1000))
  [ $waited -le 0 ] || continue
  left=$limit.000
  echo "the supervisor has been silent for $limit s; killing pid $pid"
  kill -KILL "$pid"
done
echo 'the supervisor has ended; starting another'
sleep 1
exec "$@" </dev/null`;

const restartMs = 1_000;

export interface KeeperOptions {
  clock: Clock;
  /** Of the supervisor. */
  pid: number;
  /** The supervisor's command line. */
  command: readonly string[];
  limits: LivenessLimits;
  env: NodeJS.ProcessEnv;
  log(message: string): void;
}

export class Keeper {
  readonly #options: KeeperOptions;
  #shell: ChildProcess | undefined;
  #heartbeat: Timer | undefined;
  #stopped = false;

  constructor(options: KeeperOptions) {
    this.#options = options;
  }

  start(): void {
    const { clock, pid, command, limits, env, log } = this.#options;
    const silentSeconds = Math.max(1, Math.ceil((limits.periodMs * limits.failures) / 1000));
    // Without the user's start-up files: bash reads them where its input is a socket, which is what a pipe of Node is.
    const args = ['--norc', '-p', '-c', keeperScript, 'k8ts-keeper', String(pid), String(silentSeconds), ...command];
    const shell = spawn('bash', args, { cwd: '/', env, stdio: ['pipe', 'inherit', 'inherit'], detached: true });
    this.#shell = shell;
    shell.stdin.on('error', () => undefined); // it has ended, which is heard below
    shell.once('error', (err) => log(`the supervisor's keeper could not be started: ${err.message}`));
    shell.once('exit', (code, signal) => {
      if (this.#stopped) return;
      log(`the supervisor's keeper ended with ${signal ?? code}; starting another`);
      clock.after(restartMs, () => {
        if (!this.#stopped) this.start();
      });
    });
    this.#heartbeat?.cancel();
    this.#heartbeat = clock.every(limits.periodMs, () => shell.stdin.write('\n'));
  }

  /** Ends it, so that the supervisor can end for good. */
  stop(): void {
    this.#stopped = true;
    this.#heartbeat?.cancel();
    this.#shell?.kill('SIGKILL');
  }
}
