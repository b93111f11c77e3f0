// Turns a verb's answer into response bytes in the negotiated form. Plain JSON and protobuf reuse the bytes that the
// caches hold.
import { notAcceptableError } from '../../machinery/errors.ts';
import { goJson, indentJson } from '../../machinery/go-json.ts';
import { apiVersionOf, type Kind, type ServedVersion } from '../../machinery/kind.ts';
import { writeYaml } from '../../machinery/yaml-writer.ts';
import type { Answer, ListAnswer } from '../endpoints/exchange.ts';
import { encodeValue, protobufCodec } from '../protobuf/object-codec.ts';
import type { StoredObject } from '../storage/stored-object.ts';
import { breathe } from '../turns.ts';
import { joinList, knownList, type ListEncodingName } from './list-body.ts';
import { type MediaChoice, mediaTypeOf } from './negotiate.ts';
import { type IncludeObject, partialMetadata, renderTable } from './table.ts';

export interface Rendered {
  code: number;
  contentType: string;
  body: Buffer;
}

export interface RenderContext {
  kind: Kind;
  version: ServedVersion;
  media: MediaChoice;
  include: IncludeObject;
  nowMs: number;
}

export function renderAnswer(answer: Answer, context: RenderContext): Rendered | Promise<Rendered> {
  switch (answer.type) {
    case 'status':
      return encode(answer.status, answer.status.code, context.media);
    case 'value':
      return encode(answer.value, answer.code, context.media);
    case 'object':
      return renderObject(answer.stored, answer.code, context);
    case 'list':
      return renderList(answer.list, context);
  }
}

function renderObject(stored: StoredObject, code: number, context: RenderContext): Rendered {
  const { kind, version, media } = context;
  if (media.form === 'Table') {
    const metadata = { resourceVersion: stored.object.metadata.resourceVersion };
    return encode(renderTable(kind, [stored], metadata, tableOptions(context)), code, media);
  }
  if (media.form === 'PartialObjectMetadataList') throw notAList(kind);
  if (media.form === 'PartialObjectMetadata') return encode(partialMetadata(stored, media.metaVersion), code, media);
  if (media.encoding === 'yaml') return encode(stored.as(kind, version), code, media);
  if (media.encoding === 'protobuf') {
    return { code, contentType: mediaTypeOf.protobuf, body: stored.bytes(kind, version, protobufCodec) };
  }
  return jsonAnswer(stored.bytes(kind, version), code, media);
}

/** How upstream's texts call a type of its own. */
const goTypeName = (kind: Kind, name: string) => `*${kind.group.split('.')[0] || 'core'}.${name}`;
const notAList = (kind: Kind) =>
  notAcceptableError(
    `you requested PartialObjectMetadataList, but the requested object is not a list (${goTypeName(kind, kind.kind)})`,
  );
const isAList = (kind: Kind) =>
  notAcceptableError(
    `you requested PartialObjectMetadata, but the requested object is a list (${goTypeName(kind, kind.listKind)})`,
  );

/** Bytes of JSON; for people they are indented. */
function jsonAnswer(body: Buffer, code: number, media: Pick<MediaChoice, 'pretty'>): Rendered {
  const shown = media.pretty ? Buffer.from(indentJson(body.toString().trimEnd())) : body;
  return { code, contentType: mediaTypeOf.json, body: shown };
}

function tableOptions(context: RenderContext) {
  const { version, media, include, nowMs } = context;
  return { version, metaVersion: media.metaVersion, include, nowMs, withColumns: true };
}

function listMetadata(list: ListAnswer): object {
  return {
    resourceVersion: String(list.revision),
    ...(list.continue ? { continue: list.continue } : {}),
    ...(list.remaining ? { remainingItemCount: list.remaining } : {}),
  };
}

/** How much is written in one go, before others get their turn. */
const goBytes = 512 * 1024;

/** Has every item written once; what follows joins what is there. Long lists and large objects take their time. */
async function writeInTurns(
  encoding: ListEncodingName,
  items: readonly StoredObject[],
  { kind, version }: RenderContext,
): Promise<void> {
  const codec = encoding === 'protobuf' ? protobufCodec : undefined;
  let bytes = 0;
  for (const stored of items) {
    bytes += stored.bytes(kind, version, codec).length;
    if (bytes < goBytes) continue;
    await breathe();
    bytes = 0;
  }
}

async function renderList(list: ListAnswer, context: RenderContext): Promise<Rendered> {
  const { kind, version, media } = context;
  const metadata = listMetadata(list);
  if (media.form === 'Table') return encode(renderTable(kind, list.items, metadata, tableOptions(context)), 200, media);
  if (media.form === 'PartialObjectMetadata') throw isAList(kind);
  if (media.form === 'PartialObjectMetadataList') {
    const items = list.items.map((stored) => partialMetadata(stored, media.metaVersion));
    return encode(
      { kind: 'PartialObjectMetadataList', apiVersion: `meta.k8s.io/${media.metaVersion}`, metadata, items },
      200,
      media,
    );
  }
  if (media.encoding === 'yaml') {
    const items = list.items.map((stored) => stored.as(kind, version));
    return encode({ kind: kind.listKind, apiVersion: apiVersionOf(version), metadata, items }, 200, media);
  }
  const known = knownList(media.encoding, list.items, metadata, context);
  if (!known) await writeInTurns(media.encoding, list.items, context);
  const body = known ?? joinList(media.encoding, list.items, metadata, context);
  return media.encoding === 'protobuf'
    ? { code: 200, contentType: mediaTypeOf.protobuf, body }
    : jsonAnswer(body, 200, media);
}

/** Encodes any value in the client's encoding. */
export function encode(value: object, code: number, media: Pick<MediaChoice, 'encoding' | 'pretty'>): Rendered {
  if (media.encoding === 'yaml') {
    return { code, contentType: mediaTypeOf.yaml, body: Buffer.from(writeYaml(value)) };
  }
  if (media.encoding === 'protobuf') {
    const body = encodeValue(value);
    if (!body) throw notAcceptableError('the answer has no protobuf form');
    return { code, contentType: mediaTypeOf.protobuf, body };
  }
  return jsonAnswer(Buffer.from(`${goJson(value)}\n`), code, media);
}
