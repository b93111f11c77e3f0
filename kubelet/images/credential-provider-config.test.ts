import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { readProviders } from './credential-provider-config.ts';

const good = {
  name: 'ecr',
  matchImages: ['*.example.com:8080/team'],
  defaultCacheDuration: '12h',
  apiVersion: 'credentialprovider.kubelet.k8s.io/v1',
};
const token = { serviceAccountTokenAudience: 'aud', cacheType: 'Token', requireServiceAccount: true };

function folder(files: Record<string, object>) {
  const dir = mkdtempSync(join(tmpdir(), 'providers-'));
  const head = { apiVersion: 'kubelet.config.k8s.io/v1', kind: 'CredentialProviderConfig' };
  for (const [name, rest] of Object.entries(files))
    writeFileSync(join(dir, name), JSON.stringify({ ...head, ...rest }));
  return { dir, [Symbol.dispose]: () => rmSync(dir, { recursive: true }) };
}

describe('a configuration of credential providers', () => {
  const refused: [what: string, provider: object, message: RegExp][] = [
    [
      'a path for a name',
      { name: '../ecr' },
      /providers\[0\]\.name: Invalid value: "\.\.\/ecr": must be the name of a/,
    ],
    ['another version', { apiVersion: 'v1' }, /apiVersion: Unsupported value: "v1"/],
    ['no images', { matchImages: [] }, /matchImages: Required value/],
    ['what is no address', { matchImages: ['a b'] }, /matchImages: Invalid value: "a b"/],
    ['no time', { defaultCacheDuration: undefined }, /defaultCacheDuration: Required value/],
    [
      'what is no time',
      { defaultCacheDuration: 'long' },
      /defaultCacheDuration: Invalid value: "long": time: invalid dura/,
    ],
    ['less than no time', { defaultCacheDuration: '-1s' }, /must be greater than or equal to 0/],
    ['a field that is not known', { token: 1 }, /unknown field "providers\[0\]\.token"/],
    [
      'a token for nobody',
      { tokenAttributes: { ...token, serviceAccountTokenAudience: '' } },
      /TokenAudience: Required/,
    ],
    [
      'a token for all or some',
      { tokenAttributes: { ...token, requireServiceAccount: undefined } },
      /requireServiceAccount: Req/,
    ],
    ['a token kept by pod', { tokenAttributes: { ...token, cacheType: 'Pod' } }, /cacheType: Unsupported value: "Pod"/],
    [
      'a token in an older version',
      { apiVersion: 'credentialprovider.kubelet.k8s.io/v1beta1', tokenAttributes: token },
      /tokenAttributes: Forbidden: tokenAttributes is only supported for credentialprovider\.kubelet\.k8s\.io\/v1 API/,
    ],
    [
      'annotations of an account that need not be',
      { tokenAttributes: { ...token, requireServiceAccount: false, requiredServiceAccountAnnotationKeys: ['a'] } },
      /requireServiceAccount cannot be false/,
    ],
    [
      'an annotation twice',
      {
        tokenAttributes: {
          ...token,
          requiredServiceAccountAnnotationKeys: ['a'],
          optionalServiceAccountAnnotationKeys: ['a'],
        },
      },
      /tokenAttributes: Duplicate value: "a"/,
    ],
    [
      'no annotation',
      { tokenAttributes: { ...token, optionalServiceAccountAnnotationKeys: ['a b'] } },
      /"a b": name part must/,
    ],
  ];
  for (const [what, change, message] of refused)
    test(`with ${what} is refused`, () => {
      using made = folder({ 'c.yaml': { providers: [{ ...good, ...change }] } });
      assert.throws(() => readProviders(join(made.dir, 'c.yaml')), { message });
    });

  test('is a file, or the files of a folder by name', () => {
    const b = { ...good, name: 'b', apiVersion: 'credentialprovider.kubelet.k8s.io/v1beta1' };
    using made = folder({
      'b.json': { apiVersion: 'kubelet.config.k8s.io/v1beta1', providers: [b] },
      'a.yml': { providers: [{ ...good, tokenAttributes: token }] },
      'c.txt': { providers: [] },
    });
    assert.deepEqual(
      readProviders(made.dir).map(({ name }) => name),
      ['ecr', 'b'],
    );
    assert.deepEqual(readProviders(join(made.dir, 'b.json')), [b]);
    assert.throws(() => readProviders(join(made.dir, 'd.yaml')), /d\.yaml cannot be read: ENOENT/);
    assert.throws(() => readProviders(join(made.dir, 'c.txt')), /providers: Required value/);
  });

  test('names nobody twice, and is not empty', () => {
    using made = folder({ 'a.yaml': { providers: [good] }, 'b.yaml': { providers: [good] } });
    assert.throws(() => readProviders(made.dir), /duplicate provider name "ecr"$/);
    using none = folder({});
    assert.throws(() => readProviders(none.dir), /no configuration files found/);
  });
});
