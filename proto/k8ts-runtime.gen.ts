// Written by scripts/gen-proto.mjs from k8ts-runtime.proto, which says what each is; do not edit.
import type { Declared, Methods } from './message.ts';

/** The descriptor, as protobufjs reads it. */
export const descriptor = {"nested":{"k8ts":{"nested":{"runtime":{"nested":{"v1":{"nested":{"Images":{"methods":{"Import":{"requestType":"ImportRequest","requestStream":true,"responseType":"ImportResponse"}}},"ImportRequest":{"fields":{"data":{"type":"bytes","id":1}}},"ImportResponse":{"fields":{"images":{"rule":"repeated","type":"string","id":1}}}}}}}}}}} as const;

type P = typeof descriptor.nested.k8ts.nested.runtime.nested.v1.nested;

export type ImagesMethods = Methods<P, P['Images']>;
export type ImportRequest = Declared<P, P['ImportRequest']>;
export type ImportResponse = Declared<P, P['ImportResponse']>;
