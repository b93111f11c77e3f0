// The audit log: a line of JSON an event, in a file that is put aside under the time when it has become too large.
// Upstream: the log backend, with lumberjack. A line is in the kernel's hands before the request goes on.
import { closeSync, existsSync, fstatSync, openSync, readdirSync, renameSync, rmSync, writeSync } from 'node:fs';
import { basename, dirname, extname, join } from 'node:path';
import type { Clock } from '../../machinery/clock.ts';
import { timestamp } from '../../machinery/timestamp.ts';

export interface LogFileOptions {
  /** `-` is standard output. */
  path: string;
  /** A file that would be larger is put aside; 0: 100. */
  maxSizeMegabytes: number;
  /** How many of those are kept; 0: all. */
  maxBackups: number;
  /** How long, in days; 0: for ever. */
  maxAgeDays: number;
}

export interface AuditLog {
  /** Throws when the line cannot be written. */
  write(line: string): void;
  close(): void;
}

const defaultMegabytes = 100;
const dayMs = 24 * 60 * 60 * 1000;
const standardOutput = 1;

export function openAuditLog(options: LogFileOptions, clock: Clock): AuditLog {
  if (options.path !== '-') return new RotatedLog(options, clock);
  return { write: (line) => void writeWhole(standardOutput, Buffer.from(`${line}\n`)), close: () => undefined };
}

function writeWhole(fd: number, bytes: Buffer): void {
  for (let at = 0; at < bytes.length; ) at += writeSync(fd, bytes, at);
}

class RotatedLog implements AuditLog {
  readonly #options: LogFileOptions;
  readonly #clock: Clock;
  readonly #maxBytes: number;
  #fd: number;
  #size: number;

  constructor(options: LogFileOptions, clock: Clock) {
    this.#options = options;
    this.#clock = clock;
    this.#maxBytes = (options.maxSizeMegabytes || defaultMegabytes) * 1024 * 1024;
    this.#fd = openSync(options.path, 'a', 0o600);
    this.#size = fstatSync(this.#fd).size;
  }

  write(line: string): void {
    const bytes = Buffer.from(`${line}\n`);
    if (this.#size > 0 && this.#size + bytes.length > this.#maxBytes) this.#rotate();
    writeWhole(this.#fd, bytes);
    this.#size += bytes.length;
  }

  #rotate(): void {
    const { path } = this.#options;
    let atMs = this.#clock.now();
    // Two may be full within a millisecond.
    while (existsSync(this.#backupOf(atMs))) atMs++;
    renameSync(path, this.#backupOf(atMs));
    closeSync(this.#fd);
    this.#fd = openSync(path, 'a', 0o600);
    this.#size = 0;
    this.#forget();
  }

  /** `audit.log` -> `audit-2026-01-02T03-04-05.678.log` */
  #backupOf(atMs: number): string {
    const { stem, end } = this.#nameParts();
    const at = `${timestamp(atMs).slice(0, 19).replaceAll(':', '-')}.${String(atMs % 1000).padStart(3, '0')}`;
    return join(dirname(this.#options.path), `${stem}${at}${end}`);
  }

  #nameParts() {
    const end = extname(this.#options.path);
    return { stem: `${basename(this.#options.path, end)}-`, end };
  }

  /** Removes what is too old and what is too many. The time is read off the name. */
  #forget(): void {
    const { path, maxBackups, maxAgeDays } = this.#options;
    const { stem, end } = this.#nameParts();
    const backups = readdirSync(dirname(path))
      .filter((name) => name.startsWith(stem) && name.endsWith(end))
      .map((name) => ({ name, atMs: timeOf(name.slice(stem.length, name.length - end.length)) }))
      .filter(({ atMs }) => !Number.isNaN(atMs))
      .sort((a, b) => b.atMs - a.atMs);
    const oldestMs = maxAgeDays > 0 ? this.#clock.now() - maxAgeDays * dayMs : Number.NEGATIVE_INFINITY;
    for (const [i, { name, atMs }] of backups.entries()) {
      if ((maxBackups > 0 && i >= maxBackups) || atMs < oldestMs) rmSync(join(dirname(path), name), { force: true });
    }
  }

  close(): void {
    closeSync(this.#fd);
  }
}

function timeOf(text: string): number {
  const [, day, h, m, s] = /^(\d{4}-\d\d-\d\d)T(\d\d)-(\d\d)-(\d\d\.\d{3})$/.exec(text) ?? [];
  return day ? Date.parse(`${day}T${h}:${m}:${s}Z`) : Number.NaN;
}
