// Structured logs: one JSON line an event on standard output; the supervisor keeps them in the state folder.
import { pino } from 'pino';

export interface Logger {
  debug(fields: object, message: string): void;
  info(fields: object, message: string): void;
  warn(fields: object, message: string): void;
  error(fields: object, message: string): void;
  child(fields: object): Logger;
}

export type LogLevel = 'debug' | 'info' | 'warn' | 'error' | 'silent';

/** A logger that names its component on every line. Errors go under `err` and keep their stack and cause. */
export function createLogger(component: string, level: LogLevel = 'info'): Logger {
  const output = pino.destination({ fd: 1, sync: true });
  // A full disk costs log lines, not the component.
  output.on('error', () => undefined);
  const options = {
    level,
    base: { component },
    timestamp: () => `,"time":"${new Date().toISOString()}"`,
    formatters: { level: (label: string) => ({ level: label }) },
    serializers: { err: pino.stdSerializers.errWithCause },
  };
  return pino(options, output) as unknown as Logger;
}

const nothing = () => undefined;

/** A logger for tests: says nothing. */
export const silentLogger: Logger = {
  debug: nothing,
  info: nothing,
  warn: nothing,
  error: nothing,
  child: () => silentLogger,
};
