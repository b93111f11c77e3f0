// Probe by HTTP GET: succeeds on a status from 200 to 399. Redirects within the host are followed.
// Upstream: pkg/probe/http.
import { request as httpRequest, type IncomingMessage } from 'node:http';
import { request as httpsRequest } from 'node:https';
import type { HTTPGetAction } from '../../api/core/pod/probe.ts';
import type { Clock } from '../../machinery/clock.ts';
import {
  describeDialError,
  failure,
  maxAnswerBytes,
  type ProbeResult,
  type Prober,
  resolvePort,
  success,
  timeoutMsOf,
  warning,
} from './probe-result.ts';

const maxRedirects = 9;
/** Redirects that are followed. */
const followed = new Set([301, 302, 303, 307, 308]);
/** A URL with a scheme, which names its host itself: a Host header is for the one that was asked first. */
const isAbsolute = /^[a-z][a-z0-9+.-]*:/i;
const timedOut = 'context deadline exceeded (Client.Timeout exceeded while awaiting headers)';

type Headers = Record<string, string | string[]>;

export interface HttpRequestOptions {
  url: URL;
  headers: Headers;
  timeoutMs: number;
  clock: Clock;
  /** Ends the request early. */
  signal?: AbortSignal;
}

export const createHttpProber =
  (clock: Clock): Prober =>
  async (probe, { container, podIp }) => {
    const action = probe.httpGet!;
    const url = urlOf(action, resolvePort(action.port, container), podIp);
    return follow({ url, headers: headersOf(action), timeoutMs: timeoutMsOf(probe), clock }, maxRedirects);
  };

export function urlOf(action: HTTPGetAction, port: number, podIp: string): URL {
  const host = action.host || podIp;
  const scheme = (action.scheme ?? 'HTTP').toLowerCase();
  const path = action.path ?? '/';
  return new URL(
    `${scheme}://${host.includes(':') ? `[${host}]` : host}:${port}${path.startsWith('/') ? path : `/${path}`}`,
  );
}

/** What the action asks for, a name that is given several times with all its values, and who asks. */
export function headersOf({ httpHeaders = [] }: HTTPGetAction, agent = 'kube-probe/1.36'): Headers {
  const given = new Map<string, string[]>();
  for (const { name, value } of httpHeaders) {
    const key = name.toLowerCase();
    given.getOrInsert(key, []).push(value);
  }
  const { host, accept, ...rest } = Object.fromEntries(given);
  return {
    'user-agent': agent,
    connection: 'close',
    ...(accept?.[0] === '' ? {} : { accept: accept ?? '*/*' }),
    ...rest,
    ...(host ? { host: host[0]! } : {}),
  };
}

async function follow(options: HttpRequestOptions, left: number): Promise<ProbeResult> {
  const startMs = options.clock.monotonicMs();
  try {
    const { status, body, location } = await httpGet(options);
    if (followed.has(status) && location) {
      const next = new URL(location, options.url);
      // Another host is not ours to judge: arriving at a redirect was a success.
      if (next.hostname === options.url.hostname) {
        if (left === 0) return failure(`Get "${showUrl(next)}": stopped after 10 redirects`);
        const { host, ...others } = options.headers;
        const headers = isAbsolute.test(location) ? others : options.headers;
        // All of them together have as long as the probe.
        const timeoutMs = options.timeoutMs - (options.clock.monotonicMs() - startMs);
        return await follow({ ...options, url: next, headers, timeoutMs }, left - 1);
      }
    }
    if (status >= 200 && status < 300) return success(body);
    if (status >= 300 && status < 400) return warning(`Probe terminated redirects, Response body: ${body}`);
    return failure(`HTTP probe failed with statuscode: ${status}`);
  } catch (err) {
    return failure(describeFailure(options.url, err as Error));
  }
}

/** Why there was no answer, in the words of Go's client. */
export function describeFailure(url: URL, err: Error): string {
  const why =
    err.message === timedOut
      ? timedOut
      : isPlainAnswer(err)
        ? 'http: server gave HTTP response to HTTPS client'
        : describeDialError(err, `${url.hostname}:${portOf(url)}`);
  return `Get "${showUrl(url)}": ${why}`;
}

/** A server that was asked over TLS answered without. */
export const isPlainAnswer = (err: unknown) => err instanceof Error && err.message.includes('wrong version number');

const portOf = (url: URL) => url.port || (url.protocol === 'https:' ? '443' : '80');
// The port is shown even where it is the scheme's own.
const showUrl = (url: URL) => `${url.protocol}//${url.hostname}:${portOf(url)}${url.pathname}${url.search}`;

/** One GET. Rejects when there is no answer in time; certificates are not checked. */
export function httpGet({ url, headers, timeoutMs, clock, signal }: HttpRequestOptions) {
  return new Promise<{ status: number; body: string; location: string | undefined }>((resolve, reject) => {
    const finish = ({ statusCode: status = 0, headers: { location } }: IncomingMessage, body: string) => {
      timer.cancel();
      resolve({ status, body, location });
      request.destroy();
    };
    const onResponse = (response: IncomingMessage) => {
      const chunks: Buffer[] = [];
      let left = maxAnswerBytes;
      const done = () => finish(response, Buffer.concat(chunks).toString());
      response.on('data', (chunk: Buffer) => {
        chunks.push(chunk.subarray(0, left));
        left -= Math.min(left, chunk.length);
        // There may be no end of it.
        if (left === 0) done();
      });
      response.on('error', reject);
      response.on('end', done);
    };
    const options = { method: 'GET', headers, agent: false as const, ...(signal ? { signal } : {}) };
    const request =
      url.protocol === 'https:'
        ? httpsRequest(url, { ...options, rejectUnauthorized: false }, onResponse)
        : httpRequest(url, options, onResponse);
    // In another protocol, which nobody asked for: without this Node says nothing and lets the connection go.
    request.on('upgrade', (response) => finish(response, ''));
    const timer = clock.after(timeoutMs, () => request.destroy(new Error(timedOut)));
    request.on('error', (err) => {
      timer.cancel();
      reject(err);
    });
    request.end();
  });
}
