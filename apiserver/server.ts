// The filter chain of a request, in Kubernetes' order: panic recovery, request id, authentication, impersonation, authorization, and then
// whoever serves the path: a verb on a resource, a subresource, discovery, OpenAPI, health, metrics.
import { randomUUID } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import type { Duplex } from 'node:stream';
import type { TLSSocket } from 'node:tls';
import { promisify } from 'node:util';
import { gzip } from 'node:zlib';
import {
  forbiddenError,
  internalError,
  methodNotAllowedError,
  StatusError,
  unavailableError,
  unknownPathError,
} from '../machinery/errors.ts';
import { authenticate } from './authn/authenticate.ts';
import { impersonate } from './authn/impersonate.ts';
import type { UserInfo } from './authn/user.ts';
import { type Attributes, describeDenial } from './authz/attributes.ts';
import { handleCreate } from './endpoints/create.ts';
import { handleDelete, handleDeleteCollection } from './endpoints/delete.ts';
import type { Answer, ApiRequest } from './endpoints/exchange.ts';
import { handleGet, handleList } from './endpoints/list.ts';
import { handlePatch } from './endpoints/patch.ts';
import { handleUpdate } from './endpoints/update.ts';
import type { FrontRequest, FrontResponse } from './http/front.ts';
import { negotiate } from './http/negotiate.ts';
import { renderAnswer } from './http/render.ts';
import type { IncludeObject } from './http/table.ts';
import { forwardUpgrade, refuseUpgrade } from './http/upgrade.ts';
import { serveWatch } from './http/watch-response.ts';
import { parseRequestInfo, type RequestInfo } from './request-info.ts';
import type { RequestMetrics } from './request-metrics.ts';
import { one } from './server-headers.ts';
import type { Subresource, SubresourceContext } from './subresources/handler.ts';

/** Serves a path that is not a resource: discovery, OpenAPI, health. Undefined: not mine. */
export type PathHandler = (path: string, request: FrontRequest) => Promise<FrontResponse | undefined>;

export interface ApiServerParts {
  context: SubresourceContext;
  subresources: readonly Subresource[];
  /** Kinds that are answered, not stored: by `group/plural`. */
  reviews: Readonly<Record<string, (context: SubresourceContext, request: ApiRequest) => Promise<Answer>>>;
  paths: PathHandler;
  metrics: RequestMetrics;
}

export interface ApiServer {
  request(request: FrontRequest): Promise<FrontResponse | undefined>;
  upgrade(request: IncomingMessage, socket: Duplex, head: Buffer): void;
}

const gzipBytes = promisify(gzip);
const compressAboveBytes = 128 * 1024;

const verbHandlers: Record<string, (context: SubresourceContext, request: ApiRequest) => Promise<Answer>> = {
  get: handleGet,
  list: handleList,
  create: handleCreate,
  update: handleUpdate,
  patch: handlePatch,
  delete: handleDelete,
  deletecollection: handleDeleteCollection,
};

export function createApiServer(parts: ApiServerParts): ApiServer {
  const { context } = parts;
  const bySubresource = new Map(parts.subresources.map((s) => [`${s.group}/${s.resource}/${s.name}`, s]));

  /** Authentication to authorization; what follows may trust the request. */
  const admit = async (front: Pick<FrontRequest, 'headers' | 'socket'>, info: RequestInfo): Promise<UserInfo> => {
    const credentials = { socket: front.socket, authorization: one(front.headers.authorization) };
    const real = await authenticate(credentials, {
      tokens: context.tokens,
      store: context.store,
      kinds: context.kinds,
    });
    const user = impersonate(real, front.headers, context.authorizer);
    const attributes: Attributes = { ...info, user };
    if (!context.authorizer.authorize(attributes).allowed) throw denied(attributes);
    return user;
  };

  const resolve = (info: RequestInfo, user: UserInfo, front: Omit<FrontRequest, 'raw'>, signal: AbortSignal) => {
    const served = context.kinds.find(info.group, info.version, info.resource);
    if (!served) throw unknownPathError();
    if (served.kind.namespaced && !info.namespace && info.name) throw unknownPathError();
    if (!served.kind.namespaced && info.namespace && info.resource !== 'namespaces') throw unknownPathError();
    const target = served.kind.namespaced ? info : { ...info, namespace: '' };
    const request: ApiRequest = {
      info: target,
      kind: served.kind,
      version: served.version,
      user,
      query: queryOf(front.url),
      contentType: one(front.headers['content-type']) ?? '',
      userAgent: one(front.headers['user-agent']) ?? '',
      body: front.body,
      signal,
    };
    return request;
  };

  const serveResource = async (
    front: FrontRequest,
    info: RequestInfo,
    user: UserInfo,
  ): Promise<FrontResponse | undefined> => {
    if (!context.store.cache.ready) throw unavailableError('storage is (re)initializing');
    const abort = new AbortController();
    front.raw.on('close', () => abort.abort());
    const request = resolve(info, user, front, abort.signal);
    const answer = await dispatch(request, front);
    return answer && render(answer, request, front);
  };

  const dispatch = async (request: ApiRequest, front: FrontRequest): Promise<Answer | undefined> => {
    const { kind, info } = request;
    const subresource = info.subresource;
    const resource = { group: kind.group, resource: kind.plural };
    if (subresource !== '' && !(subresource === 'status' && kind.subresources.status)) {
      const name =
        subresource === 'scale' && kind.subresources.scale
          ? '*/*/scale'
          : `${kind.group}/${kind.plural}/${subresource}`;
      const handler = bySubresource.get(name);
      if (!handler) throw unknownPathError();
      return handler.handle(context, request, front);
    }
    const review = parts.reviews[`${kind.group}/${kind.plural}`];
    if (review && info.verb === 'create') return review(context, request);
    const allowed = subresource === 'status' ? ['get', 'update', 'patch'] : kind.verbs;
    if (!(allowed as readonly string[]).includes(info.verb) || !kind.stored)
      throw methodNotAllowedError(resource, info.verb);
    if (info.verb === 'watch') {
      await serveWatch(context, request, front);
      return undefined;
    }
    return verbHandlers[info.verb]!(context, request);
  };

  const render = (answer: Answer, request: ApiRequest, front: FrontRequest): Promise<FrontResponse> => {
    const rendered = renderAnswer(answer, {
      kind: request.kind,
      version: request.version,
      media: negotiate(one(front.headers.accept)),
      include: (request.query.get('includeObject') ?? 'Metadata') as IncludeObject,
      nowMs: context.clock.now(),
    });
    const warnings = (answer.warnings ?? []).map((w) => `299 - ${JSON.stringify(w)}`);
    return compress(front, {
      code: rendered.code,
      headers: { 'content-type': rendered.contentType, ...(warnings.length > 0 ? { warning: warnings } : {}) },
      body: rendered.body,
    });
  };

  const serve = async (front: FrontRequest, info: RequestInfo): Promise<FrontResponse | undefined> => {
    const user = await admit(front, info);
    if (info.isResource) return serveResource(front, info, user);
    const found = await parts.paths(info.path, front);
    if (!found) throw unknownPathError();
    return compress(front, found);
  };

  return {
    async request(front) {
      const url = new URL(front.url, 'https://localhost');
      const info = parseRequestInfo(front.method, url.pathname, url.searchParams);
      const auditId = randomUUID();
      const done = parts.metrics.begin(info);
      try {
        const response = await serve(front, info);
        done(response?.code ?? 200);
        if (response) response.headers['audit-id'] = auditId;
        return response;
      } catch (err) {
        const status = toStatusError(err, context, info);
        done(status.code);
        return errorResponse(status, auditId);
      }
    },
    upgrade(message, socket, head) {
      const url = new URL(message.url ?? '/', 'https://localhost');
      const info = parseRequestInfo(message.method ?? 'GET', url.pathname, url.searchParams);
      const front = {
        method: message.method ?? 'GET',
        url: message.url ?? '/',
        headers: message.headers,
        body: Buffer.alloc(0),
        socket: message.socket as TLSSocket,
      };
      const run = async () => {
        // A browser's WebSocket cannot choose its method; exec is a create whichever way it comes.
        const user = await admit(front, {
          ...info,
          verb: info.isResource && info.subresource !== 'proxy' ? 'create' : info.verb,
        });
        const request = resolve(info, user, front, new AbortController().signal);
        const handler = bySubresource.get(`${request.kind.group}/${request.kind.plural}/${info.subresource}`);
        if (!handler?.upgrade) throw unknownPathError();
        forwardUpgrade({ message, socket, head }, await handler.upgrade(context, request), context.kubelets);
      };
      run().catch((err) => refuseUpgrade(socket, toStatusError(err, context, info)));
    },
  };
}

function denied(attributes: Attributes): StatusError {
  const { group, resource, name, isResource } = attributes;
  if (!isResource) {
    return new StatusError(403, 'Forbidden', `forbidden: ${describeDenial(attributes)}`, { details: {} });
  }
  return forbiddenError({ group, resource }, name, describeDenial(attributes));
}

/** Anything thrown, as what the client is told. What is not a StatusError is a bug and is logged with its stack. */
function toStatusError(err: unknown, context: SubresourceContext, info: RequestInfo): StatusError {
  if (err instanceof StatusError) return err;
  context.log.error({ err, verb: info.verb, path: info.path }, 'request failed unexpectedly');
  return internalError(err instanceof Error ? err.message : String(err), err);
}

function errorResponse(err: StatusError, auditId: string): FrontResponse {
  const headers: Record<string, string> = { 'content-type': 'application/json', 'audit-id': auditId };
  if (err.details?.retryAfterSeconds) headers['retry-after'] = String(err.details.retryAfterSeconds);
  return { code: err.code, headers, body: `${JSON.stringify(err.toStatus())}\n` };
}

async function compress(front: FrontRequest, response: FrontResponse): Promise<FrontResponse> {
  const accepts = one(front.headers['accept-encoding'])?.includes('gzip');
  if (!accepts || response.body.length < compressAboveBytes) return response;
  const body = await gzipBytes(response.body, { level: 1 });
  return { ...response, body, headers: { ...response.headers, 'content-encoding': 'gzip', vary: 'accept-encoding' } };
}

function queryOf(url: string): URLSearchParams {
  const at = url.indexOf('?');
  return new URLSearchParams(at < 0 ? '' : url.slice(at + 1));
}
