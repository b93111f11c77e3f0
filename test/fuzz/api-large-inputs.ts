// Large bodies for the API server's fuzz suite, up to what it takes: many values, deep ones, long texts, in every
// encoding, right and wrong.
import type { Draw } from '../environment/fuzz.ts';
import { type FuzzRequest, fuzzName } from './api-inputs.ts';

const maxBytes = 3 * 1024 * 1024 - 1024;
const core = '/api/v1/namespaces/default';
const configMaps = `${core}/configmaps`;
const revisions = '/apis/apps/v1/namespaces/default/controllerrevisions';

const fill = (part: string, bytes: number) => part.repeat(Math.max(1, Math.floor(bytes / part.length)));
const join = (count: number, part: (i: number) => string, separator: string) =>
  Array.from({ length: count }, (_, i) => part(i)).join(separator);

const jsonParts = ['[],', '{},', '1,', '"",', '"\\u0041",', '{"a":1},', '[[1]],', 'null,', '1e999,', '"é",'];
const jsonTexts = ['a', '\\u0041', '\\n', 'é', '\\ud83d\\ude00'];
const yamlParts = ['- a\n', '- {}\n', '- - a\n', '- 1\n', '- "a"\n', '- !!str a\n', '- |\n  a\n', '#\n', '- &a b\n'];
const yamlTexts = ['  a\n', '  \n', '  a b\n', '   a\n'];

/** The content of a ConfigMap in JSON, without braces. */
function jsonContent(draw: Draw, bytes: number): string {
  const shape = draw.below(6);
  if (shape === 0) return `"data":{${join(Math.min(30_000, bytes / 16), (i) => `"k${i}":"v"`, ',')}}`;
  if (shape === 1) return `"data":{"a":"${fill(draw.of(jsonTexts), bytes)}"}`;
  if (shape === 2) return `"metadata":{"name":"${fuzzName}","labels":{${join(Math.min(30_000, bytes / 16), (i) => `"k${i}":"v"`, ',')}}}`; // biome-ignore format: one line
  if (shape === 3) return `"data":{${join(bytes / 12, (i) => `"k${i}":1`, ',')}}`;
  if (shape === 4) return `"x":[${fill(draw.of(jsonParts), bytes)}1]`;
  return `"x":${'['.repeat(draw.below(1200))}${fill(' ', bytes)}`;
}

function yamlContent(draw: Draw, bytes: number): string {
  const shape = draw.below(5);
  if (shape === 0) return `data:\n${join(Math.min(30_000, bytes / 16), (i) => `  k${i}: v`, '\n')}\n`;
  if (shape === 1) return `data:\n  a: ${draw.of(['|', '>', '|-', ''])}\n${fill(draw.of(yamlTexts), bytes)}`;
  if (shape === 2) return `data:\n  a: "${fill(draw.of(['\\n', 'a\n    ', '\\x41']), bytes)}"\n`;
  if (shape === 3) return `x:\n${fill(draw.of(yamlParts), bytes)}`;
  return `x: [${fill(draw.of(['a,', '{a: b},', '[],', '? a : b,']), bytes)}a]\n`;
}

/** A protobuf field with bytes in it. */
function field(number: number, bytes: Buffer): Buffer {
  const length: number[] = [];
  for (let rest = bytes.length; ; rest >>>= 7) {
    length.push(rest > 127 ? (rest & 127) | 128 : rest);
    if (rest <= 127) break;
  }
  return Buffer.concat([Buffer.from([(number << 3) | 2, ...length]), bytes]);
}

function protobufBody(draw: Draw, bytes: number): Buffer {
  const text = (value: string) => Buffer.from(value);
  const type = Buffer.concat([field(1, text('v1')), field(2, text('ConfigMap'))]);
  const entry = Buffer.concat([field(1, text('k')), field(2, text('v'))]);
  const part = draw.of([
    field(2, entry),
    field(2, Buffer.alloc(0)),
    field(1, Buffer.alloc(0)),
    field(15, text('x')),
    entry,
  ]);
  const raw = Buffer.concat(Array(Math.floor(bytes / part.length)).fill(part));
  return Buffer.concat([text('k8s\0'), field(1, type), field(2, raw)]);
}

const base = { collection: configMaps, accept: 'application/json' };

/** A large request: of tens of kilobytes up to the limit. */
export function drawLargeRequest(draw: Draw): FuzzRequest {
  const bytes = draw.chance(0.3) ? maxBytes : 20_000 + draw.below(maxBytes - 20_000);
  const accept = draw.chance(0.2) ? 'application/yaml' : base.accept;
  const one = { ...base, accept, path: `${configMaps}/${fuzzName}` };
  const shape = draw.below(8);
  if (shape < 3) {
    const isNew = draw.chance(0.5);
    const text = `{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"${fuzzName}"},${jsonContent(draw, bytes)}}`;
    const body = Buffer.from(text);
    return {
      ...(isNew ? { ...one, path: configMaps } : one),
      method: isNew ? 'POST' : 'PUT',
      contentType: 'application/json',
      body,
    };
  }
  if (shape < 5) {
    const text = `apiVersion: v1\nkind: ConfigMap\nmetadata: {name: ${fuzzName}}\n${yamlContent(draw, bytes)}`;
    return { ...one, path: configMaps, method: 'POST', contentType: 'application/yaml', body: Buffer.from(text) };
  }
  if (shape === 5) {
    const contentType = 'application/vnd.kubernetes.protobuf';
    return { ...one, path: configMaps, method: 'POST', contentType, body: protobufBody(draw, bytes) };
  }
  if (shape === 6) {
    const kind = draw.of(['merge', 'strategic-merge', 'json']);
    const operations = `[${join(Math.min(12_000, bytes / 60), (i) => `{"op":"add","path":"/data/z${i}","value":"x"}`, ',')}]`;
    const text = kind === 'json' ? operations : `{${jsonContent(draw, bytes)}}`;
    return { ...one, method: 'PATCH', contentType: `application/${kind}-patch+json`, body: Buffer.from(text) };
  }
  const data = fill(draw.of(jsonParts), Math.min(bytes, 1_500_000));
  const head = `{"apiVersion":"apps/v1","kind":"ControllerRevision","metadata":{"name":"${fuzzName}"},"revision":1`;
  const body = Buffer.from(`${head},"data":[${data}1]}`);
  return { collection: revisions, accept, path: revisions, method: 'POST', contentType: 'application/json', body };
}
