#!/usr/bin/env node
// Writes apiserver/protobuf/field-numbers.gen.ts from a table of Kubernetes' protobuf messages:
// `node scripts/gen-field-numbers.mjs protobuf-messages.json api-types.json`. The first names each message's
// fields with their numbers, the second says which messages are published API types.
import { readFileSync, writeFileSync } from 'node:fs';

const [messagesFile, typesFile] = process.argv.slice(2);
if (!typesFile) {
  console.error('usage: gen-field-numbers.mjs protobuf-messages.json api-types.json');
  process.exit(2);
}
const messages = JSON.parse(readFileSync(messagesFile, 'utf8'));
const types = JSON.parse(readFileSync(typesFile, 'utf8'));

// What is sent without being part of any published schema.
const meta = 'io.k8s.apimachinery.pkg.apis.meta';
const unpublished = [
  ...['PartialObjectMetadata', 'PartialObjectMetadataList', 'Verbs', 'GroupVersionKind'].map((n) => `${meta}.v1.${n}`),
  `${meta}.v1beta1.PartialObjectMetadataList`,
  ...['APIGroupDiscovery', 'APIGroupDiscoveryList', 'APIResourceDiscovery', 'APISubresourceDiscovery'].map(
    (n) => `io.k8s.api.apidiscovery.v2.${n}`,
  ),
  'io.k8s.api.apidiscovery.v2.APIVersionDiscovery',
];

const messageOf = (name) => name.replace(/^io\.k8s\./, 'k8s.io.').replaceAll('-', '_');

function rowOf(message) {
  const siblings = message.slice(0, message.lastIndexOf('.'));
  return Object.entries(messages[message])
    .sort(([, a], [, b]) => a.number - b.number)
    .map(([field, { number, type, inline, json, pointer }]) =>
      inline
        ? `${number}{ ${rowOf(`${siblings}.${type}`)} }`
        : `${number}${type === 'Verbs' ? '~' : pointer ? '*' : '='}${json ?? field}`,
    )
    .join(' ');
}

/** Lists of a kind are all alike, and need no row. */
const isPlainList = (name) =>
  messages[messageOf(name.replace(/List$/, ''))] && rowOf(messageOf(name)) === '1=metadata 2=items';

const rows = [...Object.keys(types), ...unpublished]
  .filter((name) => messages[messageOf(name)] && !isPlainList(name))
  .sort()
  .map((name) => `  '${name}': '${rowOf(messageOf(name))}',`);

writeFileSync(
  new URL('../apiserver/protobuf/field-numbers.gen.ts', import.meta.url),
  `// Protobuf field numbers of the API's types, by published definition name: \`number=field\`, \`number*field\`
// for one that may be absent, \`number~field\` for a list in a message of its own, and \`number{ ... }\` for a
// message whose fields JSON inlines. Lists of a kind have none. Types come from the schemas. Written by
// scripts/gen-field-numbers.mjs.

export const fieldNumbers: Readonly<Record<string, string>> = {
${rows.join('\n')}
};
`,
);
