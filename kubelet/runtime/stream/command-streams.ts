// The streams of an exec or attach, whatever protocol the client speaks, and the status that ends them.
import type { Readable, Writable } from 'node:stream';
import { internalError, type StatusBody } from '../../../machinery/errors.ts';

export interface TerminalSize {
  width: number;
  height: number;
}

/** A metav1.Status. */
export type CommandStatus = Partial<Omit<StatusBody, 'status' | 'reason'>> & {
  status: 'Success' | 'Failure';
  reason?: string;
};

/** What a client of exec or attach holds the other end of. Streams it did not ask for are null. */
export interface CommandStreams {
  stdin: Readable | null;
  stdout: Writable | null;
  stderr: Writable | null;
  /** The latest size of the client's terminal, now and whenever it changes. */
  onResize(listener: (size: TerminalSize) => void): void;
  /** Sends the final status and closes. */
  finish(status: CommandStatus): Promise<void>;
  /** Aborts when the client is gone. */
  gone: AbortSignal;
}

/** Which streams a client may have. */
export interface StreamWish {
  stdin: boolean;
  stdout: boolean;
  stderr: boolean;
  tty: boolean;
}

/** Parses a resize message; null when it is not one. */
export function parseTerminalSize(text: string): TerminalSize | null {
  try {
    const { Width, Height } = JSON.parse(text) as { Width?: unknown; Height?: unknown };
    return Number.isInteger(Width) && Number.isInteger(Height)
      ? { width: Number(Width), height: Number(Height) }
      : null;
  } catch {
    // What is no JSON is no size.
    return null;
  }
}

const maxSizeBytes = 1024;

/** Remembers the latest size for a listener who comes later. */
export function createResizeRelay() {
  let latest: TerminalSize | null = null;
  let listener: ((size: TerminalSize) => void) | null = null;
  return {
    push(message: Buffer) {
      const size = message.length <= maxSizeBytes ? parseTerminalSize(message.toString()) : null;
      if (!size) return;
      latest = size;
      listener?.(size);
    },
    onResize(next: (size: TerminalSize) => void) {
      listener = next;
      if (latest) next(latest);
    },
  };
}

/** The metav1.Status of a command that ended by itself. */
export function exitStatus(exitCode: number): CommandStatus {
  if (exitCode === 0) return { metadata: {}, status: 'Success' };
  return {
    metadata: {},
    status: 'Failure',
    reason: 'NonZeroExitCode',
    message: `command terminated with non-zero exit code: exit status ${exitCode}`,
    details: { causes: [{ reason: 'ExitCode', message: String(exitCode) }] },
  };
}

/** The metav1.Status of a command that could not be run. */
export const failureStatus = (message: string): CommandStatus => internalError(message).toStatus();
