// Turns a verb's answer into response bytes in the negotiated form. Plain JSON and protobuf reuse the bytes that the
// caches hold.
import type { Clock } from '../../machinery/clock.ts';
import { notAcceptableError, StatusError } from '../../machinery/errors.ts';
import { goJson, indentInSteps } from '../../machinery/go-json.ts';
import { apiVersionOf, type Kind, type ServedVersion } from '../../machinery/kind.ts';
import type { KubeObject } from '../../machinery/metadata.ts';
import { finish, type Steps } from '../../machinery/steps.ts';
import { yamlInSteps } from '../../machinery/yaml-writer.ts';
import type { Answer, ListAnswer } from '../endpoints/exchange.ts';
import { messageIn } from '../protobuf/envelope.ts';
import { encodeValue, protobufCodec } from '../protobuf/object-codec.ts';
import { isLarge } from '../registry/context.ts';
import { type StoredObject, toVersion } from '../storage/stored-object.ts';
import { stepwise } from '../turns.ts';
import { type Body, pieceBytes, piecesOf, wholeOf } from './body.ts';
import { joinList, joinMessages } from './list-body.ts';
import { type MediaChoice, mediaTypeOf } from './negotiate.ts';
import { type IncludeObject, partialMetadata, renderTable, rowsOf, tableHead } from './table.ts';

interface Rendered {
  code: number;
  contentType: string;
  body: Body;
}

/** In one. */
export interface Encoded extends Rendered {
  body: Buffer;
}

interface RenderContext {
  kind: Kind;
  version: ServedVersion;
  media: MediaChoice;
  include: IncludeObject;
  clock: Clock;
}

/** What is long is rendered in turns: others are answered meanwhile. */
export function renderAnswer(answer: Answer, context: RenderContext): Rendered | Promise<Rendered> {
  const { media, clock } = context;
  switch (answer.type) {
    case 'status':
      return encode(answer.status, answer.status.code, media);
    case 'value':
      return encode(answer.value, answer.code, media);
    case 'object':
      return stepwise(renderObject(answer.stored, answer.code, context), isLarge(answer.stored.size), clock);
    case 'list':
      return stepwise(renderList(answer.list, context), isLong(answer.list), clock);
  }
}

function isLong({ items }: ListAnswer): boolean {
  let bytes = 0;
  for (const stored of items) bytes += stored.size;
  return isLarge(bytes);
}

function* renderObject(stored: StoredObject, code: number, context: RenderContext): Steps<Rendered> {
  const { kind, version, media } = context;
  if (media.form === 'Table')
    return yield* encodeInSteps(renderTable(kind, stored.object, tableOptions(context)), code, media);
  if (media.form === 'PartialObjectMetadataList') throw notAList(kind);
  if (media.form === 'PartialObjectMetadata')
    return yield* encodeInSteps(partialMetadata(stored.object, media.metaVersion), code, media);
  if (media.encoding === 'yaml') return yield* encodeInSteps(stored.as(kind, version), code, media);
  if (media.encoding === 'protobuf')
    return { code, contentType: mediaTypeOf.protobuf, body: stored.bytes(kind, version, protobufCodec) };
  return yield* jsonAnswer(stored.bytes(kind, version), code, media);
}

/** How upstream's texts call a type of its own. */
const goTypeName = (kind: Kind, name: string) =>
  kind.isCustom ? '*unstructured.UnstructuredList' : `*${kind.group.split('.')[0] || 'core'}.${name}`;
const notAList = (kind: Kind) =>
  // Upstream takes what is defined for a list until it looks.
  kind.isCustom
    ? new StatusError(500, '', 'content is not a list')
    : notAcceptableError(
        `you requested PartialObjectMetadataList, but the requested object is not a list (${goTypeName(kind, kind.kind)})`,
      );
const isAList = (kind: Kind) =>
  notAcceptableError(
    `you requested PartialObjectMetadata, but the requested object is a list (${goTypeName(kind, kind.listKind)})`,
  );

/** Bytes of JSON; for people they are indented. A piece ends between two values. */
function* jsonAnswer(body: Body, code: number, media: Pick<MediaChoice, 'pretty'>): Steps<Rendered> {
  const shown = media.pretty ? yield* indentInSteps(textsOf(body)) : body;
  return { code, contentType: mediaTypeOf.json, body: shown };
}

function* textsOf(body: Body): Generator<string> {
  for (const piece of piecesOf(body)) yield piece.toString().trimEnd();
}

function tableOptions({ version, media, include, clock }: RenderContext) {
  return { version, metaVersion: media.metaVersion, include, nowMs: clock.now(), withColumns: true };
}

function listMetadata(list: ListAnswer): object {
  return {
    resourceVersion: String(list.revision),
    ...(list.continue ? { continue: list.continue } : {}),
    ...(list.remaining ? { remainingItemCount: list.remaining } : {}),
  };
}

function* renderList(list: ListAnswer, context: RenderContext): Steps<Rendered> {
  const { kind, version, media } = context;
  const metadata = listMetadata(list);
  const { metaVersion } = media;
  if (media.form === 'Table') {
    const options = tableOptions(context);
    const show = rowsOf(kind, options);
    return yield* renderItems(list.items, { head: tableHead(kind, metadata, options), field: 'rows', show }, media);
  }
  if (media.form === 'PartialObjectMetadata') throw isAList(kind);
  if (media.form === 'PartialObjectMetadataList') {
    const type = { kind: 'PartialObjectMetadataList', apiVersion: `meta.k8s.io/${metaVersion}` };
    const show = (object: KubeObject) => partialMetadata(object, metaVersion);
    if (media.encoding !== 'protobuf')
      return yield* renderItems(list.items, { head: { ...type, metadata }, field: 'items', show }, media);
    const messages: Buffer[] = [];
    for (const { glimpse } of list.items) {
      messages.push(messageIn(encodeValue(show(glimpse))!));
      yield;
    }
    const body = yield* joinMessages(type, metadata, messages);
    return { code: 200, contentType: mediaTypeOf.protobuf, body };
  }
  // Lists of what is defined always say how they go on.
  const said = kind.isCustom ? { continue: '', ...metadata } : metadata;
  if (media.encoding === 'yaml') {
    const head = { kind: kind.listKind, apiVersion: apiVersionOf(version), metadata: said };
    const show = (object: KubeObject) => toVersion(object, kind, version);
    return yield* renderItems(list.items, { head, field: 'items', show }, media);
  }
  const body = yield* joinList(media.encoding, list.items, said, context);
  if (media.encoding === 'protobuf') return { code: 200, contentType: mediaTypeOf.protobuf, body };
  return yield* jsonAnswer(body, 200, media);
}

/** A list: what stands before the items, the name of their field, and how one is shown. */
interface ListForm {
  head: object;
  field: string;
  show(object: KubeObject): object;
}

/** Writes one item after the other, in JSON or YAML. */
function* renderItems(
  items: readonly StoredObject[],
  { head, field, show }: ListForm,
  media: Pick<MediaChoice, 'encoding' | 'pretty'>,
): Steps<Rendered> {
  const isYaml = media.encoding === 'yaml';
  const [first, last] = isYaml
    ? [`${yield* yamlInSteps(head)}${field}:${items.length > 0 ? '' : ' []'}\n`, '']
    : [`${goJson(head).slice(0, -1)},"${field}":[`, ']}\n'];
  const body: Buffer[] = [];
  let text = first;
  for (const [i, { glimpse }] of items.entries()) {
    const shown = show(glimpse);
    text += isYaml ? yield* yamlInSteps([shown]) : `${i > 0 ? ',' : ''}${goJson(shown)}`;
    yield;
    if (text.length < pieceBytes) continue;
    body.push(Buffer.from(text));
    text = '';
  }
  body.push(Buffer.from(text + last));
  return isYaml ? { code: 200, contentType: mediaTypeOf.yaml, body } : yield* jsonAnswer(body, 200, media);
}

/** Encodes any value in the client's encoding. */
export function encode(value: object, code: number, media: Pick<MediaChoice, 'encoding' | 'pretty'>): Encoded {
  const { body, contentType } = finish(encodeInSteps(value, code, media));
  return { code, contentType, body: wholeOf(body) };
}

function* encodeInSteps(value: object, code: number, media: Pick<MediaChoice, 'encoding' | 'pretty'>): Steps<Rendered> {
  if (media.encoding === 'yaml')
    return { code, contentType: mediaTypeOf.yaml, body: Buffer.from(yield* yamlInSteps(value)) };
  if (media.encoding === 'protobuf') {
    const body = encodeValue(value);
    if (!body) throw notAcceptableError('the answer has no protobuf form');
    return { code, contentType: mediaTypeOf.protobuf, body };
  }
  return yield* jsonAnswer(Buffer.from(`${goJson(value)}\n`), code, media);
}
