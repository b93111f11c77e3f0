// /run/{namespace}/{pod}[/{uid}]/{container}?cmd=...: runs a command to its end and answers what it wrote, for who
// has no stream. Upstream: getRun in pkg/kubelet/server.
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { CriClient } from '../../proto/cri-client.ts';
import type { PodSet } from '../pods/pod-set.ts';
import { HttpError } from './http-error.ts';
import { bareId, findWorker, statusOf } from './pod-lookup.ts';

interface RunRequest {
  req: IncomingMessage;
  res: ServerResponse;
  names: readonly string[];
  query: URLSearchParams;
}

/** The command may stand in a form as well, as curl sends it. */
const maxFormBytes = 1 << 20;

export async function serveRun(
  { pods, cri }: { pods: PodSet; cri: CriClient },
  { req, res, names, query }: RunRequest,
): Promise<void> {
  if (names.length < 3 || names.length > 4) throw new HttpError(404, '404 page not found');
  const [namespace = '', pod = ''] = names;
  const container = names.at(-1)!;
  const status = statusOf(findWorker(pods, namespace, pod), container);
  if (!status?.state?.running) throw new HttpError(500, `container not found (${JSON.stringify(container)})`);
  const cmd = (query.get('cmd') ?? (await readForm(req)).get('cmd') ?? '').split(' ');
  const answer = await cri.runtime.ExecSync({ container_id: bareId(status.containerID), cmd });
  if (answer.exit_code !== 0) {
    throw new HttpError(500, `command '${cmd.join(' ')}' exited with ${answer.exit_code}: ${answer.stderr}`);
  }
  res.writeHead(200, { 'content-type': 'application/json' });
  res.end(Buffer.concat([answer.stdout, answer.stderr]));
}

async function readForm(req: IncomingMessage): Promise<URLSearchParams> {
  if (!req.headers['content-type']?.startsWith('application/x-www-form-urlencoded')) return new URLSearchParams();
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of req as AsyncIterable<Buffer>) {
    size += chunk.length;
    if (size > maxFormBytes) throw new HttpError(413, 'http: request body too large');
    chunks.push(chunk);
  }
  return new URLSearchParams(Buffer.concat(chunks).toString());
}
