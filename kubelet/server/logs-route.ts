// /containerLogs/{namespace}/{pod}/{container}: what `kubectl logs` shows. Upstream:
// getContainerLogs in pkg/kubelet/server.
import { once } from 'node:events';
import type { ServerResponse } from 'node:http';
import type { Clock } from '../../machinery/clock.ts';
import type { CriClient } from '../../proto/cri-client.ts';
import { type LogOptions, readLog } from '../logs/log-reader.ts';
import type { PodSet } from '../pods/pod-set.ts';
import { HttpError } from './http-error.ts';
import { chooseLogContainer, findWorker, statusOf } from './pod-lookup.ts';

interface LogsRequest {
  res: ServerResponse;
  /** Namespace, pod, container. */
  names: readonly string[];
  query: URLSearchParams;
}

export async function serveLogs(
  { pods, cri, clock }: { pods: PodSet; cri: CriClient; clock: Clock },
  { res, names, query }: LogsRequest,
): Promise<void> {
  const [namespace, podName, container] = names;
  if (!namespace || !podName || !container) throw new HttpError(404, '404 page not found');
  const worker = findWorker(pods, namespace, podName);
  const options = parseLogOptions(query, clock.now());
  const id = chooseLogContainer(worker.pod, statusOf(worker, container), container, isTrue(query.get('previous')));
  const { status } = await cri.runtime.ContainerStatus({ container_id: id });
  const stop = new AbortController();
  res.on('close', () => stop.abort());
  const source = { path: status?.log_path ?? '', ended: worker.whenExited(id), signal: stop.signal };
  const parts = readLog(source, options);
  res.writeHead(200, { 'content-type': 'text/plain', 'transfer-encoding': 'chunked' });
  res.flushHeaders();
  for await (const part of parts) {
    if (stop.signal.aborted) break;
    if (!res.write(part)) await once(res, 'drain', { signal: stop.signal }).catch(() => undefined); // the reader left
  }
  res.end();
}

const isTrue = (text: string | null) => text === 'true' || text === '1';

function parseNumber(query: URLSearchParams, name: string): number | undefined {
  const text = query.get(name);
  if (text === null || text === '') return undefined;
  const value = Number(text);
  if (!Number.isInteger(value) || value < 0) throw new HttpError(400, `invalid value for ${name}: ${text}`);
  return value;
}

/** Reads the query as the API server passes it on. */
export function parseLogOptions(query: URLSearchParams, nowMs: number): LogOptions {
  const sinceSeconds = parseNumber(query, 'sinceSeconds');
  const sinceTime = query.get('sinceTime');
  const since = sinceTime ? Date.parse(sinceTime) : undefined;
  if (Number.isNaN(since)) throw new HttpError(400, `invalid value for sinceTime: ${sinceTime}`);
  const stream = query.get('stream');
  return {
    follow: isTrue(query.get('follow')),
    tailLines: parseNumber(query, 'tailLines'),
    sinceMs: sinceSeconds === undefined ? since : nowMs - sinceSeconds * 1000,
    timestamps: isTrue(query.get('timestamps')),
    limitBytes: parseNumber(query, 'limitBytes'),
    stream: stream === 'Stdout' ? 'stdout' : stream === 'Stderr' ? 'stderr' : undefined,
  };
}
