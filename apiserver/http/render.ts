// Turns a verb's answer into response bytes in the negotiated form. Plain JSON reuses the bytes that the caches hold.
import { stringify as toYaml } from 'yaml';
import { notAcceptableError } from '../../machinery/errors.ts';
import { writeJson } from '../../machinery/json.ts';
import { apiVersionOf, type Kind, type ServedVersion } from '../../machinery/kind.ts';
import type { Answer, ListAnswer } from '../endpoints/exchange.ts';
import type { StoredObject } from '../storage/stored-object.ts';
import type { MediaChoice } from './negotiate.ts';
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

export function renderAnswer(answer: Answer, context: RenderContext): Rendered {
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
  if (media.form === 'PartialObjectMetadata') return encode(partialMetadata(stored, media.metaVersion), code, media);
  if (media.encoding === 'yaml') return encode(stored.as(kind, version), code, media);
  return { code, contentType: 'application/json', body: stored.bytes(kind, version) };
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

function renderList(list: ListAnswer, context: RenderContext): Rendered {
  const { kind, version, media } = context;
  const metadata = listMetadata(list);
  if (media.form === 'Table') return encode(renderTable(kind, list.items, metadata, tableOptions(context)), 200, media);
  if (media.form === 'PartialObjectMetadata') {
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
  return { code: 200, contentType: 'application/json', body: joinList(list.items, metadata, context) };
}

const openBrace = Buffer.from('{');
const comma = Buffer.from(',');
const listEnd = Buffer.from(']}\n');

/** The list as the items' own bytes; within a list, items do not repeat their kind and apiVersion. */
function joinList(items: readonly StoredObject[], metadata: object, { kind, version }: RenderContext): Buffer {
  const apiVersion = apiVersionOf(version);
  const head = JSON.stringify({ kind: kind.listKind, apiVersion, metadata }).slice(0, -1);
  const parts: Buffer[] = [Buffer.from(`${head},"items":[`)];
  const typeLength = Buffer.byteLength(`{"kind":"${kind.kind}","apiVersion":"${apiVersion}",`);
  items.forEach((stored, i) => {
    if (i > 0) parts.push(comma);
    parts.push(openBrace, stored.bytes(kind, version).subarray(typeLength));
  });
  parts.push(listEnd);
  return Buffer.concat(parts);
}

/** Encodes any value in the client's encoding. */
export function encode(value: object, code: number, media: Pick<MediaChoice, 'encoding'>): Rendered {
  if (media.encoding === 'yaml') {
    // Quoted for readers of YAML 1.1, to whom `yes` is a boolean; an object that stands in two places is written twice.
    const body = Buffer.from(toYaml(value, { version: '1.1', aliasDuplicateObjects: false }));
    return { code, contentType: 'application/yaml', body };
  }
  if (media.encoding !== 'json') throw notAcceptableError('only application/json and application/yaml are accepted');
  return { code, contentType: 'application/json', body: Buffer.from(`${writeJson(value)}\n`) };
}
