// The client's transport without a wire: requests reach the API server's verbs in this process, by way of a `Fate`.
import type { Answer } from '../../apiserver/endpoints/exchange.ts';
import { openWatch, startWatch, type WatchEventType } from '../../apiserver/endpoints/watch.ts';
import type { StoredObject } from '../../apiserver/storage/stored-object.ts';
import { subresources } from '../../apiserver/subresources/index.ts';
import { type HttpRequest, type HttpResponse, Transport, TransportError } from '../../client/transport.ts';
import { expiredError, StatusError } from '../../machinery/errors.ts';
import type { MemoryApi } from '../builders/memory-api.ts';

/** What becomes of the calls and watches of one process. */
export interface Fate {
  call(request: HttpRequest, serve: () => Promise<HttpResponse>): Promise<HttpResponse>;
  /** Milliseconds until the next event arrives, or how its watch ends instead. */
  event(): number | 'breaks' | 'expires';
}

const handlers = new Map(subresources.map((s) => [`${s.group}/${s.resource}/${s.name}`, s]));
const toBody = (status: number, body: unknown): HttpResponse => ({ status, body: JSON.stringify(body) });

function render(answer: Answer, request: ReturnType<MemoryApi['request']>): HttpResponse {
  const { kind, version } = request;
  if (answer.type === 'object') return toBody(answer.code, answer.stored.as(kind, version));
  if (answer.type === 'status') return toBody(200, answer.status);
  if (answer.type === 'value') return toBody(answer.code, answer.value);
  const items = answer.list.items.map((stored) => stored.as(kind, version));
  return toBody(200, { metadata: { resourceVersion: String(answer.list.revision) }, items });
}

export async function serve(api: MemoryApi, { method, path, body, contentType }: HttpRequest): Promise<HttpResponse> {
  try {
    const options = { ...(body ? { body } : {}), ...(contentType ? { contentType } : {}) };
    const request = api.request(method, path, options);
    const { kind, info } = request;
    const isScale = info.subresource === 'scale' && kind.subresources.scale;
    const handler = handlers.get(isScale ? '*/*/scale' : `${kind.group}/${kind.plural}/${info.subresource}`);
    const answer = handler
      ? await handler.handle(api.context as never, request, undefined as never)
      : await api.answer(method, path, options);
    return render(answer!, request);
  } catch (err) {
    if (!(err instanceof StatusError)) throw err;
    return toBody(err.code, err.toStatus());
  }
}

export class MemoryTransport extends Transport {
  readonly #api: MemoryApi;
  readonly #fate: Fate;

  constructor(api: MemoryApi, fate: Fate) {
    super({ server: '' }, { userAgent: 'simulation', clock: api.clock });
    this.#api = api;
    this.#fate = fate;
  }

  override request(request: HttpRequest): Promise<HttpResponse> {
    return this.#fate.call(request, () => serve(this.#api, request));
  }

  override async stream(request: HttpRequest, onLine: (line: string) => void): Promise<HttpResponse> {
    const opened = await this.#fate.call(request, async () => ({ status: 200, body: '' }));
    if (opened.status !== 200) return opened;
    return new Promise((resolve, reject) => {
      this.#watch(request, onLine, (end) => (end instanceof Error ? reject(end) : resolve(end))).catch(reject);
    });
  }

  async #watch(request: HttpRequest, onLine: (line: string) => void, end: (how: HttpResponse | Error) => void) {
    const { context, clock } = this.#api;
    const asked = this.#api.request(request.method, request.path);
    const open = await openWatch(context, asked);
    let isOver = false;
    let atMs = 0;
    const finish = (how: HttpResponse | Error) => {
      if (isOver) return;
      isOver = true;
      stop?.();
      end(how);
    };
    const send = (line: object) => {
      const lag = this.#fate.event();
      if (lag === 'breaks') return finish(new TransportError('the watch broke'));
      const shown =
        lag === 'expires' ? { type: 'ERROR', object: expiredError('too old resource version').toStatus() } : line;
      atMs = Math.max(atMs, clock.now() + (lag === 'expires' ? 0 : lag));
      clock.after(atMs - clock.now(), () => {
        if (!isOver) onLine(JSON.stringify(shown));
      });
    };
    const sink = {
      event: (type: WatchEventType, stored: StoredObject) => {
        if (!isOver) send({ type, object: stored.as(asked.kind, asked.version) });
      },
      bookmark: (revision: number) =>
        send({ type: 'BOOKMARK', object: { metadata: { resourceVersion: String(revision) } } }),
      expired: (message: string) => finish(expiredError(message)),
      flush: () => undefined,
    };
    let stop: (() => void) | undefined;
    request.signal?.addEventListener('abort', () => finish(new TransportError('the client ended the watch')));
    stop = startWatch(context, context.store.resource(asked.kind), open, sink);
    if (isOver) stop();
  }
}
