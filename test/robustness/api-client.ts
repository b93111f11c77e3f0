// One client of the API: sends a request to one of the servers, once, and writes down what became of it.
import { type HttpResponse, Transport } from '../../client/transport.ts';
import { realClock } from '../../machinery/clock.ts';
import type { KubeObject } from '../../machinery/metadata.ts';
import type { TestControlPlane } from '../environment/control-plane.ts';
import type { History, ListRequest, Operation, Outcome, ReadAt, Request, Resource } from './history.ts';
import { collectionPath, shapes } from './resources.ts';

const answerMs = 4_000;
const mediaTypes = {
  'merge-patch': 'application/merge-patch+json',
  'json-patch': 'application/json-patch+json',
  apply: 'application/apply-patch+yaml',
} as const;

export interface Target {
  resource: Resource;
  /** '' for the collection. */
  name: string;
}

interface HttpForm {
  method: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';
  query?: Record<string, string | number>;
  body?: unknown;
  contentType?: string;
}

const readAt = (at: ReadAt): Record<string, number> => (at === undefined ? {} : { resourceVersion: at });

function listQuery({ at, exact, limit, labelSelector, fieldSelector }: ListRequest): Record<string, string | number> {
  const match = exact ? 'Exact' : at !== undefined && limit === undefined ? 'NotOlderThan' : undefined;
  const given = { ...readAt(at), resourceVersionMatch: match, limit, labelSelector, fieldSelector };
  return Object.fromEntries(Object.entries(given).filter(([, v]) => v !== undefined)) as Record<string, string>;
}

function httpForm(request: Request, client: string): HttpForm {
  switch (request.verb) {
    case 'create':
      return { method: 'POST', body: request.object };
    case 'get':
      return { method: 'GET', query: readAt(request.at) };
    case 'list':
      return { method: 'GET', query: listQuery(request) };
    case 'update':
      return { method: 'PUT', body: request.object };
    case 'merge-patch':
      return { method: 'PATCH', body: request.patch, contentType: mediaTypes['merge-patch'] };
    case 'json-patch':
      return { method: 'PATCH', body: request.operations, contentType: mediaTypes['json-patch'] };
    case 'apply': {
      const query = { fieldManager: `applier-${client}`, force: 'true' };
      return { method: 'PATCH', body: request.object, contentType: mediaTypes.apply, query };
    }
    case 'delete': {
      const { verb: _, ...options } = request;
      return { method: 'DELETE', body: { kind: 'DeleteOptions', apiVersion: 'v1', ...options } };
    }
    default:
      return { method: 'DELETE', query: { labelSelector: request.labelSelector } };
  }
}

export class ApiClient implements Disposable {
  readonly name: string;
  readonly #history: History;
  readonly #namespace: string;
  readonly #transports: Transport[];

  constructor(name: string, servers: readonly TestControlPlane[], history: History, namespace: string) {
    this.name = name;
    this.#history = history;
    this.#namespace = namespace;
    this.#transports = servers.map(
      ({ config }) => new Transport(config, { userAgent: `robustness-${name}`, clock: realClock }),
    );
  }

  get servers(): number {
    return this.#transports.length;
  }

  pathOf({ resource, name }: Target): string {
    const collection = collectionPath(resource, this.#namespace);
    return name === '' ? collection : `${collection}/${name}`;
  }

  transport(server: number): Transport {
    return this.#transports[server]!;
  }

  /** `stamp` is what the request writes into the object; `abandonMs`: nobody waits longer than that for the answer. */
  async send(
    server: number,
    target: Target,
    request: Request,
    { stamp, abandonMs }: { stamp?: string | undefined; abandonMs?: number | undefined } = {},
  ): Promise<Operation> {
    const form = httpForm(request, this.name);
    const path = this.pathOf(request.verb === 'create' ? { ...target, name: '' } : target);
    const operation: Operation = {
      id: this.#history.nextId(),
      client: this.name,
      server,
      ...target,
      request,
      ...(stamp === undefined ? {} : { stamp }),
      called: this.#history.tick(),
      calledMs: this.#history.nowMs(),
      returned: Infinity,
      returnedMs: Infinity,
      outcome: { result: 'unknown', why: 'no answer yet' },
    };
    this.#history.operations.push(operation);
    const isList = request.verb === 'list';
    try {
      operation.outcome = isList
        ? await this.#pages(server, target, form)
        : outcomeOf(await this.#exchange(server, path, form, abandonMs ?? answerMs), target.resource);
    } catch (err) {
      operation.outcome = { result: 'unknown', why: (err as Error).message };
    }
    operation.returned = this.#history.tick();
    operation.returnedMs = this.#history.nowMs();
    return operation;
  }

  #exchange(server: number, path: string, form: HttpForm, timeoutMs: number): Promise<HttpResponse> {
    const { method, query, body, contentType } = form;
    const search = new URLSearchParams(Object.entries(query ?? {}).map(([k, v]) => [k, String(v)])).toString();
    return this.transport(server).request({
      method,
      path: search ? `${path}?${search}` : path,
      timeoutMs,
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      ...(contentType ? { contentType } : {}),
    });
  }

  /** A list with all its pages, which are of one revision. */
  async #pages(server: number, target: Target, form: HttpForm): Promise<Outcome> {
    const items: KubeObject[] = [];
    let first: number | undefined;
    let query = form.query ?? {};
    for (;;) {
      const answer = await this.#exchange(server, this.pathOf(target), { ...form, query }, answerMs);
      const page = outcomeOf(answer, target.resource);
      if (page.result !== 'listed') return page;
      items.push(...page.items);
      first ??= page.revision;
      const { continue: token } = JSON.parse(answer.body).metadata;
      if (page.revision !== first) {
        const message = `a page of revision ${page.revision} in a list of revision ${first}`;
        return { result: 'refused', code: 0, reason: 'pages that do not fit together', message };
      }
      if (!token) return { result: 'listed', items, revision: first };
      const { resourceVersion: _v, resourceVersionMatch: _m, ...rest } = query;
      query = { ...rest, continue: token };
    }
  }

  [Symbol.dispose](): void {
    for (const transport of this.#transports) transport.close();
  }
}

function outcomeOf({ status: code, body }: HttpResponse, resource: Resource): Outcome {
  if (code >= 500) return { result: 'unknown', why: `${code} ${body.slice(0, 300)}` };
  const answer = JSON.parse(body);
  if (code >= 400) return { result: 'refused', code, reason: answer.reason ?? '', message: answer.message ?? '' };
  if (!answer.kind.endsWith('List')) return { result: 'done', code, object: answer };
  const { kind, apiVersion } = shapes[resource];
  const items = answer.items.map((item: KubeObject) => ({ kind, apiVersion, ...item }));
  return { result: 'listed', items, revision: Number(answer.metadata.resourceVersion) };
}
