// Writes proto/<name>.gen.ts for every proto/*.proto: TypeScript types and the descriptor as JSON, so that nothing is
// read from disk at run time and bundling keeps everything. Fields keep their names, 64-bit integers are decimal
// strings (exact, and JSON can hold them), enums are strings. `--check` only compares.
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import protobuf from 'protobufjs';

const dir = join(dirname(dirname(fileURLToPath(import.meta.url))), 'proto');

const scalarTypes = {
  string: 'string',
  bytes: 'Uint8Array',
  bool: 'boolean',
  double: 'number',
  float: 'number',
  int32: 'number',
  uint32: 'number',
  sint32: 'number',
  fixed32: 'number',
  int64: 'string',
  uint64: 'string',
  sint64: 'string',
};

/** The name of a type in TypeScript: nested ones are joined, `SecurityProfile.ProfileType` is SecurityProfileProfileType. */
function nameOf(type, root) {
  const parts = [];
  for (let at = type; at && at !== root && !(at.constructor.name === 'Namespace'); at = at.parent)
    parts.unshift(at.name);
  return parts.join('');
}

function fieldType(field, root) {
  const base = field.resolvedType ? nameOf(field.resolvedType, root) : scalarTypes[field.type];
  if (!base) throw new Error(`no TypeScript type for ${field.type} of ${field.fullName}`);
  if (field.map) return `Record<string, ${base}>`;
  if (field.repeated) return `${base}[]`;
  return field.resolvedType instanceof protobuf.Type ? `${base} | null` : base;
}

const quote = (text) => `'${text}'`;
const docOf = (thing) => (thing.comment ? `/** ${thing.comment.replace(/\s+/g, ' ')} */\n` : '');

function renderType(type, root) {
  const fields = type.fieldsArray.map((f) => `  ${f.name}: ${fieldType(f, root)};\n`);
  const name = nameOf(type, root);
  if (fields.length === 0) return `${docOf(type)}export type ${name} = Record<never, never>;\n`;
  return `${docOf(type)}export interface ${name} {\n${fields.join('')}}\n`;
}

function renderEnum(type, root) {
  return `${docOf(type)}export type ${nameOf(type, root)} = ${Object.keys(type.values).map(quote).join(' | ')};\n`;
}

function renderService(service, root) {
  const methods = service.methodsArray.map((m) => {
    m.resolve();
    const types = `request: ${nameOf(m.resolvedRequestType, root)}; response: ${nameOf(m.resolvedResponseType, root)}`;
    const streams = `clientStream: ${Boolean(m.requestStream)}; serverStream: ${Boolean(m.responseStream)}`;
    return `  ${m.name}: { ${types}; ${streams} };\n`;
  });
  return `${docOf(service)}export interface ${service.name}Methods {\n${methods.join('')}}\n`;
}

function walk(at, visit) {
  for (const child of at.nestedArray ?? []) {
    visit(child);
    walk(child, visit);
  }
}

function generate(file) {
  const text = readFileSync(join(dir, file), 'utf8');
  const root = new protobuf.Root();
  protobuf.parse(text, root, { keepCase: true, alternateCommentMode: true });
  root.resolveAll();
  const out = [`// Written by scripts/gen-proto.mjs from ${file}; do not edit.\n`];
  walk(root, (x) => {
    if (x instanceof protobuf.Type) out.push(renderType(x, root));
    else if (x instanceof protobuf.Enum) out.push(renderEnum(x, root));
    else if (x instanceof protobuf.Service) out.push(renderService(x, root));
  });
  out.push(
    `/** The descriptor, as protobufjs reads it. */\nexport const descriptor = ${JSON.stringify(root.toJSON())};\n`,
  );
  return out.join('\n');
}

let stale = 0;
for (const file of readdirSync(dir).filter((f) => f.endsWith('.proto'))) {
  const target = join(dir, file.replace(/\.proto$/, '.gen.ts'));
  const next = generate(file);
  if (!process.argv.includes('--check')) writeFileSync(target, next);
  else if (readFileSync(target, 'utf8') !== next) {
    stale++;
    console.error(`${target} is stale: run node scripts/gen-proto.mjs`);
  }
}
process.exit(stale ? 1 : 0);
