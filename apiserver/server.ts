// The filter chain of a request, in Kubernetes' order: panic recovery, request id, authentication,
// impersonation, authorization, and then whoever serves the path: a verb on a resource, a
// subresource, a review, or one of the paths that are no resources.
import { randomUUID } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import type { Duplex } from 'node:stream';
import type { TLSSocket } from 'node:tls';
import {
  badRequestError,
  earlyPathError,
  internalError,
  messageOf,
  notFoundError,
  PageNotFoundError,
  StatusError,
  unavailableError,
  unknownPathError,
} from '../machinery/errors.ts';
import { type Kind, typeNameOf } from '../machinery/kind.ts';
import type { AccessMetrics } from './access-metrics.ts';
import { admitConnect } from './admission/connect.ts';
import type { Aggregator } from './aggregation/aggregator.ts';
import { type Audit, auditedBody } from './audit/audit.ts';
import type { AuditTrail } from './audit/trail.ts';
import { Impersonation } from './authn/impersonate.ts';
import type { UserInfo } from './authn/user.ts';
import { type Attributes, denied } from './authz/attributes.ts';
import { handleCreate } from './endpoints/create.ts';
import { handleDelete, handleDeleteCollection } from './endpoints/delete.ts';
import type { Answer, ApiRequest } from './endpoints/exchange.ts';
import { handleGet, handleList } from './endpoints/list.ts';
import { handlePatch } from './endpoints/patch.ts';
import { selectedValue } from './endpoints/selection.ts';
import { handleUpdate } from './endpoints/update.ts';
import type { Fairness } from './fairness/fairness.ts';
import { widthOf } from './fairness/width.ts';
import { sizeOf, wholeOf } from './http/body.ts';
import { compress } from './http/compress.ts';
import type { FrontRequest, FrontResponse } from './http/front.ts';
import { listTypes, matchRoute, negotiate, negotiateError, types, wantsPretty } from './http/negotiate.ts';
import { encode, renderAnswer } from './http/render.ts';
import { noBody } from './http/request-body.ts';
import { type IncludeObject, readIncludeObject } from './http/table.ts';
import { endInHttp, forwardUpgrade, refuseUpgrade } from './http/upgrade.ts';
import { warningHeaders } from './http/warnings.ts';
import { OpenWatches, serveWatch } from './http/watch-response.ts';
import { asksForWebSocket, WebSocketAnswer } from './http/websocket-answer.ts';
import { type InFlight, isLongRunning, tooManyRequests } from './in-flight.ts';
import { LargeRequests } from './large-requests.ts';
import { checkPath, fitsPath } from './path-fit.ts';
import type { PathHandler } from './paths.ts';
import { hasFieldNumbers } from './protobuf/field-table.ts';
import { refusedVerb } from './registry/refused-verb.ts';
import { deadlineOf, maxRequestMs, within } from './request-deadline.ts';
import { type RequestInfo, requestInfoOf } from './request-info.ts';
import type { RequestCount, RequestMetrics } from './request-metrics.ts';
import { one } from './server-headers.ts';
import type { Subresource, SubresourceContext } from './subresources/handler.ts';

type Handler = (context: SubresourceContext, request: ApiRequest) => Promise<Answer>;

interface ApiServerParts {
  context: SubresourceContext;
  subresources: readonly Subresource[];
  /** Kinds that are answered, not stored: by `group/plural`. */
  reviews: Readonly<Record<string, Handler>>;
  paths: PathHandler;
  /** Who else answers for some of the paths. */
  aggregator: Aggregator;
  /** False while the server starts and does not know every kind yet. Absent: it knows them. */
  knowsAllPaths?(): boolean;
  metrics: RequestMetrics;
  /** Absent: nobody counts who asks. */
  access?: AccessMetrics | undefined;
  inFlight: InFlight;
  /** Absent: the number in flight is all that counts. */
  fairness?: Fairness | undefined;
  /** Absent: nothing is written down. */
  audit?: Audit | undefined;
}

/** What is known of a request before its body is read: an upgrade has no more. */
type RequestHead = Omit<FrontRequest, 'raw' | 'body'> & { audit?: AuditTrail | undefined };
type AuditedRequest = FrontRequest & { audit?: AuditTrail | undefined };

/** Who asks for what, and whether they still wait for it. */
interface Asked {
  info: RequestInfo;
  user: UserInfo;
  /** Aborts when the client is gone before it has its answer, or what streams is over. */
  signal: AbortSignal;
}

// What watches over the server may ask whatever the roles say, and while they cannot be read.
const alwaysAllowed = new Set(['/healthz', '/livez', '/readyz']);
// How much of its time a request may wait for its turn.
const waitPart = 4;
const writingVerbs = new Set(['create', 'update', 'patch', 'delete', 'deletecollection']);
const statusVerbs = ['get', 'update', 'patch'];

const verbHandlers: Record<string, Handler> = {
  get: handleGet,
  list: handleList,
  create: handleCreate,
  update: handleUpdate,
  patch: handlePatch,
  delete: handleDelete,
  deletecollection: handleDeleteCollection,
};

export class ApiServer {
  readonly #parts: ApiServerParts;
  readonly #context: SubresourceContext;
  readonly #subresources: ReadonlyMap<string, Subresource>;
  readonly #large: LargeRequests;
  readonly #watches = new OpenWatches();
  readonly #impersonation = new Impersonation();

  constructor(parts: ApiServerParts) {
    this.#parts = parts;
    this.#context = parts.context;
    this.#large = new LargeRequests(parts.context.clock);
    this.#subresources = new Map(parts.subresources.map((s) => [`${s.group}/${s.resource}/${s.name}`, s]));
  }

  /** The request as it is counted: what nobody serves counts as one, so that made-up names do not fill the memory. */
  #counted(info: RequestInfo): RequestInfo {
    const { group, version, resource, subresource } = info;
    const kind = this.#context.kinds.find(group, version, resource)?.kind;
    if (!kind) return { ...info, isResource: false, group: '', version: '', resource: '', subresource: '' };
    const isKnown = ['status', 'scale'].includes(subresource) || this.#handlerOf(kind, subresource) !== undefined;
    return isKnown ? info : { ...info, subresource: '' };
  }

  #handlerOf(kind: Kind, subresource: string): Subresource | undefined {
    const isScale = subresource === 'scale' && kind.subresources.scale;
    return this.#subresources.get(isScale ? '*/*/scale' : `${kind.group}/${kind.plural}/${subresource}`);
  }

  /** Answers a request, or takes it over (watches, streams) and returns undefined. Never throws. */
  async request(front: FrontRequest): Promise<FrontResponse | undefined> {
    const info = requestInfoOf(front.method, front.url);
    const auditId = one(front.headers['audit-id']) || randomUUID();
    const audit = this.#parts.audit?.begin(front, info, auditId);
    const count = this.#parts.metrics.begin(this.#counted(info), front);
    front.raw.setHeader?.('audit-id', auditId);
    try {
      const response = await this.#serve(audit ? { ...front, audit } : front, info, count);
      if (response) {
        count.end(response.code, sizeOf(response.body));
        response.headers['audit-id'] = auditId;
        audit?.completed(response.code);
      } else {
        audit?.started(codeOf(front.raw));
        whenOver(front.raw, (code) => {
          count.end(code);
          audit?.completed(code);
        });
      }
      return response;
    } catch (err) {
      const status = toStatusError(err, this.#context, info);
      if (!(err instanceof StatusError) || status.code === 504) count.brokenOff(status.code);
      count.end(status.code);
      if (err instanceof StatusError) audit?.completed(status.code, status.toStatus());
      else audit?.panicked(status.toStatus());
      return errorResponse(status, auditId, front);
    }
  }

  /** Ends the watches, and those that are still asked for. */
  endWatches(): void {
    this.#watches.end();
  }

  /** Carries a connection that leaves HTTP to where it leads. */
  upgrade(message: IncomingMessage, socket: Duplex, head: Buffer): void {
    const front: RequestHead = {
      method: message.method ?? 'GET',
      url: message.url ?? '/',
      headers: message.headers,
      socket: message.socket as TLSSocket,
    };
    const info = requestInfoOf(front.method, front.url);
    if (asksForWebSocket(message) && !this.#isForwarded(info)) {
      const raw = new WebSocketAnswer({ message, socket, head });
      void this.request({ ...front, body: noBody, raw }).then((response) => response && endInHttp(socket, response));
      return;
    }
    const audit = this.#parts.audit?.begin(front, info, one(front.headers['audit-id']) || randomUUID());
    const count = this.#parts.metrics.begin(this.#counted(info), front);
    this.#resolveUpgrade({ ...front, audit }, info)
      .then((target) => {
        audit?.started(101);
        socket.once('close', () => {
          count.end(101);
          audit?.completed(101);
        });
        forwardUpgrade({ message, socket, head }, target, this.#context.kubelets);
      })
      .catch((err) => {
        const status = toStatusError(err, this.#context, info);
        count.end(status.code);
        audit?.completed(status.code, status.toStatus());
        refuseUpgrade(socket, status);
      });
  }

  /** Whether somebody else speaks the protocol that a connection is to change to. */
  #isForwarded({ path, group, version, resource, subresource }: RequestInfo): boolean {
    if (this.#parts.aggregator.remoteOf(path)) return true;
    const kind = this.#context.kinds.find(group, version, resource)?.kind;
    return kind !== undefined && this.#handlerOf(kind, subresource)?.upgrade !== undefined;
  }

  async #resolveUpgrade(front: RequestHead, info: RequestInfo) {
    const user = await this.#identify(front, info);
    const remote = this.#parts.aggregator.remoteOf(info.path);
    await this.#authorize(front, info, user);
    if (remote) return this.#parts.aggregator.upgradeTarget(remote, front.url, user);
    const request = this.#resolve(front, { info, user, signal: new AbortController().signal });
    const { upgrade } = await this.#subresource(request);
    if (!upgrade) throw unknownPathError();
    return upgrade(this.#context, request);
  }

  /** Authentication and impersonation. */
  async #identify(front: RequestHead, info: RequestInfo): Promise<UserInfo> {
    const work = this.#context.authenticator.authenticate({ ...front, path: info.path });
    const { access } = this.#parts;
    const real = await (access ? access.identify(work) : work);
    front.audit?.identified(real);
    const { authorizer } = this.#context;
    const attributes = () => attributesOf(info, real);
    const acting = await this.#impersonation.actAs(real, front.headers, { authorizer, attributes, access });
    if (!acting) return real;
    front.audit?.actsAs(acting.user, acting.constraint);
    return acting.user;
  }

  /** What follows may trust the request. */
  async #authorize(front: RequestHead, info: RequestInfo, user: UserInfo): Promise<void> {
    if (alwaysAllowed.has(info.path)) return;
    const attributes = attributesOf(info, user);
    const work = this.#context.authorizer.authorize(attributes);
    const { access } = this.#parts;
    const { allowed, reason, error } = await (access ? access.authorize(work) : work);
    front.audit?.decided(allowed, reason);
    if (allowed) return;
    throw error === undefined ? denied(attributes, reason) : internalError(error);
  }

  async #serve(front: AuditedRequest, info: RequestInfo, count: RequestCount): Promise<FrontResponse | undefined> {
    const [stray] = /%(?![0-9a-f]{2}).{0,2}/i.exec(info.path) ?? [];
    if (stray !== undefined) throw badRequestError(`parse ${JSON.stringify(info.path)}: invalid URL escape "${stray}"`);
    const deadlineMs = deadlineOf(info);
    const user = await this.#identify(front, info);
    const { clock } = this.#context;
    const startMs = clock.monotonicMs();
    const gone = new AbortController();
    const onClose = () => gone.abort();
    front.raw.once('close', onClose);
    const { signal } = gone;
    const end = await this.#takeTurn(front, { info, user, deadlineMs, signal });
    count.waited(clock.monotonicMs() - startMs);
    if (!end) return tooManyRequests();
    const work = this.#answer(front, { info, user, signal }).finally(end);
    const response = await (deadlineMs === undefined
      ? work
      : within(clock, deadlineMs - (clock.monotonicMs() - startMs), work));
    // Nothing is under way any more, but for what streams.
    if (response) front.raw.off('close', onClose);
    return response;
  }

  /** Waits until the request may be worked on; what is returned ends it. Undefined: there are too many. */
  async #takeTurn(
    front: FrontRequest,
    { info, user, deadlineMs, signal }: Asked & { deadlineMs: number | undefined },
  ): Promise<(() => void) | undefined> {
    const { fairness, inFlight } = this.#parts;
    if (!fairness || !this.#context.store.cache.ready) return inFlight.begin(info, user);
    // A watch has its seat until it has begun; other streams take none.
    const isStream = isLongRunning(info) && info.verb !== 'watch';
    const waitMs = isStream ? undefined : (deadlineMs ?? maxRequestMs) / waitPart;
    const width = widthOf(info, () => this.#countOf(info));
    const { schemaUid, levelUid, turn } = fairness.place({ info, user, waitMs, width, signal });
    front.raw.setHeader?.('x-kubernetes-pf-flowschema-uid', schemaUid);
    front.raw.setHeader?.('x-kubernetes-pf-prioritylevel-uid', levelUid);
    const given = turn instanceof Promise ? await turn : turn;
    return 'end' in given ? given.end : undefined;
  }

  /** Objects of the resource that a request is for, as far as they have been read. */
  #countOf({ group, version, resource }: RequestInfo): number {
    const kind = this.#context.kinds.find(group, version, resource)?.kind;
    return kind?.stored ? this.#context.store.count(kind) : 0;
  }

  async #answer(front: AuditedRequest, { info, user, signal }: Asked): Promise<FrontResponse | undefined> {
    await this.#authorize(front, info, user);
    const remote = this.#parts.aggregator.remoteOf(info.path);
    if (remote) return this.#parts.aggregator.relay(remote, front, user);
    if (!info.isResource) {
      const found = await this.#parts.paths(info, front);
      if (!found) throw this.#unknownPath(info);
      if (this.#isRouted(info.path))
        matchRoute(one(front.headers.accept), info.path === '/version' ? jsonAlone : types);
      return compress(front, found);
    }
    if (!this.#context.store.cache.ready) throw unavailableError('storage is (re)initializing');
    const request = this.#resolve(front, { info, user, signal });
    // What streams writes its head by itself.
    setWarnings(front, request);
    if (writingVerbs.has(info.verb) && !isLongRunning(info)) request.body = await front.body.read();
    request.auditAnnotations = front.audit?.annotations;
    if (front.audit?.wantsRequest) front.audit.received(auditedBody(request));
    try {
      return await this.#large.run(request, async () => {
        const answer = await this.#dispatch(request, front);
        if (answer && front.audit) await this.#tell(front.audit, answer, request);
        return answer && this.#render(answer, request, front);
      });
    } catch (err) {
      setWarnings(front, request);
      throw err;
    }
  }

  /** Writes down what is answered, in JSON whatever the client reads. */
  async #tell(audit: AuditTrail, answer: Answer, request: ApiRequest): Promise<void> {
    if (answer.type === 'object') audit.names(answer.stored.name);
    if (!audit.wantsResponse) return;
    const { body } = await renderAnswer(answer, {
      kind: request.kind,
      version: request.version,
      ...plainForm,
      clock: this.#context.clock,
    });
    audit.answered(JSON.parse(wholeOf(body).toString()));
  }

  #unknownPath({ path }: RequestInfo): StatusError {
    if (this.#parts.knowsAllPaths?.() === false) return earlyPathError();
    return this.#isRouted(path) ? unknownPathError() : new PageNotFoundError();
  }

  /** Whether upstream something built in serves what lies there, which tells in a Status what it has not got. */
  #isRouted(path: string): boolean {
    const [, root, group] = path.split('/', 3);
    if (root !== 'apis') return root === 'api' || root === 'version';
    const served = this.#context.kinds.groupVersions().filter((gv) => gv.group === group);
    return served.some(({ resources }) => resources.some(({ kind }) => !kind.isCustom));
  }

  /** Finds the kind that the path names. */
  #resolve(front: RequestHead, found: Asked): ApiRequest {
    const { info, user, signal } = found;
    const served = this.#context.kinds.find(info.group, info.version, info.resource);
    if (!served) throw this.#unknownPath(info);
    const { kind, version } = served;
    if (version.deprecation) this.#parts.metrics.deprecated(this.#counted(info));
    checkPath(kind, info);
    return {
      info: kind.namespaced ? info : { ...info, namespace: '' },
      kind,
      version,
      user,
      contentType: one(front.headers['content-type']) ?? '',
      userAgent: one(front.headers['user-agent']) ?? '',
      body: Buffer.alloc(0),
      signal,
      warnings: version.deprecation ? [version.deprecation] : [],
      authorize: (verb) => this.#authorize(front, { ...info, verb }, user),
    };
  }

  async #dispatch(request: ApiRequest, front: FrontRequest): Promise<Answer | undefined> {
    const { kind, info } = request;
    const isStatus = info.subresource === 'status' && kind.subresources.status;
    // A form that nobody writes is refused before anything is carried out.
    if (info.subresource === '' || isStatus) formOf(request, front);
    if (info.subresource !== '' && !isStatus)
      return (await this.#subresource(request)).handle(this.#context, request, front);
    const review = this.#parts.reviews[`${kind.group}/${kind.plural}`];
    if (review && (kind.verbs as readonly string[]).includes(info.verb)) return review(this.#context, request);
    const allowed: readonly string[] = isStatus ? statusVerbs : kind.verbs;
    if (!allowed.includes(info.verb) || !kind.stored || !fitsPath(request)) throw refusedVerb(kind, info.verb);
    if (info.verb === 'watch') {
      if (front.method !== 'GET' && !kind.isCustom) throw refusedVerb(kind, info.verb);
      const onEvent = this.#parts.metrics.watched(info);
      await serveWatch(this.#context, request, { front, open: this.#watches, onEvent });
      return undefined;
    }
    return verbHandlers[info.verb]!(this.#context, request);
  }

  async #subresource(request: ApiRequest): Promise<Subresource> {
    const { kind, info } = request;
    const handler = this.#handlerOf(kind, info.subresource);
    if (!handler)
      throw kind.isCustom ? notFoundError({ group: kind.group, resource: kind.plural }, info.name) : unknownPathError();
    // What was authorized is the verb: a handler that acts must not be reached by another one.
    const verbs = kind.subresources.custom?.find((s) => s.name === info.subresource)?.verbs;
    if (verbs && !handler.takesEveryMethod && !(verbs as readonly string[]).includes(info.verb)) {
      throw refusedVerb(kind, info.verb, info.subresource);
    }
    if (handler.upgrade) await admitConnect(this.#context, request);
    return handler;
  }

  async #render(answer: Answer, request: ApiRequest, front: FrontRequest): Promise<FrontResponse> {
    const rendered = await renderAnswer(answer, {
      kind: request.kind,
      version: request.version,
      ...formOf(request, front),
      clock: this.#context.clock,
    });
    setWarnings(front, request);
    const headers = { 'content-type': rendered.contentType };
    return compress(front, { code: rendered.code, headers, body: rendered.body });
  }
}

/** What has been found so far goes with the answer, and with a refusal as well. */
function setWarnings({ raw }: FrontRequest, { warnings }: ApiRequest): void {
  if (warnings.length > 0 && !raw.headersSent) raw.setHeader?.('warning', warningHeaders(warnings));
}

const codeOf = ({ statusCode = 200 }: FrontRequest['raw']) => statusCode;

/** A long answer: its head is out, and it is complete when it ends. */
function whenOver(raw: FrontRequest['raw'], tell: (code: number) => void): void {
  if (raw.closed || raw.writableFinished) tell(codeOf(raw));
  else raw.once('close', () => tell(codeOf(raw)));
}

const jsonAlone = ['application/json'];
const plainForm = {
  media: negotiate('application/json', { table: false, protobuf: false }),
  include: 'Metadata',
} as const;

const selectorNames = ['fieldSelector', 'labelSelector'];
function attributesOf(info: RequestInfo, user: UserInfo): Attributes {
  const [fieldSelector = '', labelSelector = ''] = selectorNames.map((name) => info.query.get(name) ?? '');
  return { ...info, name: nameAsked(info, fieldSelector), user, fieldSelector, labelSelector };
}

/** The one name that a list or watch selects is the name it is authorized for. */
function nameAsked(info: RequestInfo, fieldSelector: string): string {
  if (info.name !== '' || (info.verb !== 'list' && info.verb !== 'watch')) return info.name;
  return selectedValue(fieldSelector, 'metadata.name') ?? '';
}

/** Anything thrown, as what the client is told. What is not a StatusError is a bug and is logged with its stack. */
function toStatusError(err: unknown, context: SubresourceContext, info: RequestInfo): StatusError {
  if (err instanceof StatusError) return err;
  context.log.error({ err, verb: info.verb, path: info.path }, 'request failed unexpectedly');
  return internalError(messageOf(err), err);
}

/** The form in which the client wants the answer; throws StatusError where there is none. */
function formOf({ kind, version, info }: ApiRequest, front: RequestHead) {
  const isList = info.verb === 'list' || info.verb === 'watch';
  if (!kind.isCustom) matchRoute(one(front.headers.accept), isList ? listTypes : types);
  // What is asked for anew each time may have columns as well.
  const has = { table: kind.stored || kind.columns !== undefined, protobuf: hasFieldNumbers(typeNameOf(version)) };
  const media = negotiate(one(front.headers.accept), has);
  const include: IncludeObject = media.form === 'Table' ? readIncludeObject(info.query) : 'Metadata';
  return { media: wantsPretty(front) ? { ...media, pretty: true } : media, include };
}

function errorResponse(err: StatusError, auditId: string, front: RequestHead): FrontResponse {
  if (err instanceof PageNotFoundError) {
    const plain = { 'content-type': 'text/plain; charset=utf-8', 'x-content-type-options': 'nosniff' };
    return { code: err.code, headers: { ...plain, 'audit-id': auditId }, body: '404 page not found\n' };
  }
  const media = negotiateError(one(front.headers.accept));
  const pretty = media.pretty || wantsPretty(front);
  const { contentType, body } = encode(err.toStatus(), err.code, { ...media, pretty });
  const headers: Record<string, string> = { 'content-type': contentType, 'audit-id': auditId };
  if (err.details?.retryAfterSeconds) headers['retry-after'] = String(err.details.retryAfterSeconds);
  return { code: err.code, headers, body };
}
