// crun complains of a command that it cannot run twice: on the command's own error output, and a
// moment later in its log. The log becomes the status that ends the session; the line among the
// command's output is left out here.

import { Transform } from 'node:stream';
import type { Clock } from '../../../machinery/clock.ts';
import type { PreparedExec } from '../process/exec.ts';

const maxComplaintBytes = 512;
const quote = 0x60; // crun's, around names
const logLagMs = 10;

/** Passes everything on but that line. What looks like it waits for the log, nothing else does. */
export function createComplaintFilter(
  exec: Pick<PreparedExec, 'readComplaint'>,
  clock: Pick<Clock, 'sleep'>,
): Transform {
  return new Transform({
    async transform(chunk: Buffer, _encoding, done) {
      if (chunk.length > maxComplaintBytes || !chunk.includes(quote)) return done(null, chunk);
      await clock.sleep(logLagMs);
      const isComplaint = exec.readComplaint() === chunk.toString().trim();
      done(null, isComplaint ? undefined : chunk);
    },
  });
}
