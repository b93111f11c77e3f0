// Secret: data that should not be seen by everybody.
// Like a ConfigMap, but encrypted at rest, and with types that demand certain keys.
// https://kubernetes.io/docs/concepts/configuration/secret/
import { setKey } from '../../machinery/json.ts';
import { checkKeyPair } from '../../machinery/key-pair.ts';
import { column, defineKind } from '../../machinery/kind.ts';
import { objectFields } from '../../machinery/metadata.ts';
import { pemOfField } from '../../machinery/pem.ts';
import { s } from '../../machinery/schema.ts';
import { ageColumn } from '../meta/columns.ts';
import type { ObjectOf } from '../meta/object.ts';
import { validateSecret, validateSecretUpdate } from './secret/validation.ts';

const schema = s.api('core.v1.Secret', 'Secret data as keys and values.', {
  ...objectFields,
  data: s.map(s.bytes(''), 'Values in base64.'),
  immutable: s.boolean('Content can never change again.', { pointer: true }),
  stringData: s.map(s.string(''), 'Text values for writing; merged into data, never shown.'),
  type: s.string('Says what keys the data has.', { default: 'Opaque' }),
});
export interface Secret extends ObjectOf<typeof schema> {}

export const SecretKind = defineKind<Secret>({
  kind: 'Secret',
  plural: 'secrets',
  scope: 'Namespaced',
  served: [{ group: '', version: 'v1', schema, setDefaults: takeStringData }],
  selectableFields: { type: (secret) => secret.type ?? '' },
  columns: [
    column('Type', 'string', 'Says what keys the data has.', (secret) => secret.type ?? ''),
    column('Data', 'string', 'Number of keys.', (secret) => Object.keys(secret.data ?? {}).length),
    ageColumn,
  ],
  validate: validateSecret,
  validateUpdate: validateSecretUpdate,
  warnings: ({ type, data = {} }) => {
    if (type !== 'kubernetes.io/tls') return [];
    const complaint = checkKeyPair(pemOfField(data['tls.crt'] ?? ''), pemOfField(data['tls.key'] ?? ''));
    return complaint ? [complaint] : [];
  },
});

// stringData is for writing only: it wins over data and is never kept.
function takeStringData(secret: Secret): void {
  const texts = Object.entries(secret.stringData ?? {});
  delete secret.stringData;
  if (texts.length === 0) return;
  secret.data ??= {};
  for (const [key, text] of texts) setKey(secret.data, key, encodeBase64(text));
}

function encodeBase64(text: string): string {
  let binary = '';
  for (const byte of new TextEncoder().encode(text)) binary += String.fromCharCode(byte);
  return btoa(binary);
}
