// Writes a watch to its response: one JSON line or protobuf frame an event, built once per event, served version and
// encoding and shared by every watcher of it. A client that reads too slowly is cut when its unsent bytes
// reach a bound; it lists and watches again.
import type { Writable } from 'node:stream';
import type { StatusBody } from '../../machinery/errors.ts';
import { expiredError } from '../../machinery/errors.ts';
import { goJson } from '../../machinery/go-json.ts';
import { apiVersionOf, type Kind, type ServedVersion } from '../../machinery/kind.ts';
import type { WatchEventType, WatchSink } from '../endpoints/watch.ts';
import { encodeWatchFrame } from '../protobuf/envelope.ts';
import { protobufCodec } from '../protobuf/object-codec.ts';
import type { StoredObject } from '../storage/stored-object.ts';
import type { MediaChoice } from './negotiate.ts';
import { encode } from './render.ts';
import { type IncludeObject, partialMetadata, renderTable } from './table.ts';

const maxUnsentBytes = 32 * 1024 * 1024;
/** Of what there was at the beginning so much goes out in one piece, in which it is copied anyway. */
const pieceBytes = 256 * 1024;

// All watchers of an event are told of it one after the other: its bytes are kept until the next one comes.
let last: { stored: StoredObject; chunks: Map<string, Buffer> } | undefined;

const prefixes: Record<WatchEventType, Buffer> = {
  ADDED: Buffer.from('{"type":"ADDED","object":'),
  MODIFIED: Buffer.from('{"type":"MODIFIED","object":'),
  DELETED: Buffer.from('{"type":"DELETED","object":'),
};
const lineEnd = Buffer.from('}\n');

type Target = Pick<WatchStreamOptions, 'kind' | 'version' | 'media'>;

function eventChunk(type: WatchEventType, stored: StoredObject, { kind, version, media }: Target): Buffer {
  if (media.encoding === 'protobuf') return encodeWatchFrame(type, stored.bytes(kind, version, protobufCodec));
  return Buffer.concat([prefixes[type], stored.bytes(kind, version), lineEnd]);
}

/** The bytes of an event that shows the whole object. */
function sharedChunk(type: WatchEventType, stored: StoredObject, target: Target): Buffer {
  const cacheKey = `${type} ${target.media.encoding} ${target.version.group}/${target.version.version}`;
  if (last?.stored !== stored) last = { stored, chunks: new Map() };
  let chunk = last.chunks.get(cacheKey);
  if (!chunk) {
    chunk = eventChunk(type, stored, target);
    last.chunks.set(cacheKey, chunk);
  }
  return chunk;
}

interface WatchStreamOptions {
  kind: Kind;
  version: ServedVersion;
  media: MediaChoice;
  include: IncludeObject;
  now(): number;
  /** Ends the watch. */
  close(): void;
  /** Told of each event, with its bytes. */
  onEvent?(bytes: number): void;
}

/** A sink that writes to `response`, whose head has been sent. */
export function createWatchStream(response: Writable, options: WatchStreamOptions): WatchSink {
  let pending: Buffer[] = [];
  let pendingBytes = 0;
  let firstRow = true;
  // What there was at the beginning may be more than a slow client is allowed to fall behind.
  let allowedBytes = maxUnsentBytes;
  let hasBegun = false;
  const chunkOf = (type: string, object: object): Buffer =>
    options.media.encoding === 'protobuf'
      ? encodeWatchFrame(type, encode(object, 200, options.media).body)
      : Buffer.from(`${goJson({ type, object })}\n`);
  const encodeEvent = (type: WatchEventType, stored: StoredObject): Buffer => {
    const { kind, media } = options;
    if (media.form === 'object') return sharedChunk(type, stored, options);
    if (media.form !== 'Table') return chunkOf(type, partialMetadata(stored.glimpse, media.metaVersion));
    const table = renderTable(kind, stored.glimpse, {
      version: options.version,
      metaVersion: media.metaVersion,
      include: options.include,
      nowMs: options.now(),
      withColumns: firstRow,
    });
    firstRow = false;
    return chunkOf(type, table);
  };
  const add = (...chunks: Buffer[]) => {
    for (const chunk of chunks) pendingBytes += chunk.length;
    pending.push(...chunks);
  };
  const write = () => {
    if (pending.length === 0) return;
    const chunk = pending.length === 1 ? pending[0]! : Buffer.concat(pending, pendingBytes);
    pending = [];
    pendingBytes = 0;
    response.write(chunk);
    if (!hasBegun) allowedBytes = maxUnsentBytes + response.writableLength;
    else if (response.writableLength > allowedBytes) options.close();
  };
  const flush = () => {
    write();
    hasBegun = true;
  };
  return {
    event(type, stored) {
      const { kind, version, media } = options;
      const before = pendingBytes;
      if (!hasBegun && media.form === 'object' && media.encoding !== 'protobuf')
        add(prefixes[type], stored.bytes(kind, version), lineEnd);
      else add(encodeEvent(type, stored));
      options.onEvent?.(pendingBytes - before);
      if (!hasBegun && pendingBytes >= pieceBytes) write();
    },
    bookmark(revision, initialEventsEnd) {
      add(chunkOf('BOOKMARK', bookmarkObject(options, revision, initialEventsEnd)));
      flush();
    },
    expired(message) {
      const status: StatusBody = expiredError(message).toStatus();
      add(chunkOf('ERROR', status));
      flush();
      options.close();
    },
    flush,
  };
}

function bookmarkObject(
  { kind, version, media }: WatchStreamOptions,
  revision: number,
  initialEventsEnd: boolean,
): object {
  const annotations = initialEventsEnd ? { annotations: { 'k8s.io/initial-events-end': 'true' } } : {};
  const metadata = { resourceVersion: String(revision), ...annotations };
  if (media.form === 'PartialObjectMetadata' || media.form === 'PartialObjectMetadataList') {
    return { kind: 'PartialObjectMetadata', apiVersion: `meta.k8s.io/${media.metaVersion}`, metadata };
  }
  if (media.form === 'Table') {
    const row = { cells: [], object: { kind: 'PartialObjectMetadata', apiVersion: 'meta.k8s.io/v1', metadata } };
    return {
      kind: 'Table',
      apiVersion: `meta.k8s.io/${media.metaVersion}`,
      metadata: { resourceVersion: String(revision) },
      columnDefinitions: null,
      rows: [row],
    };
  }
  return { kind: kind.kind, apiVersion: apiVersionOf(version), metadata };
}
