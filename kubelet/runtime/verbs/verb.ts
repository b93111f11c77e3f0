// The type of a verb: a free function over the runtime's stores and effects, one for each RPC.
import type { ImageServiceMethods, RuntimeServiceMethods } from '../../../proto/cri.gen.ts';
import type { Init, MethodTypes } from '../../../proto/message.ts';
import type { Runtime } from '../runtime.ts';

export type CriMethods = RuntimeServiceMethods & ImageServiceMethods;

type Handler<M extends MethodTypes> = M['serverStream'] extends true
  ? (rt: Runtime, req: M['request'], signal: AbortSignal) => AsyncIterable<Init<M['response']>>
  : (rt: Runtime, req: M['request'], signal: AbortSignal) => Promise<Init<M['response']>>;

/** The handler of one RPC. The signal aborts when the caller gives up. */
export type Verb<K extends keyof CriMethods> = Handler<CriMethods[K]>;

/** A handler for every RPC of a service: a missing one does not compile. */
export type VerbTable<T extends { [K in keyof T]: MethodTypes }> = { [K in keyof T]: Handler<T[K]> };
