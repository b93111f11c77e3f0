import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import {
  matchRoute,
  negotiate,
  negotiateError,
  negotiateWatch,
  type Representations,
  wantsPretty,
} from './negotiate.ts';

const protobuf = 'application/vnd.kubernetes.protobuf';
const table = 'application/json;as=Table;v=v1;g=meta.k8s.io';
const metadata = (type: string) => `${type};as=PartialObjectMetadata;g=meta.k8s.io;v=v1`;
const customResource: Representations = { protobuf: false };

const cases: [accept: string | undefined, want: string, has?: Representations][] = [
  [undefined, 'object json v1'],
  ['*/*', 'object json v1'],
  ['*', 'object json v1'],
  ['application/*', 'object json v1'],
  ['application/json', 'object json v1'],
  ['application/yaml', 'object yaml v1'],
  [protobuf, 'object protobuf v1'],
  [`${protobuf},application/json`, 'object protobuf v1'],
  [`${protobuf}, application/json`, 'object json v1', customResource],
  [`${metadata(protobuf)},${metadata('application/json')},application/json`, 'PartialObjectMetadata protobuf v1'],
  [metadata(protobuf), 'PartialObjectMetadata protobuf v1', customResource],
  [`${table},application/json;as=Table;v=v1beta1;g=meta.k8s.io,application/json`, 'Table json v1'],
  [`${protobuf};as=Table;v=v1;g=meta.k8s.io,application/json`, 'object json v1'],
  [`${table},application/json`, 'object json v1', { table: false }],
  ['application/json;as=Table;v=v1beta1;g=meta.k8s.io', 'Table json v1beta1'],
  ['application/yaml;as=Table;v=v1;g=meta.k8s.io', 'Table yaml v1'],
  ['application/json; as=PartialObjectMetadataList; v=v1; g=meta.k8s.io', 'PartialObjectMetadataList json v1'],
  ['application/json;as=Table;v=v2;g=meta.k8s.io,application/json', 'object json v1'],
  ['text/html,application/xhtml+xml,*/*;q=0.8', 'object json v1'],
  [`application/json;q=0.1, ${protobuf};q=0.9`, 'object protobuf v1'],
  ['*/*, application/yaml', 'object yaml v1'],
  ['application/cbor, application/json;q=0.5', 'object json v1'],
  ['application/json;charset=utf-8', 'object json v1'],
  ['application/json;as=;g=', 'object json v1'],
];

for (const [accept, want, has] of cases) {
  test(`Accept: ${accept} of ${JSON.stringify(has ?? {})}`, () => {
    const { form, encoding, metaVersion } = negotiate(accept, has);
    assert.equal(`${form} ${encoding} ${metaVersion}`, want);
  });
}

const all = 'application/json, application/yaml, application/vnd.kubernetes.protobuf';
const refused = (types: string) => ({ code: 406, message: `only the following media types are accepted: ${types}` });

describe('what this server does not have is not acceptable', () => {
  for (const accept of [
    'text/html',
    'application/json;as=Chair;v=v1;g=meta.k8s.io',
    'application/cbor',
    ',;=',
    'a/b/c',
  ]) {
    test(accept, () => assert.throws(() => negotiate(accept), refused(all)));
  }
  test('protobuf of a custom resource', () => {
    assert.throws(() => negotiate(protobuf, customResource), refused(all));
  });
  test('a plain form where there is none but that', () => {
    assert.throws(() => negotiate(table, { forms: false }), refused(all));
  });
});

test('of what is built in a type is named as it is written', () => {
  const asks = (accept: string | undefined) => () => matchRoute(accept, ['application/json', 'application/yaml']);
  for (const accept of [undefined, '', '*/*', ' application/yaml ;q=1', 'text/html, */*;q=0.1', 'x,application/json'])
    assert.doesNotThrow(asks(accept));
  const message = '406: Not Acceptable\n\nAvailable representations: application/json, application/yaml';
  for (const accept of ['*', 'application/*', 'Application/JSON', 'text/plain', ','])
    assert.throws(asks(accept), { code: 406, message, details: {} });
});

test('a watch has no YAML', () => {
  assert.equal(negotiateWatch(`${protobuf};stream=watch,application/json`).encoding, 'protobuf');
  assert.equal(negotiateWatch(`${protobuf};stream=watch,application/json`, customResource).encoding, 'json');
  assert.throws(
    () => negotiateWatch('application/yaml, application/json;q=0.5'),
    refused(`application/json;stream=watch, ${protobuf};stream=watch`),
  );
});

test('an error takes a form that there is', () => {
  assert.equal(negotiateError(`${protobuf},application/json`).encoding, 'protobuf');
  assert.deepEqual(negotiateError('text/html'), { form: 'object', encoding: 'json', metaVersion: 'v1', pretty: true });
  assert.equal(negotiateError(table).encoding, 'json');
});

test('JSON is indented for people', () => {
  const asked = (query: string, agent: string) =>
    wantsPretty({ url: `/api/v1/pods?${query}`, headers: { 'user-agent': agent } });
  assert.deepEqual(
    [asked('', 'curl/8.0'), asked('pretty=false', 'curl/8.0'), asked('', 'kubectl/v1.36'), asked('pretty=true', 'x')],
    [true, false, false, true],
  );
});
