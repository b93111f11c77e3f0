// ConfigMap: configuration as keys and values.
// The smallest real kind: docs/adding/kind.md walks through it.
// https://kubernetes.io/docs/concepts/configuration/configmap/
import { type FieldError, forbidden, invalid, tooLong } from '../../machinery/field-error.ts';
import { jsonEqual } from '../../machinery/json.ts';
import { column, defineKind } from '../../machinery/kind.ts';
import { objectFields } from '../../machinery/metadata.ts';
import { byteLength } from '../../machinery/name-rules.ts';
import { s } from '../../machinery/schema.ts';
import { checkConfigMapKey } from '../meta/checks.ts';
import { ageColumn } from '../meta/columns.ts';
import type { ObjectOf } from '../meta/object.ts';
import { immutableDataText, maxDataBytes } from './secret/validation.ts';

const schema = s.api('core.v1.ConfigMap', 'Configuration as keys and values.', {
  ...objectFields,
  binaryData: s.map(s.bytes(''), 'Values that are not text, in base64.'),
  data: s.map(s.string(''), 'Text values.'),
  immutable: s.boolean('Content can never change again.', { pointer: true }),
});
export interface ConfigMap extends ObjectOf<typeof schema> {}

export const ConfigMapKind = defineKind<ConfigMap>({
  kind: 'ConfigMap',
  plural: 'configmaps',
  scope: 'Namespaced',
  shortNames: ['cm'],
  served: [{ group: '', version: 'v1', schema }],
  columns: [
    column(
      'Data',
      'string',
      'Number of keys.',
      (map) => Object.keys(map.data ?? {}).length + Object.keys(map.binaryData ?? {}).length,
    ),
    ageColumn,
  ],
  validate,
  validateUpdate,
});

function validate(map: ConfigMap): FieldError[] {
  const errors: FieldError[] = [];
  let bytes = 0;
  for (const [key, value] of Object.entries(map.data ?? {})) {
    for (const complaint of checkConfigMapKey(key)) errors.push(invalid(`data[${key}]`, key, complaint));
    if (map.binaryData?.[key] !== undefined) {
      errors.push(invalid(`data[${key}]`, key, 'duplicate of key present in binaryData'));
    }
    bytes += byteLength(value);
  }
  for (const [key, value] of Object.entries(map.binaryData ?? {})) {
    for (const complaint of checkConfigMapKey(key)) errors.push(invalid(`binaryData[${key}]`, key, complaint));
    bytes += Math.floor(((value ?? '').length * 3) / 4);
  }
  if (bytes > maxDataBytes) errors.push(tooLong('', maxDataBytes));
  return errors;
}

function validateUpdate(next: ConfigMap, old: ConfigMap): FieldError[] {
  if (!old.immutable) return [];
  const errors = next.immutable ? [] : [forbidden('immutable', immutableDataText)];
  for (const field of ['data', 'binaryData'] as const) {
    if (!jsonEqual(next[field] ?? {}, old[field] ?? {})) errors.push(forbidden(field, immutableDataText));
  }
  return errors;
}
