// A webhook of a test: a real HTTPS server on loopback that keeps what it was asked and answers as it is told.
import { once } from 'node:events';
import { createServer, type Server } from 'node:https';
import type { Socket } from 'node:net';
import { issueCertificate } from '../../cli/pki/issue.ts';
import { realClock } from '../../machinery/clock.ts';
import type { TestControlPlane } from './control-plane.ts';

type Reply = (review: any, path: string) => object | Promise<object | undefined> | undefined;

export class WebhookServer implements AsyncDisposable {
  /** The requests of all reviews, oldest first. */
  readonly asked: any[] = [];
  /** What to answer; the `response` of a review without its uid. */
  reply: Reply = () => ({ allowed: true });
  /** How many connections were opened. */
  connections = 0;
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();
  readonly #caBundle: string;

  constructor(server: Server, caBundle: string) {
    this.#server = server;
    this.#caBundle = caBundle;
    server.on('connection', (socket) => {
      this.connections++;
      this.#sockets.add(socket);
      socket.on('close', () => this.#sockets.delete(socket));
    });
    server.on('request', (request, response) => {
      const chunks: Buffer[] = [];
      request.on('data', (chunk: Buffer) => chunks.push(chunk));
      request.on('end', async () => {
        const review = JSON.parse(Buffer.concat(chunks).toString());
        this.asked.push(review.request);
        const answer = await this.reply(review, request.url ?? '');
        // Without an answer the connection stays open.
        if (!answer) return;
        const { raw, code = 200 } = answer as { raw?: string; code?: number };
        response.writeHead(code, { 'content-type': 'application/json' });
        const { kind, apiVersion } = review;
        response.end(raw ?? JSON.stringify({ kind, apiVersion, response: { uid: review.request.uid, ...answer } }));
      });
    });
  }

  get port(): number {
    return (this.#server.address() as { port: number }).port;
  }

  clientConfig(path = '/'): object {
    return { url: `https://127.0.0.1:${this.port}${path}`, caBundle: this.#caBundle };
  }

  /** Ends the connections that are open now. */
  hangUp(): void {
    for (const socket of this.#sockets) socket.destroy();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#server.close();
    this.hangUp();
    await once(this.#server, 'close');
  }
}

interface Place {
  /** Of this machine. */
  address: string;
  /** By which its certificate knows it, too. */
  dnsNames?: string[];
}

/** Starts one whose certificate the CA of the control plane has signed. */
export async function startWebhookServer(
  api: Pick<TestControlPlane, 'authority'>,
  { address, dnsNames = [] }: Place = { address: '127.0.0.1' },
): Promise<WebhookServer> {
  const plan = {
    file: '',
    authority: '',
    commonName: 'webhook',
    addresses: [address],
    dnsNames,
    usages: ['server'] as const,
  };
  const { certificatePem, keyPem } = await issueCertificate(plan, api.authority, realClock.now());
  const server = createServer({ cert: certificatePem, key: keyPem });
  const caBundle = Buffer.from(api.authority.certificatePem).toString('base64');
  const webhook = new WebhookServer(server, caBundle);
  server.listen(0, address);
  await once(server, 'listening');
  return webhook;
}
