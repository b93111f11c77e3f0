// ExecSync: runs a command to its end and answers what it wrote. A command that exceeds the timeout is killed and the
// call fails with DEADLINE_EXCEEDED; a command that cannot be run is an error, one that fails is an exit code.
import type { Readable } from 'node:stream';
import { RpcError } from '../../../proto/unary-server.ts';
import { deadlineExceeded, invalidArgument } from '../errors.ts';
import { findRunningContainer } from '../lifecycle/find.ts';
import { bundleDirOf } from '../lifecycle/paths.ts';
import { killExec, prepareExec, spawnExec, waitForExit } from '../process/exec.ts';
import { deliver, settle } from '../stream/delivery.ts';
import type { Verb } from './verb.ts';

/** Output beyond this is dropped: the answer has to fit into one message. */
const maxOutputBytes = 8 << 20;

export const execSync: Verb<'ExecSync'> = async (rt, req, signal) => {
  const { id } = findRunningContainer(rt, req.container_id);
  if (req.cmd.length === 0) throw invalidArgument('no command was given');
  const request = { containerId: id, bundleDir: bundleDirOf(rt, id), command: req.cmd, tty: false };
  const exec = prepareExec(rt.oci, `${rt.paths.state}/execs`, request);
  const timeoutMs = Number(req.timeout) * 1000;
  let timedOut = false;
  const child = spawnExec(rt.oci, exec, 'ignore');
  const { promise: givenUp, resolve: giveUp } = Promise.withResolvers<void>();
  const stop = () => {
    killExec(exec, child, rt.clock);
    giveUp();
  };
  const timer =
    timeoutMs > 0
      ? rt.clock.after(timeoutMs, () => {
          timedOut = true;
          stop();
        })
      : null;
  signal.addEventListener('abort', stop, { once: true });
  try {
    const [stdout, stderr] = [collect(child.stdout!), collect(child.stderr!)];
    const outputs = [deliver(child.stdout!, null), deliver(child.stderr!, null)];
    const exitCode = await waitForExit(child);
    await Promise.race([settle(outputs, rt.clock), givenUp]);
    if (timedOut) throw deadlineExceeded(`failed to exec in container: timeout ${req.timeout}s exceeded`);
    const problem = exitCode === 0 ? null : exec.readError();
    if (problem)
      throw new RpcError(
        2,
        `failed to exec in container: failed to start exec: OCI runtime exec failed: exec failed: ${problem}`,
      );
    return { stdout: stdout.bytes(), stderr: stderr.bytes(), exit_code: exitCode };
  } finally {
    timer?.cancel();
    signal.removeEventListener('abort', stop);
    child.stdout!.destroy();
    child.stderr!.destroy();
    exec.cleanUp();
  }
};

function collect(stream: Readable): { bytes(): Buffer } {
  const chunks: Buffer[] = [];
  let size = 0;
  stream.on('data', (chunk: Buffer) => {
    if (size < maxOutputBytes) chunks.push(chunk.subarray(0, maxOutputBytes - size));
    size += chunk.length;
  });
  return { bytes: () => Buffer.concat(chunks) };
}
