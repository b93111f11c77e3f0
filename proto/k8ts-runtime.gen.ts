// Written by scripts/gen-proto.mjs from k8ts-runtime.proto; do not edit.

export interface ImagesMethods {
  Import: { request: ImportRequest; response: ImportResponse; clientStream: true; serverStream: false };
}

/** A piece of the archive. */
export interface ImportRequest {
  data: Uint8Array;
}

/** The names of the images that were in the archive, or their ids where they have no name. */
export interface ImportResponse {
  images: string[];
}

/** The descriptor, as protobufjs reads it. */
export const descriptor = {"nested":{"k8ts":{"nested":{"runtime":{"nested":{"v1":{"nested":{"Images":{"methods":{"Import":{"requestType":"ImportRequest","requestStream":true,"responseType":"ImportResponse"}}},"ImportRequest":{"fields":{"data":{"type":"bytes","id":1}}},"ImportResponse":{"fields":{"images":{"rule":"repeated","type":"string","id":1}}}}}}}}}}};
