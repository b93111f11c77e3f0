// Large bodies and strange headers to the API server as a process, with a real etcd, while a polite client asks on a
// connection of its own: it is answered all the time.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import type { ClientHttp2Session } from 'node:http2';
import { after, before, describe, test } from 'node:test';
import { connect as connectTls } from 'node:tls';
import { realClock } from '../../machinery/clock.ts';
import { startControlPlane, type TestControlPlane } from '../environment/control-plane.ts';
import { fuzz, fuzzSeconds } from '../environment/fuzz.ts';
import { drawHeaders, drawHttp1 } from './api-headers.ts';
import { type FuzzRequest, fuzzName } from './api-inputs.ts';
import { drawLargeRequest } from './api-large-inputs.ts';
import { slowness } from './stall-bound.ts';

const answerDeadlineMs = 60_000;
const politeEveryMs = 20;
/** Of the processor's time, on a machine that does more than this. */
const maxStallSeconds = 0.3;
/** Of a machine that does much more than this. */
const maxPoliteMs = 2_000;
/** A server that has not answered and not hung up by then waits for more. */
const silenceMs = 1_000;

interface Ask {
  method: string;
  path: string;
  headers?: Record<string, string | string[]>;
  body?: Buffer | undefined;
}

async function ask(session: ClientHttp2Session, { method, path, headers = {}, body }: Ask) {
  const stream = session.request({ ...headers, ':method': method, ':path': path }, { endStream: body === undefined });
  if (body) stream.end(body);
  const [answer] = await once(stream, 'response', { signal: AbortSignal.timeout(answerDeadlineMs) });
  const chunks: Buffer[] = [];
  for await (const chunk of stream) chunks.push(chunk);
  return { code: answer[':status'] as number, text: Buffer.concat(chunks).toString() };
}

/** Asks for a small object again and again; tells the longest that an answer took. */
class PoliteClient {
  slowestMs = 0;
  readonly #abort = new AbortController();
  readonly #work: Promise<void>;

  constructor(session: ClientHttp2Session) {
    this.#work = this.#askOn(session);
  }

  async #askOn(session: ClientHttp2Session): Promise<void> {
    while (!this.#abort.signal.aborted) {
      const beganMs = realClock.monotonicMs();
      const { code } = await ask(session, { method: 'GET', path: '/api/v1/namespaces/default' });
      assert.equal(code, 200);
      this.slowestMs = Math.max(this.slowestMs, realClock.monotonicMs() - beganMs);
      await realClock.sleep(politeEveryMs, this.#abort.signal).catch(() => undefined);
    }
  }

  /** Throws what went wrong. */
  async end(): Promise<void> {
    this.#abort.abort();
    await this.#work;
  }
}

describe('the API server under large and strange requests', { timeout: (fuzzSeconds + 240) * 1000 }, () => {
  let api: TestControlPlane;
  let session: ClientHttp2Session;
  let polite: ClientHttp2Session;
  before(async () => {
    api = await startControlPlane();
    session = await api.openSession();
    polite = await api.openSession();
  });
  after(async () => {
    session?.destroy();
    polite?.destroy();
    await api?.[Symbol.asyncDispose]();
  });

  const stallSeconds = async () => {
    const { body } = await api.request('GET', '/metrics');
    return Number(/^k8ts_event_loop_stall_seconds (\S+)$/m.exec(String(body))?.[1]);
  };

  async function whilePolite(work: () => Promise<void>): Promise<void> {
    const client = new PoliteClient(polite);
    try {
      await work();
    } finally {
      await client.end();
    }
    const stall = await stallSeconds();
    console.log(`slowest answer ${Math.round(client.slowestMs)} ms, longest stall ${Math.round(stall * 1000)} ms`);
    assert.ok(stall <= maxStallSeconds * slowness, `a stall of ${stall} s`);
    assert.ok(client.slowestMs <= maxPoliteMs * slowness, `a polite client waited ${client.slowestMs} ms`);
  }

  async function sendLarge(request: FuzzRequest): Promise<number> {
    const { method, path, accept, contentType, body } = request;
    const shown = `${method} ${path} ${contentType} ${body?.length}: ${body?.toString().slice(0, 300)}`;
    const { code, text } = await ask(session, { method, path, headers: { accept, 'content-type': contentType }, body });
    if (code >= 500)
      assert.match(text, /etcdserver: request is too large/, `${code} ${text.slice(0, 1_000)}\n${shown}`);
    return code;
  }

  test('large bodies', async () => {
    const seen = new Map<number, number>();
    await whilePolite(() =>
      fuzz(async (draw) => {
        const request = drawLargeRequest(draw);
        const code = await sendLarge(request);
        seen.set(code, (seen.get(code) ?? 0) + 1);
        if (draw.chance(0.3)) await ask(session, { method: 'DELETE', path: `${request.collection}/${fuzzName}` });
      }, fuzzSeconds / 2),
    );
    console.log('answers by code:', Object.fromEntries(seen));
  });

  /** Sends bytes on a connection of their own; resolves when the server has answered, hung up or waits for more. */
  async function sendBytes(bytes: Buffer): Promise<string> {
    const { ca, cert, key } = api.config;
    const socket = connectTls({ host: '127.0.0.1', port: api.port, ca, cert, key, ALPNProtocols: ['http/1.1'] });
    let answer = '';
    socket.on('error', () => undefined); // it may hang up
    try {
      await once(socket, 'secureConnect');
      socket.on('data', (chunk: Buffer) => (answer += chunk.toString('latin1')));
      const over = Promise.race([once(socket, 'data'), once(socket, 'close')]);
      socket.write(bytes);
      await Promise.race([over, realClock.sleep(silenceMs)]);
    } finally {
      socket.destroy();
    }
    return answer;
  }

  test('headers of HTTP/2 and bytes of HTTP/1.1', async () => {
    await whilePolite(() =>
      fuzz(async (draw) => {
        const bytes = drawHttp1(draw);
        const answer = await sendBytes(bytes);
        assert.doesNotMatch(
          answer,
          /^HTTP\/1\.1 50[02]/,
          `${bytes.toString('latin1').slice(0, 2_000)}\n${answer.slice(0, 500)}`,
        );
        const headers = drawHeaders(draw);
        const { code, text } = await ask(session, {
          method: 'GET',
          path: '/api/v1/namespaces/default/configmaps',
          headers,
        });
        assert.ok(code < 500, `${code} ${text.slice(0, 500)}\n${JSON.stringify(headers).slice(0, 2_000)}`);
        assert.equal((await ask(polite, { method: 'GET', path: '/livez' })).code, 200);
      }, fuzzSeconds / 2),
    );
  });
});
