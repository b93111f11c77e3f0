// What a container says about its own end: the file it may write, or the end of its log.
// https://kubernetes.io/docs/tasks/debug/debug-application/determine-reason-pod-failure/

import { constants } from 'node:fs';
import { open } from 'node:fs/promises';
import { parseLogLine } from '../../host/container-log.ts';
import { ifThere } from '../../host/if-there.ts';
import type { ContainerStatus } from '../../proto/cri.gen.ts';
import { runtimeAnnotations } from '../pods/runtime-state.ts';

const maxMessageBytes = 4096;
const maxLogBytes = 2048;
const maxLogLines = 80;

export async function readTerminationMessage(container: ContainerStatus): Promise<string> {
  const path = container.annotations[runtimeAnnotations.terminationMessagePath];
  const mount = container.mounts.find((m) => m.container_path === path);
  const message = mount ? (await readEnd(mount.host_path, maxMessageBytes)).toString() : '';
  if (message !== '') return message;
  const fallsBack = container.annotations[runtimeAnnotations.terminationMessagePolicy] === 'FallbackToLogsOnError';
  if (!fallsBack || container.exit_code === 0 || container.log_path === '') return '';
  return tailOfLog(await readEnd(container.log_path, 4 * maxLogBytes + maxLogLines * 64));
}

/** The last lines of a log that fit, as their writer wrote them. */
export function tailOfLog(log: Buffer): string {
  // A character a byte, as a long line may be cut within one.
  const records = log
    .toString('latin1')
    .split('\n')
    .map(parseLogLine)
    .filter((r) => r !== undefined);
  const lines: string[] = [];
  let open = '';
  for (const { text, endsLine } of records) {
    open += text;
    if (!endsLine) continue;
    lines.push(`${open}\n`);
    open = '';
  }
  if (open !== '') lines.push(open);
  const tail = Buffer.from(lines.slice(-maxLogLines).join(''), 'latin1');
  return tail.subarray(Math.max(0, tail.length - maxLogBytes)).toString();
}

/** What the kernel says of a path that is no file to read: the container may have put anything there. */
const unusable = ['ELOOP', 'ENOTDIR', 'ENXIO'];

async function readEnd(path: string, maxBytes: number): Promise<Buffer> {
  // Neither a link to a file of the node nor a pipe nobody writes to.
  const opening = open(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
  const file = await ifThere(opening, ...unusable);
  if (!file) return Buffer.alloc(0);
  try {
    const stats = await file.stat();
    if (!stats.isFile()) return Buffer.alloc(0);
    const { size } = stats;
    const length = Math.min(size, maxBytes);
    const buffer = Buffer.alloc(length);
    await file.read(buffer, 0, length, size - length);
    return buffer;
  } finally {
    await file.close();
  }
}
