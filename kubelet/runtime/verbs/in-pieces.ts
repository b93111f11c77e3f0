// The Stream* twins of the List* calls: the same items, some to a message, so that no message grows with the node.
import type { Runtime } from '../runtime.ts';

const perMessage = 100;

/** `from` is the field of the items in the answer of the call, `to` that in the messages of its twin. */
export const inPieces = <Q, From extends string, To extends string, T>(
  list: (rt: Runtime, req: Q, signal: AbortSignal) => Promise<{ [K in From]?: T[] }>,
  from: From,
  to: To,
) =>
  async function* (rt: Runtime, req: Q, signal: AbortSignal) {
    const items: T[] = (await list(rt, req, signal))[from] ?? [];
    for (let i = 0; i < items.length; i += perMessage)
      yield { [to]: items.slice(i, i + perMessage) } as { [K in To]: T[] };
  };
