// Generated requests against the API server as a process, with a real etcd, while a polite client
// asks on a connection of its own.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import type { ClientHttp2Session } from 'node:http2';
import { after, before, test } from 'node:test';
import { startControlPlane, type TestControlPlane } from '../environment/control-plane.ts';
import { fuzz, fuzzSeconds } from '../environment/fuzz.ts';
import { drawRequest, type FuzzRequest, fuzzName } from './api-inputs.ts';
import { StallBound } from './stall-bound.ts';

let api: TestControlPlane;
let session: ClientHttp2Session;
before(async () => {
  api = await startControlPlane();
  session = await api.openSession();
});
after(async () => {
  session.destroy();
  await api[Symbol.asyncDispose]();
});

const answerDeadlineMs = 30_000;
/** Looking for a stall costs a request: once in so many cases. */
const lookEvery = 50;

/** What Kubernetes answers with 500, by its text. */
const knownErrors =
  /resourceVersion should not be set on objects to be created|does not contain declared merge key|unknown patch type|no preferred addresses found|failed to (create typed patch object|convert new object) \(|strconv\.ParseUint: parsing|spec replicas field ".+" does not exist|content is not a list/;

async function send(request: FuzzRequest): Promise<{ code: number; text: string }> {
  const { method, path, contentType, accept, body } = request;
  const stream = session.request(
    { ':method': method, ':path': path, accept, ...(contentType ? { 'content-type': contentType } : {}) },
    { endStream: body === undefined },
  );
  if (body) stream.end(body);
  const [headers] = await once(stream, 'response', { signal: AbortSignal.timeout(answerDeadlineMs) });
  const chunks: Buffer[] = [];
  for await (const chunk of stream) chunks.push(chunk);
  return { code: headers[':status'] as number, text: Buffer.concat(chunks).toString() };
}

/** The object that a write names, or undefined where there is none. */
async function stored({ collection }: FuzzRequest): Promise<string | undefined> {
  const { status, body } = await api.request('GET', `${collection}/${fuzzName}`);
  return status === 200 ? JSON.stringify(body) : undefined;
}

async function stallSeconds(): Promise<number> {
  const { body } = await api.request('GET', '/metrics');
  return Number(/^k8ts_event_loop_stall_seconds (\S+)$/m.exec(String(body))?.[1]);
}

test('no request breaks the API server', { timeout: (fuzzSeconds + 120) * 1000 }, async () => {
  const bound = new StallBound();
  let stalled = await stallSeconds();
  const seen = new Map<number, number>();
  await fuzz(async (draw, index) => {
    const request = drawRequest(draw);
    const shown = `${request.method} ${request.path} ${request.contentType} ${request.body?.toString().slice(0, 2000)}`;
    const before = await stored(request);
    const { code, text } = await send(request);
    seen.set(code, (seen.get(code) ?? 0) + 1);
    // A HEAD has no text: its GET tells why.
    const why = code >= 500 && request.method === 'HEAD' ? (await send({ ...request, method: 'GET' })).text : text;
    if (code >= 500) assert.match(why, knownErrors, `${code} ${text}\n${shown}`);
    if (code >= 400) assert.equal(await stored(request), before, `changed though refused with ${code}: ${shown}`);
    assert.equal((await api.request('GET', '/livez')).status, 200, shown);
    if (index % lookEvery !== 0) return;
    const stall = await stallSeconds();
    assert.ok(stall <= Math.max(stalled, bound.take()), `a stall of ${stall} s within the last ${lookEvery} cases`);
    stalled = Math.max(stalled, stall);
  });
  console.log('answers by code:', Object.fromEntries(seen));
});
