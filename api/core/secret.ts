// Secret: data that should not be seen by everybody.

import { defineKind } from '../../machinery/kind.ts';
import { objectMeta, typeMeta } from '../../machinery/metadata.ts';
import { s } from '../../machinery/schema.ts';
import type { ObjectOf } from '../meta/object.ts';

export const secretSchema = s.object('io.k8s.api.core.v1.Secret', 'Secret data as keys and values.', {
  ...typeMeta,
  data: s.map(s.bytes(''), 'Values in base64.'),
  immutable: s.boolean('Content can never change again.', { pointer: true }),
  metadata: s.field(objectMeta, 'Standard object metadata.', { always: true }),
  stringData: s.map(s.string(''), 'Text values for writing; merged into data, never shown.'),
  type: s.string('Says what keys the data has.', { default: 'Opaque' }),
});
export interface Secret extends ObjectOf<typeof secretSchema> {}

export const SecretKind = defineKind<Secret>({
  kind: 'Secret',
  plural: 'secrets',
  scope: 'Namespaced',
  served: [{ group: '', version: 'v1', schema: secretSchema }],
});
