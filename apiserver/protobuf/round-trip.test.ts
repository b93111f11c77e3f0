// Objects of every kind, drawn from a seed, through protobuf and back, and against another
// implementation: protobufjs with message types made from the same table.
import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import { describe, test } from 'node:test';
import protobuf from 'protobufjs';
import { jsonSchemaProps } from '../../api/apiextensions/customresourcedefinition/json-schema.ts';
import { kinds, subresourceKinds } from '../../api/index.ts';
import { deleteOptions } from '../../api/meta/delete-options.ts';
import { decodeValue } from '../../machinery/decode.ts';
import type { ObjectSchema } from '../../machinery/schema.ts';
import { drawObject } from '../../test/builders/schema-value.ts';
import { Draw } from '../../test/environment/fuzz.ts';
import { decodeMessage, encodeMessage } from './envelope.ts';

const objectsPerType = 40;

function bodyTypes(): Map<string, ObjectSchema> {
  const types = [...kinds, ...subresourceKinds].flatMap(({ served }) => served.map(({ schema }) => schema));
  return new Map([...types, deleteOptions, jsonSchemaProps].map((schema) => [schema.name, schema]));
}

describe('JSON to protobuf and back', () => {
  for (const [name, schema] of bodyTypes()) {
    test(name, () => {
      const draw = new Draw(name.length * 7919);
      for (let i = 0; i < objectsPerType; i++) {
        const object = drawObject(schema, draw);
        const bytes = encodeMessage(schema, object);
        const back = decodeValue(schema, decodeMessage(schema, bytes), { defaults: false }).value;
        assert.deepEqual(back, object);
        assert.deepEqual(encodeMessage(schema, back), bytes);
      }
    });
  }
});

const reference = '../shared/reference/protobuf-messages.json';
const skip = existsSync(reference) ? false : 'reference not present';

interface PublishedField {
  number: number;
  type: string;
  label: string;
}

/** Message types of protobufjs from the published tables. */
function publishedTypes(): protobuf.Root {
  const published: Record<string, Record<string, PublishedField>> = JSON.parse(readFileSync(reference, 'utf8'));
  const root = new protobuf.Root();
  for (const [name, fields] of Object.entries(published)) {
    const at = name.lastIndexOf('.');
    const type = new protobuf.Type(name.slice(at + 1));
    for (const [field, { number, type: of, label }] of Object.entries(fields)) {
      const value = /^map<string, (.+)>$/.exec(label)?.[1];
      if (value) type.add(new protobuf.MapField(field, number, 'string', value));
      else type.add(new protobuf.Field(field, number, of, label));
    }
    root.define(name.slice(0, at)).add(type);
  }
  root.resolveAll();
  return root;
}

describe('as protobufjs reads and writes it', { skip }, () => {
  const root = skip ? undefined : publishedTypes();
  for (const [name, schema] of bodyTypes()) {
    test(name, () => {
      const type = root!.lookupType(name.replace(/^io\.k8s\./, 'k8s.io.').replaceAll('-', '_'));
      const draw = new Draw(name.length * 104729);
      for (let i = 0; i < objectsPerType; i++) {
        const object = drawObject(schema, draw);
        const bytes = encodeMessage(schema, object);
        // What it does not know, or knows with another type, would be lost. Keys like numbers it puts first.
        const message = type.decode(bytes);
        assert.deepEqual(type.encode(message).finish().toSorted(), Uint8Array.from(bytes).toSorted());
        // Without the zeros that Kubernetes writes, the same is read.
        const sparse = type.fromObject(type.toObject(message, { defaults: false }));
        const back = decodeMessage(schema, Buffer.from(type.encode(sparse).finish()));
        assert.deepEqual(decodeValue(schema, back, { defaults: false }).value, object);
      }
    });
  }
});
