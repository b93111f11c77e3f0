// The front over real sockets: what happens to requests when the server ends.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect } from 'node:http2';
import { request as httpsRequest } from 'node:https';
import { describe, test } from 'node:test';
import { type Front, serveFront } from '../../../apiserver/http/front.ts';
import { issueCertificate, makeAuthority } from '../../../cli/pki/issue.ts';
import { realClock } from '../../../machinery/clock.ts';
import { freePort } from '../../environment/control-plane.ts';

interface Served {
  front: Front;
  port: number;
  ca: string;
  /** Resolves when a request has come in. */
  asked: Promise<void>;
  answer(): void;
}

const pieces = Array.from({ length: 64 }, (_, i) => Buffer.alloc(200_000 + i, 65 + (i % 26)));

/** A server whose `/pieces` is long, whose `/slow` waits for `answer`, and whose `/stream` never ends by itself. */
async function serve(): Promise<Served> {
  const nowMs = realClock.now();
  const authority = await makeAuthority({ file: '', commonName: 'ca' }, nowMs);
  const plan = { file: '', authority: '', commonName: 'x', addresses: ['127.0.0.1'], usages: ['server'] as const };
  const { certificatePem, keyPem } = await issueCertificate(plan, authority, nowMs);
  const port = await freePort();
  const [ca, cert, key] = [authority.certificatePem, certificatePem, keyPem].map((pem) => Buffer.from(pem));
  let answer = () => {};
  let onAsked = () => {};
  const asked = new Promise<void>((resolve) => (onAsked = resolve));
  const answered = new Promise<void>((resolve) => (answer = resolve));
  const options = { clock: realClock, tls: { cert: cert!, key: key!, ca: ca! }, addresses: ['127.0.0.1'], port };
  const front = await serveFront(options, {
    async request({ url, raw }) {
      onAsked();
      if (url === '/stream') {
        raw.writeHead(200);
        raw.write('begun');
        return undefined;
      }
      if (url === '/pieces') return { code: 200, headers: {}, body: pieces };
      if (url === '/odd') return { code: 7, headers: {}, body: 'an answer that is none' };
      await answered;
      return { code: 200, headers: {}, body: 'done' };
    },
    upgrade: () => undefined,
  });
  return { front, port, ca: authority.certificatePem, asked, answer };
}

/** Reads the beginning of a GET's body, and ends its connection. */
async function leaveEarly(protocol: 'http1' | 'http2', { port, ca }: Served, path: string): Promise<void> {
  if (protocol === 'http1') {
    const request = httpsRequest({ host: '127.0.0.1', port, path, ca, agent: false });
    request.end();
    const [response] = await once(request, 'response');
    await once(response, 'data');
    request.destroy();
    return;
  }
  const session = connect(`https://127.0.0.1:${port}`, { ca });
  const stream = session.request({ ':path': path });
  await once(stream, 'data');
  session.destroy();
}

/** The body of a GET, with an end or broken off. */
async function get(protocol: 'http1' | 'http2', { port, ca }: Served, path: string): Promise<string> {
  const parts: Buffer[] = [];
  if (protocol === 'http1') {
    const request = httpsRequest({ host: '127.0.0.1', port, path, ca, agent: false });
    request.end();
    const [response] = await once(request, 'response');
    for await (const part of response) parts.push(part);
    return Buffer.concat(parts).toString();
  }
  const session = connect(`https://127.0.0.1:${port}`, { ca });
  session.on('error', () => undefined); // the stream says the same
  const stream = session.request({ ':path': path });
  try {
    for await (const part of stream) parts.push(part);
    return Buffer.concat(parts).toString();
  } finally {
    session.close();
  }
}

describe('an answer in pieces', () => {
  for (const protocol of ['http1', 'http2'] as const)
    test(`comes whole over ${protocol}, also after somebody has left in the middle of it`, async () => {
      const served = await serve();
      await leaveEarly(protocol, served, '/pieces');
      const bodies = await Promise.all([get(protocol, served, '/pieces'), get(protocol, served, '/pieces')]);
      const whole = Buffer.concat(pieces).toString();
      assert.ok(bodies.every((body) => body === whole));
      await served.front.close(0);
    });
});

describe('an answer that cannot be written', () => {
  for (const protocol of ['http1', 'http2'] as const)
    test(`ends its request over ${protocol}, and no other`, async () => {
      const served = await serve();
      await assert.rejects(get(protocol, served, '/odd'));
      assert.equal((await get(protocol, served, '/pieces')).length, Buffer.concat(pieces).length);
      await served.front.close(0);
    });
});

describe('a server that ends', () => {
  for (const protocol of ['http1', 'http2'] as const) {
    test(`answers what is under way over ${protocol}, and takes no more`, async () => {
      const served = await serve();
      const body = get(protocol, served, '/slow');
      await served.asked;
      const closed = served.front.close(5_000);
      await assert.rejects(get(protocol, served, '/slow'), /ECONNREFUSED/);
      served.answer();
      assert.equal(await body, 'done');
      await closed;
    });

    test(`does not wait for streams over ${protocol}`, async () => {
      const served = await serve();
      const body = get(protocol, served, '/stream').catch(() => 'broken off');
      await served.asked;
      const startedMs = realClock.monotonicMs();
      await served.front.close(5_000);
      await body;
      assert.ok(realClock.monotonicMs() - startedMs < 2_000);
    });
  }
});
