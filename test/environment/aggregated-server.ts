// An aggregated API server of a test: real HTTPS on loopback with client certificates, one resource, watches, a path
// that changes its protocol. It keeps what it was asked, and says what it is told to.
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { createServer, type Server } from 'node:https';
import type { Socket } from 'node:net';
import type { TLSSocket } from 'node:tls';
import { issueCertificate } from '../../cli/pki/issue.ts';
import { realClock } from '../../machinery/clock.ts';
import type { TestControlPlane } from './control-plane.ts';

export interface Asked {
  method: string;
  url: string;
  headers: IncomingMessage['headers'];
  rawHeaders: string[];
  /** Name in the certificate that the other side showed, if a known CA has signed it. */
  shown: string | undefined;
  body: string;
}

const group = 'flunders.example.com';
export const resource = {
  resource: 'flunders',
  responseKind: { group, version: 'v1', kind: 'Flunder' },
  scope: 'Namespaced',
  singularResource: 'flunder',
  verbs: ['create', 'get', 'list', 'watch'],
  shortNames: ['fl'],
};
const aggregatedType = 'application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList';
export const openApiHash = 'ABCDEF';
const openApiEtag = '"one"';
const flunderName = 'com.example.flunders.v1.Flunder';
const openApiV2 = {
  swagger: '2.0',
  info: { title: 'flunders', version: '1' },
  paths: {
    [`/apis/${group}/v1/namespaces/{namespace}/flunders`]: {
      parameters: [{ $ref: '#/parameters/namespace' }],
      get: {
        operationId: 'listFlunders',
        responses: { 200: { description: 'OK', schema: { $ref: `#/definitions/${flunderName}` } } },
      },
    },
    '/apis/other.example.com/v1/others': { get: { responses: {} } },
  },
  parameters: { namespace: { name: 'namespace', in: 'path', type: 'string', required: true } },
  definitions: {
    [flunderName]: {
      description: 'A flunder.',
      type: 'object',
      properties: { metadata: { $ref: '#/definitions/io.k8s.apimachinery.pkg.apis.meta.v1.ObjectMeta' } },
      'x-kubernetes-group-version-kind': [{ group, version: 'v1', kind: 'Flunder' }],
    },
    'io.k8s.apimachinery.pkg.apis.meta.v1.ObjectMeta': { description: 'Of an older version.', type: 'object' },
  },
};

export class AggregatedServer implements AsyncDisposable {
  readonly asked: Asked[] = [];
  /** Whether it has the aggregated document; older servers do not. */
  isOld = false;
  /** What its aggregated document has of it. */
  resources: unknown[] = [resource];
  /** Answers all with 500. */
  isBroken = false;
  /** The watches that are open. */
  readonly watches = new Set<ServerResponse>();
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();
  readonly caBundle: string;

  constructor(server: Server, caBundle: string) {
    this.#server = server;
    this.caBundle = caBundle;
    server.on('connection', (socket) => {
      this.#sockets.add(socket);
      socket.on('close', () => this.#sockets.delete(socket));
    });
    server.on('request', async (request: IncomingMessage, response: ServerResponse) => {
      const chunks: Buffer[] = [];
      for await (const chunk of request) chunks.push(chunk);
      this.#note(request, Buffer.concat(chunks).toString());
      this.#answer(request, response);
    });
    server.on('upgrade', (request: IncomingMessage, socket: Socket) => {
      this.#note(request, '');
      socket.on('error', () => undefined);
      socket.write('HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: echo\r\n\r\n');
      socket.pipe(socket);
    });
  }

  #note(request: IncomingMessage, body: string): void {
    const socket = request.socket as TLSSocket;
    this.asked.push({
      method: request.method ?? '',
      url: request.url ?? '',
      headers: request.headers,
      rawHeaders: request.rawHeaders,
      shown: socket.authorized ? String(socket.getPeerCertificate().subject.CN) : undefined,
      body,
    });
  }

  #answer(request: IncomingMessage, response: ServerResponse): unknown {
    const url = request.url ?? '';
    const send = (code: number, value: object, type = 'application/json') => {
      response.writeHead(code, { 'content-type': type });
      response.end(JSON.stringify(value));
    };
    if (this.isBroken) return send(500, {});
    if (url === '/apis' && !this.isOld) {
      const versions = [{ version: 'v1', resources: this.resources, freshness: 'Current' }];
      return send(
        200,
        { kind: 'APIGroupDiscoveryList', items: [{ metadata: { name: group }, versions }] },
        aggregatedType,
      );
    }
    if (url === `/apis/${group}/v1`) {
      const listed = { name: 'flunders', singularName: 'flunder', namespaced: true, kind: 'Flunder' };
      const sub = { name: 'flunders/status', singularName: '', namespaced: true, kind: 'Flunder', verbs: ['get'] };
      const resources = [{ ...listed, verbs: resource.verbs, shortNames: ['fl'] }, sub];
      return send(200, { kind: 'APIResourceList', apiVersion: 'v1', groupVersion: `${group}/v1`, resources });
    }
    if (url === '/openapi/v3') {
      const path = `apis/${group}/v1`;
      return send(200, { paths: { [path]: { serverRelativeURL: `/openapi/v3/${path}?hash=${openApiHash}` } } });
    }
    if (url === '/openapi/v2') {
      if (request.headers['if-none-match'] === openApiEtag) return response.writeHead(304).end();
      response.setHeader('etag', openApiEtag);
      return send(200, openApiV2);
    }
    if (url.startsWith('/openapi/v3/')) return send(200, { openapi: '3.0.0', info: { title: 'flunders' } });
    if (url.includes('watch=true')) {
      response.writeHead(200, { 'content-type': 'application/json' });
      response.flushHeaders();
      this.watches.add(response);
      return response.on('close', () => this.watches.delete(response));
    }
    if (request.method === 'GET' && /\/flunders(\?|$)/.test(url)) {
      return send(200, { kind: 'FlunderList', apiVersion: `${group}/v1`, metadata: {}, items: [] });
    }
    return send(request.method === 'POST' ? 201 : 404, { kind: 'Status', apiVersion: 'v1' });
  }

  get port(): number {
    return (this.#server.address() as { port: number }).port;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#server.close();
    for (const socket of this.#sockets) socket.destroy();
    await once(this.#server, 'close');
  }
}

/** Starts one that is `flunders.testing.svc` by its certificate, and believes the control plane's proxy certificate. */
export async function startAggregatedServer(api: TestControlPlane): Promise<AggregatedServer> {
  const plan = {
    file: '',
    authority: '',
    commonName: 'flunders',
    dnsNames: ['flunders.testing.svc'],
    usages: ['server'] as const,
  };
  const { certificatePem, keyPem } = await issueCertificate(plan, api.authority, realClock.now());
  const server = createServer({
    cert: certificatePem,
    key: keyPem,
    ca: readFileSync(api.file('front-proxy-ca.crt')),
    requestCert: true,
    rejectUnauthorized: false,
  });
  const aggregated = new AggregatedServer(server, Buffer.from(api.authority.certificatePem).toString('base64'));
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return aggregated;
}
