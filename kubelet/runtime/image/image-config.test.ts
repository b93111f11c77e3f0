// Manifests and configurations that others wrote: right ones, and ones of another form.
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { isIndex, parseImageConfig, parseManifest } from './image-config.ts';

const json = (value: unknown) => Buffer.from(JSON.stringify(value));
const digest = `sha256:${'a'.repeat(64)}`;
const blob = { digest, size: 1 };

test('what is left out or null is empty', () => {
  const { config, diffIds } = parseImageConfig(json({ config: { Env: null }, rootfs: { diff_ids: [digest] } }));
  assert.deepEqual([config.env, config.cmd, config.user, config.volumes, diffIds], [[], [], '', [], [digest]]);
});

describe('an image configuration of another form is refused', () => {
  const withConfig = (config: unknown) => ({ config, rootfs: { diff_ids: [] } });
  const cases: [string, unknown, RegExp][] = [
    ['not an object', null, /is not an object/],
    ['no layers', {}, /no rootfs.diff_ids/],
    ['a layer that is a path', { rootfs: { diff_ids: ['sha256:../../x'] } }, /diff_ids\[0\] is not a sha256 digest/],
    ['a layer that is a number', { rootfs: { diff_ids: [1] } }, /is not a sha256 digest/],
    ['more layers than can be stacked', { rootfs: { diff_ids: Array(501).fill(digest) } }, /501 layers/],
    ['a user that is a number', withConfig({ User: 1000 }), /config.User is not a string/],
    ['a command that is a text', withConfig({ Cmd: 'sh' }), /config.Cmd is not a list/],
    ['variables that are numbers', withConfig({ Env: [1] }), /config.Env\[0\] is not a string/],
    ['labels that are a list', withConfig({ Labels: ['a'] }), /config.Labels is not an object/],
    [
      'volumes beyond count',
      withConfig({ Volumes: Object.fromEntries(Array(1001).fill({}).entries()) }),
      /1000 volumes/,
    ],
  ];
  for (const [name, value, why] of cases) test(name, () => assert.throws(() => parseImageConfig(json(value)), why));
  test('no JSON', () => assert.throws(() => parseImageConfig(Buffer.from('{')), /is not JSON/));
  test('megabytes', () => assert.throws(() => parseImageConfig(Buffer.alloc(5 << 20, ' ')), /too large/));
});

test('a manifest and an index are told apart', () => {
  assert.equal(isIndex(parseManifest(json({ config: blob, layers: [blob] }), 'm')), false);
  assert.equal(isIndex(parseManifest(json({ manifests: [blob] }), 'm')), true);
});

describe('a manifest of another form is refused', () => {
  const layer = (value: unknown) => ({ config: blob, layers: [value] });
  const cases: [string, unknown, RegExp][] = [
    ['neither', {}, /neither an image manifest nor an index/],
    ['a digest that is a path', layer({ digest: 'sha256:../../../x', size: 1 }), /layers\[0\].digest is not a sha256/],
    ['a digest of another kind', layer({ digest: `md5:${'a'.repeat(32)}`, size: 1 }), /is not a sha256 digest/],
    ['no size', layer({ digest }), /layers\[0\].size is not a size/],
    ['a negative size', layer({ digest, size: -1 }), /is not a size/],
    ['an index of texts', { manifests: ['x'] }, /manifests\[0\] is not an object/],
  ];
  for (const [name, value, why] of cases) test(name, () => assert.throws(() => parseManifest(json(value), 'm'), why));
});
