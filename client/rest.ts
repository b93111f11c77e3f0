// The typed client: verbs on resources. A kind value says everything about paths and types, so
// there is nothing to generate.
import { type StatusBody, statusErrorFrom, unknownPathError } from '../machinery/errors.ts';
import { apiVersionOf, type Kind } from '../machinery/kind.ts';
import type { KubeObject, ObjectMeta } from '../machinery/metadata.ts';
import type { ClientConfig } from './config.ts';
import { type HttpRequest, type HttpResponse, Transport, type TransportOptions } from './transport.ts';

export interface ListOptions {
  namespace?: string;
  labelSelector?: string;
  fieldSelector?: string;
  resourceVersion?: string;
  limit?: number;
  continue?: string;
}

export interface WatchOptions extends ListOptions {
  timeoutSeconds?: number;
  signal?: AbortSignal;
}

export interface ListResult<T> {
  items: T[];
  resourceVersion: string;
  continue: string;
}

export interface WatchEvent<T> {
  type: 'ADDED' | 'MODIFIED' | 'DELETED' | 'BOOKMARK' | 'ERROR';
  object: T;
}

/** Where an object is: its metadata says so, and more. */
export type ObjectName = Pick<ObjectMeta, 'namespace' | 'name'>;

export type PatchType = 'json' | 'merge' | 'strategic' | 'apply';

export interface PatchOptions {
  type: PatchType;
  subresource?: string;
  /** Under this name fields are recorded; apply needs one. */
  fieldManager?: string;
  /** Apply: takes over fields of others. */
  force?: boolean;
}

export interface DeleteOptions {
  uid?: string;
  resourceVersion?: string;
  gracePeriodSeconds?: number;
  propagationPolicy?: 'Background' | 'Foreground' | 'Orphan';
}

const patchContentTypes: Record<PatchType, string> = {
  json: 'application/json-patch+json',
  merge: 'application/merge-patch+json',
  strategic: 'application/strategic-merge-patch+json',
  apply: 'application/apply-patch+yaml',
};

/**
 * Verbs on the objects of one kind. Every method throws StatusError for what the server refuses,
 * TransportError when it is not reached.
 */
export interface ResourceClient<T extends KubeObject> {
  get(target: ObjectName): Promise<T>;
  list(options?: ListOptions): Promise<ListResult<T>>;
  /** Resolves when the server ends the watch. */
  watch(options: WatchOptions, onEvent: (event: WatchEvent<T>) => void): Promise<void>;
  create(object: T): Promise<T>;
  update(object: T): Promise<T>;
  updateStatus(object: T): Promise<T>;
  patch(target: ObjectName, patch: object, options: PatchOptions): Promise<T>;
  delete(target: ObjectName, options?: DeleteOptions): Promise<void>;
  /** POST to a subresource: bindings, evictions, tokens. */
  createSubresource<R extends object>(target: ObjectName, subresource: string, body: object): Promise<R>;
  /** PUT to a subresource other than status. */
  updateSubresource<R extends object>(target: ObjectName, subresource: string, body: object): Promise<R>;
}

/** Tokens to ask with, fetched when they are needed. */
export interface TokenSource {
  token(): Promise<string>;
  /** The server takes the token no longer. */
  refused(token: string): void;
}

export class KubeClient {
  readonly #transport: Transport;
  readonly #tokens: TokenSource | undefined;

  constructor(config: ClientConfig | Transport, options: TransportOptions & { tokens?: TokenSource }) {
    this.#transport = config instanceof Transport ? config : new Transport(config, options);
    this.#tokens = options.tokens;
  }

  /** Sends any request; throws StatusError on an error answer. */
  async request<R = any>(request: HttpRequest): Promise<R> {
    const body = await this.text(request);
    return (body === '' ? undefined : JSON.parse(body)) as R;
  }

  /** The same for an answer that is no JSON. */
  async text(request: HttpRequest): Promise<string> {
    const { status, body } = this.#tokens
      ? await this.#requestAs(this.#tokens, request)
      : await this.#transport.request(request);
    if (status >= 300) throw errorOf(status, body);
    return body;
  }

  /** Whom the server does not know, it has done nothing for: that is asked once more. */
  async #requestAs(tokens: TokenSource, request: HttpRequest): Promise<HttpResponse> {
    const token = await tokens.token();
    const answer = await this.#transport.request({ ...request, token });
    if (answer.status !== 401) return answer;
    tokens.refused(token);
    return this.#transport.request({ ...request, token: await tokens.token() });
  }

  resource<T extends KubeObject>(kind: Kind<T>): ResourceClient<T> {
    const path = (target: ObjectName, subresource = '') => pathOf(kind, target, subresource);
    const typed = (object: KubeObject) => jsonOf({ kind: kind.kind, apiVersion: kind.apiVersion, ...object });
    return {
      get: (target) => this.request({ method: 'GET', path: path(target) }),
      list: async (options = {}) => {
        const list = await this.request({ method: 'GET', path: path(options) + queryOf(options) });
        const items = list.items.map((o: T) => ({ kind: kind.kind, apiVersion: kind.apiVersion, ...o }));
        return { items, resourceVersion: list.metadata.resourceVersion, continue: list.metadata.continue ?? '' };
      },
      watch: async (options, onEvent) => {
        const query = queryOf({ ...options, watch: 'true', allowWatchBookmarks: 'true' });
        const request: HttpRequest = { method: 'GET', path: path(options) + query };
        if (options.signal) request.signal = options.signal;
        if (this.#tokens) request.token = await this.#tokens.token();
        const { status, body } = await this.#transport.stream(request, (line) => onEvent(JSON.parse(line)));
        if (status !== 200) throw errorOf(status, body);
      },
      create: (object) =>
        this.request({ method: 'POST', path: path({ ...object.metadata, name: '' }), body: typed(object) }),
      update: (object) => this.request({ method: 'PUT', path: path(object.metadata), body: typed(object) }),
      updateStatus: (object) =>
        this.request({ method: 'PUT', path: path(object.metadata, 'status'), body: typed(object) }),
      patch: (target, patch, { type, subresource, ...query }) =>
        this.request({
          method: 'PATCH',
          path: path(target, subresource) + queryOf(query),
          body: jsonOf(patch),
          contentType: patchContentTypes[type],
        }),
      delete: async (target, options = {}) => {
        await this.request({ method: 'DELETE', path: path(target), body: deleteBody(options) });
      },
      createSubresource: (target, subresource, body) =>
        this.request({ method: 'POST', path: path(target, subresource), body: jsonOf(body) }),
      updateSubresource: (target, subresource, body) =>
        this.request({ method: 'PUT', path: path(target, subresource), body: jsonOf(body) }),
    };
  }

  /** Shows this certificate from now on. */
  present(pair: { cert: Buffer; key: Buffer }): void {
    this.#transport.present(pair);
  }

  close(): void {
    this.#transport.close();
  }
}

/** JSON with the largest and the smallest int64 as such: of a double JavaScript writes fewer digits. */
function jsonOf(object: object): string {
  const text = JSON.stringify(object);
  if (!text.includes(String(2 ** 63))) return text;
  const { rawJSON } = JSON as unknown as { rawJSON: (text: string) => unknown };
  return JSON.stringify(object, (_, value) => {
    if (value === 2 ** 63) return rawJSON('9223372036854775807');
    return value === -(2 ** 63) ? rawJSON('-9223372036854775808') : value;
  });
}

function errorOf(status: number, body: string): Error {
  let parsed: Partial<StatusBody> = {};
  try {
    parsed = JSON.parse(body);
  } catch {
    if (status === 404) return unknownPathError();
    parsed = { message: body.trim() }; // not a Status: a proxy's answer, say
  }
  return statusErrorFrom(parsed, status);
}

function deleteBody(options: DeleteOptions): string {
  const { uid, resourceVersion, ...rest } = options;
  const preconditions = { ...(uid ? { uid } : {}), ...(resourceVersion ? { resourceVersion } : {}) };
  const has = Object.keys(preconditions).length > 0;
  return JSON.stringify({ kind: 'DeleteOptions', apiVersion: 'v1', ...rest, ...(has ? { preconditions } : {}) });
}

/** `/apis/apps/v1/namespaces/default/deployments/web/status` */
function pathOf(kind: Kind, target: ObjectName, subresource: string): string {
  const { group, version } = kind.storage;
  const root = group ? `/apis/${apiVersionOf({ group, version })}` : `/api/${version}`;
  const parts = [root];
  if (kind.namespaced && target.namespace) parts.push('namespaces', encodeURIComponent(target.namespace));
  parts.push(kind.plural);
  if (target.name) parts.push(encodeURIComponent(target.name));
  if (subresource) parts.push(subresource);
  return parts.join('/');
}

const queryNames = [
  'labelSelector',
  'fieldSelector',
  'resourceVersion',
  'limit',
  'continue',
  'timeoutSeconds',
  'watch',
  'allowWatchBookmarks',
  'fieldManager',
  'force',
];

function queryOf(options: object): string {
  const query = new URLSearchParams();
  for (const name of queryNames) {
    const value = (options as Record<string, unknown>)[name];
    if (value !== undefined && value !== '') query.set(name, String(value));
  }
  const text = query.toString();
  return text ? `?${text}` : '';
}
