// A watch as an HTTP response: opens it, streams it, and ends it when the client goes, the time is
// up or it falls behind.

import { isExpired, StatusError } from '../../machinery/errors.ts';
import { typeNameOf } from '../../machinery/kind.ts';
import type { ApiRequest } from '../endpoints/exchange.ts';
import { openWatch, startWatch } from '../endpoints/watch.ts';
import { hasFieldNumbers } from '../protobuf/field-table.ts';
import type { ApiContext } from '../registry/context.ts';
import { one } from '../server-headers.ts';
import type { FrontRequest } from './front.ts';
import { mediaTypeOf, negotiateWatch } from './negotiate.ts';
import { type IncludeObject, readIncludeObject } from './table.ts';
import { createWatchStream } from './watch-stream.ts';
import { WebSocketAnswer } from './websocket-answer.ts';

/** The watches that are there, for when the server ends. */
export class OpenWatches {
  readonly #ends = new Set<() => void>();
  #isOver = false;

  /** `end` is called when the server ends, or now when it has ended. */
  add(end: () => void): void {
    if (this.#isOver) end();
    else this.#ends.add(end);
  }

  delete(end: () => void): void {
    this.#ends.delete(end);
  }

  /** Ends all as if their time were up: clients go on elsewhere from what they have. */
  end(): void {
    this.#isOver = true;
    for (const end of this.#ends) end();
  }
}

export async function serveWatch(
  context: ApiContext,
  request: ApiRequest,
  { front, open, onEvent }: { front: FrontRequest; open: OpenWatches; onEvent?: (bytes: number) => void },
): Promise<void> {
  const media = negotiateWatch(one(front.headers.accept), {
    protobuf: hasFieldNumbers(typeNameOf(request.version)),
  });
  const include: IncludeObject = media.form === 'Table' ? readIncludeObject(request.info.query) : 'Metadata';
  const watch = await openWatch(context, request);
  const response = front.raw;
  if (request.signal.aborted) return;
  // Browsers say where they come from; upstream's WebSockets of watches ask for it, whatever it is.
  if (front.raw instanceof WebSocketAnswer && !front.headers.origin)
    throw new StatusError(403, 'Forbidden', 'a watch over a WebSocket needs the header Origin');
  let stop: (() => void) | undefined;
  let ended = false;
  const end = () => {
    if (ended) return;
    ended = true;
    stop?.();
    timer.cancel();
    open.delete(end);
    response.end();
  };
  const timer = context.clock.after(watch.timeoutMs, end);
  const contentType = media.encoding === 'json' ? mediaTypeOf.json : `${mediaTypeOf[media.encoding]};stream=watch`;
  response.writeHead(200, { 'content-type': contentType, 'cache-control': 'no-cache, private' });
  // The head must reach the client before the first event.
  response.flushHeaders?.();
  response.on('close', end);
  response.on('error', end);
  const sink = createWatchStream(response, {
    kind: request.kind,
    version: request.version,
    media,
    include,
    now: () => context.clock.now(),
    close: end,
    ...(onEvent && { onEvent }),
  });
  try {
    stop = startWatch(context, context.store.resource(request.kind), watch, sink);
  } catch (err) {
    if (!isExpired(err)) throw err;
    sink.expired((err as StatusError).message);
    return;
  }
  if (ended) stop();
  else open.add(end);
}
