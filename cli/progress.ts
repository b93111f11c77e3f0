// Shows steps while they run: a line a step that ends in its outcome and time. On a terminal the running steps are
// redrawn in place with a spinner; elsewhere each line is written once, when its step ends.
import type { Clock, Timer } from '../machinery/clock.ts';

export interface Progress {
  start(title: string): void;
  /** `note` says what the step found or did, when that is worth a word. */
  done(title: string, note?: string): void;
  failed(title: string): void;
  /** Writes a line that stays, above the running steps. */
  say(line: string): void;
  close(): void;
}

const frames = ['⠋', '⠙', '⠹', '⠸', '⠼', '⠴', '⠦', '⠧', '⠇', '⠏'];
const frameMs = 80;

export function createProgress(out: NodeJS.WriteStream, clock: Clock): Progress {
  const running = new Map<string, number>();
  const live = out.isTTY === true;
  let drawn = 0;
  let frame = 0;
  let timer: Timer | undefined;
  const color = (code: number, text: string) => (live ? `\u001b[${code}m${text}\u001b[0m` : text);
  const seconds = (fromMs: number) => `${((clock.monotonicMs() - fromMs) / 1000).toFixed(1)} s`;
  const erase = () => {
    if (drawn > 0) out.write(`\u001b[${drawn}A\u001b[J`);
    drawn = 0;
  };
  const draw = () => {
    if (!live) return;
    erase();
    frame = (frame + 1) % frames.length;
    for (const [title, since] of running) out.write(` ${frames[frame]} ${title} ${color(2, seconds(since))}\n`);
    drawn = running.size;
  };
  const say = (line: string) => {
    erase();
    out.write(`${line}\n`);
    draw();
  };
  return {
    start(title) {
      running.set(title, clock.monotonicMs());
      if (live) timer ??= clock.every(frameMs, draw);
      draw();
    },
    done(title, note) {
      const since = running.get(title) ?? clock.monotonicMs();
      running.delete(title);
      say(` ${color(32, '✓')} ${title}${note === undefined ? '' : `: ${note}`} ${color(2, `(${seconds(since)})`)}`);
    },
    failed(title) {
      running.delete(title);
      say(` ${color(31, '✗')} ${title}`);
    },
    say,
    close() {
      timer?.cancel();
      erase();
    },
  };
}
