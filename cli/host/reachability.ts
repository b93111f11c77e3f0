// Whether a new connection from inside a node gets to the API server: asked by making one.

import { CommandError } from '../../host/command.ts';
import type { Layout } from '../layout.ts';
import { run } from './run.ts';

// The shell's own redirection connects, so that nothing but what every host has is needed. It reads no start-up files.
const connectScript = 'exec 3<>"/dev/tcp/$1/$2"';

/** Undefined when the API server can be reached from the node whose first process is `nodePid`, else what happened. */
export async function probeFromNode(layout: Layout, nodePid: number, timeoutMs: number): Promise<string | undefined> {
  const { hostAddress, ports } = layout;
  const target = [hostAddress, String(ports.api)];
  const limited = ['timeout', String(timeoutMs / 1000), 'bash', '--norc', '-p', '-c', connectScript, 'bash', ...target];
  try {
    await run('nsenter', ['--target', String(nodePid), '--net', '--', ...limited]);
    return undefined;
  } catch (err) {
    if (!(err instanceof CommandError)) throw err;
    if (err.exitCode === 124) return 'no answer';
    return /: ([^:]+)$/.exec(err.stderr.trim().split('\n')[0] ?? '')?.[1]?.toLowerCase() ?? err.message;
  }
}
