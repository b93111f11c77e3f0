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

/** A server whose `/slow` waits for `answer`, and whose `/stream` never ends by itself. */
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
  const options = { clock: realClock, tls: { cert: cert!, key: key!, clientCa: ca! }, addresses: ['127.0.0.1'], port };
  const front = await serveFront(options, {
    async request({ url, raw }) {
      onAsked();
      if (url === '/stream') {
        raw.writeHead(200);
        raw.write('begun');
        return undefined;
      }
      await answered;
      return { code: 200, headers: {}, body: 'done' };
    },
    upgrade: () => undefined,
  });
  return { front, port, ca: authority.certificatePem, asked, answer };
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
