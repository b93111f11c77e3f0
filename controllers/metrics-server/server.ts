// The server of the metrics' groups: HTTPS for the API server in front of it, which says who asks. Reads only.
import type { IncomingMessage, ServerResponse } from 'node:http';
import { createServer, type Server } from 'node:https';
import type { Attributes } from '../../client/delegated-access.ts';
import { type Authorizer, attributesOfPath } from '../../client/secure/delegated-authorizer.ts';
import {
  internalError,
  methodNotRoutedError,
  StatusError,
  unauthorizedError,
  unknownPathError,
} from '../../machinery/errors.ts';
import type { Logger } from '../../machinery/log.ts';
import { readTrust, type Trust, userOf } from './authentication.ts';
import { attributesOf } from './authorization.ts';
import { readParts, type ServedApi } from './served-api.ts';

export interface ServerDeps {
  certificatePem: string;
  keyPem: string;
  apis: readonly ServedApi[];
  authorize: Authorizer;
  log: Logger;
}

export interface MetricsHttpServer {
  server: Server;
  /** Takes what the ConfigMap says of whom to trust. */
  trust(data: Readonly<Record<string, string>> | undefined): void;
}

const timeouts = { handshakeTimeout: 10_000, headersTimeout: 30_000, requestTimeout: 30_000 };

/** Makes it; it listens to nothing yet. */
export function makeServer(deps: ServerDeps): MetricsHttpServer {
  const tls = { cert: deps.certificatePem, key: deps.keyPem };
  let trust = readTrust();
  const server = createServer({ ...tls, ...timeouts, requestCert: true, rejectUnauthorized: false });
  server.on('request', (request, response) => {
    answer(deps, trust, request).then(
      (body) => send(response, 200, body),
      (err) => sendError(deps.log, response, err),
    );
  });
  return {
    server,
    trust(data) {
      trust = readTrust(data);
      server.setSecureContext({ ...tls, ...(trust.ca === '' ? {} : { ca: trust.ca }) });
    },
  };
}

async function answer(deps: ServerDeps, trust: Trust, request: IncomingMessage): Promise<object> {
  const user = userOf(request, trust);
  if (!user) throw unauthorizedError();
  const { method = '', url = '/' } = request;
  const base = 'https://metrics';
  if (!URL.canParse(url, base)) throw unknownPathError();
  const { pathname, searchParams } = new URL(url, base);
  const [root, group = '', version = '', ...parts] = pathname.slice(1).split('/').map(decoded);
  const api = deps.apis.find((one) => root === 'apis' && one.group === group && one.version === version);
  const authorize = (attributes: Attributes) => deps.authorize(user, attributes);
  if (!api || parts.join('') === '') {
    await authorize(attributesOfPath(pathname));
    if (!api) throw unknownPathError();
    return {
      kind: 'APIResourceList',
      apiVersion: 'v1',
      groupVersion: `${group}/${version}`,
      resources: api.resources(),
    };
  }
  const asTable = (request.headers.accept ?? '').includes('as=Table');
  const asked = { ...readParts(parts), query: searchParams, asTable };
  await authorize(attributesOf(group, version, asked));
  if (method !== 'GET' && method !== 'HEAD') throw methodNotRoutedError();
  return api.answer(asked);
}

function decoded(part: string): string {
  try {
    return decodeURIComponent(part);
  } catch {
    throw unknownPathError();
  }
}

function send(response: ServerResponse, code: number, body: object): void {
  const text = JSON.stringify(body);
  response.writeHead(code, { 'content-type': 'application/json', 'content-length': Buffer.byteLength(text) });
  response.end(text);
}

function sendError(log: Logger, response: ServerResponse, err: unknown): void {
  if (!(err instanceof StatusError)) log.warn({ err }, 'a request for metrics failed');
  const known = err instanceof StatusError ? err : internalError((err as Error).message, err);
  send(response, known.code, known.toStatus());
}
