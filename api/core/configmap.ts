// ConfigMap: configuration as keys and values.

import { defineKind } from '../../machinery/kind.ts';
import { objectMeta, typeMeta } from '../../machinery/metadata.ts';
import { s } from '../../machinery/schema.ts';
import { ageColumn } from '../meta/columns.ts';
import type { ObjectOf } from '../meta/object.ts';

export const configMapSchema = s.object('io.k8s.api.core.v1.ConfigMap', 'Configuration as keys and values.', {
  ...typeMeta,
  binaryData: s.map(s.bytes(''), 'Values that are not text, in base64.'),
  data: s.map(s.string(''), 'Text values.'),
  immutable: s.boolean('Content can never change again.', { pointer: true }),
  metadata: s.field(objectMeta, 'Standard object metadata.', { always: true }),
});
export interface ConfigMap extends ObjectOf<typeof configMapSchema> {}

export const ConfigMapKind = defineKind<ConfigMap>({
  kind: 'ConfigMap',
  plural: 'configmaps',
  scope: 'Namespaced',
  shortNames: ['cm'],
  served: [{ group: '', version: 'v1', schema: configMapSchema }],
  allowUnconditionalUpdate: true,
  columns: [
    {
      name: 'Data',
      type: 'string',
      doc: 'Number of keys.',
      cell: (map) => Object.keys(map.data ?? {}).length + Object.keys(map.binaryData ?? {}).length,
    },
    ageColumn,
  ],
});
