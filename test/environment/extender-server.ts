// A scheduler extender of a test: a real HTTP or HTTPS server on loopback that keeps what it was asked.
import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import { issueCertificate, makeAuthority } from '../../cli/pki/issue.ts';
import { realClock } from '../../machinery/clock.ts';

/** What a verb answers to what it was asked; undefined: nothing, ever. A number is a status code. */
export type Answers = Record<string, (args: any) => unknown>;

export class ExtenderServer implements AsyncDisposable {
  /** What was asked, oldest first. */
  readonly asked: { verb: string; args: any }[] = [];
  readonly #server: Server;
  /** Of its certificate, PEM in base64; empty without TLS. */
  readonly caData: string;

  constructor(server: Server, answers: Answers, caData: string) {
    this.#server = server;
    this.caData = caData;
    server.on('request', async (request, response) => {
      const chunks: Buffer[] = [];
      for await (const chunk of request) chunks.push(chunk);
      const verb = (request.url ?? '').split('/').at(-1)!;
      const args = JSON.parse(Buffer.concat(chunks).toString());
      this.asked.push({ verb, args });
      const answer = await answers[verb]?.(args);
      if (answer === undefined) return;
      response.writeHead(typeof answer === 'number' ? answer : 200, { 'content-type': 'application/json' });
      response.end(typeof answer === 'string' ? answer : JSON.stringify(answer));
    });
  }

  get urlPrefix(): string {
    const { port } = this.#server.address() as { port: number };
    return `${this.caData ? 'https' : 'http'}://127.0.0.1:${port}/scheduler`;
  }

  verbs(): string[] {
    return this.asked.map(({ verb }) => verb);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#server.closeAllConnections();
    this.#server.close();
    await once(this.#server, 'close');
  }
}

export async function startExtender(answers: Answers, { isTls = false } = {}): Promise<ExtenderServer> {
  let server = createServer();
  let ca = '';
  if (isTls) {
    const authority = await makeAuthority({ file: '', commonName: 'extender-ca' }, realClock.now());
    const usages = ['server'] as const;
    const plan = { file: '', authority: '', commonName: 'extender', addresses: ['127.0.0.1'], usages };
    const { certificatePem, keyPem } = await issueCertificate(plan, authority, realClock.now());
    server = createTlsServer({ cert: certificatePem, key: keyPem });
    ca = Buffer.from(authority.certificatePem).toString('base64');
  }
  const extender = new ExtenderServer(server, answers, ca);
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return extender;
}
