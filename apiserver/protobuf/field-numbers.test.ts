// The table of field numbers against the schemas of the served kinds, and against the published numbers.
import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import { test } from 'node:test';
import { kinds, subresourceKinds } from '../../api/index.ts';
import { typeMeta } from '../../machinery/metadata.ts';
import type { AnySchema, ObjectSchema } from '../../machinery/schema.ts';
import { fieldNumbers } from './field-numbers.gen.ts';

const reference = '../shared/reference/protobuf-messages.json';
const skip = existsSync(reference) ? false : 'reference not present';

/** The named objects that a body of any served kind may hold. */
function servedTypes(): Map<string, ObjectSchema> {
  const found = new Map<string, ObjectSchema>();
  const visit = (schema: AnySchema): void => {
    if (schema.type === 'list') visit(schema.items);
    if (schema.type === 'map') visit(schema.values);
    if (schema.type !== 'object' || found.has(schema.name)) return;
    found.set(schema.name, schema);
    for (const field of Object.values(schema.fields)) visit(field);
  };
  for (const { served } of [...kinds, ...subresourceKinds]) for (const { schema } of served) visit(schema);
  return found;
}

test('every field of every served type has its number', () => {
  const missing: string[] = [];
  for (const [name, { fields }] of servedTypes()) {
    const known = [...(fieldNumbers[name] ?? '').matchAll(/\d[=*~](\S+)/g)].map((match) => match[1]!);
    for (const [field, schema] of Object.entries(fields)) {
      // The kind and version of a body stand in the envelope around it.
      const isInEnvelope = schema === typeMeta.kind || schema === typeMeta.apiVersion;
      if (!isInEnvelope && !known.includes(field)) missing.push(`${name}.${field}`);
    }
  }
  assert.deepEqual(missing, []);
});

interface PublishedField {
  number: number;
  type: string;
  inline?: boolean;
  json?: string;
  pointer?: boolean;
}

const messageOf = (name: string) => name.replace(/^io\.k8s\./, 'k8s.io.').replaceAll('-', '_');

test('the numbers are the published ones', { skip }, () => {
  const published: Record<string, Record<string, PublishedField>> = JSON.parse(readFileSync(reference, 'utf8'));
  const rowOf = (name: string): string =>
    Object.entries(published[name] ?? {})
      .sort(([, a], [, b]) => a.number - b.number)
      .map(([field, { number, type, inline, json, pointer }]) =>
        inline
          ? `${number}{ ${rowOf(`${name.slice(0, name.lastIndexOf('.'))}.${type}`)} }`
          : `${number}${type === 'Verbs' ? '~' : pointer ? '*' : '='}${json ?? field}`,
      )
      .join(' ');
  for (const [name, row] of Object.entries(fieldNumbers)) {
    assert.equal(row, rowOf(messageOf(name)), name);
  }
});

test('schemas and table agree on what can be absent', () => {
  const different: string[] = [];
  for (const [name, { fields }] of servedTypes()) {
    const optional = [...(fieldNumbers[name] ?? '').matchAll(/\d\*(\S+)/g)].map((match) => match[1]!);
    for (const [field, schema] of Object.entries(fields)) {
      const isScalar = ['string', 'integer', 'number', 'boolean'].includes(schema.type);
      const format = (schema as { format?: string }).format;
      const isMessage = ['date-time', 'micro-time', 'quantity', 'int-or-string', 'byte'].includes(format ?? '');
      if (isScalar && !isMessage && optional.includes(field) !== (schema.pointer === true))
        different.push(`${name}.${field}`);
    }
  }
  assert.deepEqual(different, []);
});
