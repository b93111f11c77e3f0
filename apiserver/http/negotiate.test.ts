import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { StatusError } from '../../machinery/errors.ts';
import { negotiate } from './negotiate.ts';

const table = 'application/json;as=Table;v=v1;g=meta.k8s.io';

const cases: [accept: string | undefined, want: string][] = [
  [undefined, 'object json v1'],
  ['*/*', 'object json v1'],
  ['application/json', 'object json v1'],
  ['application/yaml', 'object yaml v1'],
  [`${table},application/json;as=Table;v=v1beta1;g=meta.k8s.io,application/json`, 'Table json v1'],
  ['application/json;as=Table;v=v1beta1;g=meta.k8s.io', 'Table json v1beta1'],
  ['application/json; as=PartialObjectMetadataList; v=v1; g=meta.k8s.io', 'PartialObjectMetadata json v1'],
  ['application/vnd.kubernetes.protobuf, application/json', 'object json v1'],
  ['application/json;as=Table;v=v2;g=meta.k8s.io,application/json', 'object json v1'],
  ['text/html,application/xhtml+xml,*/*;q=0.8', 'object json v1'],
];

for (const [accept, want] of cases) {
  test(`Accept: ${accept}`, () => {
    const { form, encoding, metaVersion } = negotiate(accept);
    assert.equal(`${form} ${encoding} ${metaVersion}`, want);
  });
}

test('what this server does not have is not acceptable', () => {
  for (const accept of [
    'application/vnd.kubernetes.protobuf',
    'text/html',
    'application/json;as=Chair;v=v1;g=meta.k8s.io',
  ]) {
    assert.throws(
      () => negotiate(accept),
      (err: StatusError) => err.code === 406,
    );
  }
});
