// What lies in etcd when it is encrypted, and who can read it: over an etcd in memory.
import assert from 'node:assert/strict';
import { createDecipheriv } from 'node:crypto';
import { describe, test } from 'node:test';
import { parseConfig } from '../../../machinery/config-file.ts';
import { FakeEtcd } from '../../../test/builders/fake-etcd.ts';
import { MemoryApi } from '../../../test/builders/memory-api.ts';
import { storedKinds } from '../../stored-kinds.ts';
import { encryptionConfigForm } from './config.ts';
import { encryptEtcd } from './encrypted-etcd.ts';

const secretOf = (byte: number, length = 32) => Buffer.alloc(length, byte).toString('base64');
const keys = (...names: string[]) => names.map((name, i) => ({ name, secret: secretOf(name.charCodeAt(3) || i) }));
const gcm = (...names: string[]) => ({ aesgcm: { keys: keys(...names) } });
const cbc = (...names: string[]) => ({ aescbc: { keys: keys(...names) } });
const identity = { identity: {} };
const text = (resources: unknown) =>
  JSON.stringify({ apiVersion: 'apiserver.config.k8s.io/v1', kind: 'EncryptionConfiguration', resources });
const parse = (resources: unknown) => parseConfig(text(resources), 'enc.yaml', encryptionConfigForm);
const groups = storedKinds.map((kind) => kind.group);

/** A server over `etcd`; `undefined`: without a configuration. */
async function serve(etcd: FakeEtcd, resources?: unknown): Promise<MemoryApi> {
  const api = new MemoryApi(etcd, 1, resources ? encryptEtcd(etcd, parse(resources), groups) : etcd);
  await api.context.store.cache.start();
  return api;
}

const providers = (...list: unknown[]) => [{ resources: ['secrets'], providers: list }];
const namespaces = '/api/v1/namespaces';
const secrets = `${namespaces}/default/secrets`;
const keyOf = (name: string) => `/registry/secrets/default/${name}`;
const secret = (name: string) => ({ metadata: { name }, stringData: { password: 'plain-text' } });

async function withSecret(etcd: FakeEtcd, resources: unknown, name = 's'): Promise<MemoryApi> {
  const api = await serve(etcd, resources);
  const there = await etcd.get('/registry/namespaces/default');
  if (!there) await api.send('POST', namespaces, { body: { metadata: { name: 'default' } } });
  await api.send('POST', secrets, { body: secret(name) });
  return api;
}

const stored = async (etcd: FakeEtcd, name = 's') => (await etcd.get(keyOf(name)))!.value;
const password = async (api: MemoryApi, name = 's') => (await api.send('GET', `${secrets}/${name}`)).data.password;
const expected = Buffer.from('plain-text').toString('base64');

describe('a value in etcd', () => {
  const forms: [string, unknown, RegExp][] = [
    ['aesgcm', gcm('key1'), /^k8s:enc:aesgcm:v1:key1:/],
    ['aescbc', cbc('key2'), /^k8s:enc:aescbc:v1:key2:/],
    ['identity', identity, /^\{"kind":"Secret"/],
  ];
  for (const [name, provider, start] of forms) {
    test(`by ${name} begins as Kubernetes writes it, and is served as it was meant`, async () => {
      const etcd = new FakeEtcd();
      const api = await withSecret(etcd, providers(provider));
      const value = (await stored(etcd)).toString('latin1');
      assert.match(value, start);
      assert.equal(value.includes(expected), name === 'identity');
      assert.equal(await password(api), expected);
      assert.equal(await password(await serve(etcd, providers(identity, provider))), expected);
    });
  }

  test('is a nonce of 12 bytes, the cipher text and a tag of 16, for its own key in etcd alone', async () => {
    const etcd = new FakeEtcd();
    await withSecret(etcd, providers(gcm('key1')));
    const sealed = (await stored(etcd)).subarray('k8s:enc:aesgcm:v1:key1:'.length);
    const open = createDecipheriv(
      'aes-256-gcm',
      Buffer.from(keys('key1')[0]!.secret, 'base64'),
      sealed.subarray(0, 12),
    );
    open.setAAD(Buffer.from(keyOf('s'))).setAuthTag(sealed.subarray(-16));
    const plain = Buffer.concat([open.update(sealed.subarray(12, -16)), open.final()]);
    assert.equal(JSON.parse(plain.toString()).data.password, expected);
    await etcd.put(keyOf('moved'), await stored(etcd), 0);
    const api = await serve(etcd, providers(gcm('key1')));
    await assert.rejects(api.send('GET', `${secrets}/moved`), { code: 500, message: /unable to transform key/ });
  });

  for (const [name, provider] of forms) {
    test(`by ${name} that is cut short at any byte is refused, whatever is left`, async () => {
      const etcd = new FakeEtcd();
      await withSecret(etcd, providers(provider));
      const whole = await stored(etcd);
      const lengths = [0, 1, 7, 8, 20, 23, 24, 30, 39, 40, 52, whole.length - 1];
      for (const length of lengths) await etcd.put(keyOf(`cut-${length}`), whole.subarray(0, length), 0);
      const api = await serve(etcd, providers(provider, identity));
      for (const length of lengths) await assert.rejects(api.send('GET', `${secrets}/cut-${length}`), { code: 500 });
      assert.equal(await password(api), expected);
    });
  }

  test('of another resource is what it was', async () => {
    const etcd = new FakeEtcd();
    await withSecret(etcd, providers(gcm('key1')));
    assert.match((await etcd.get('/registry/namespaces/default'))!.value.toString(), /^\{"kind":"Namespace"/);
  });
});

describe('rotation of keys', () => {
  test('the new key first: old objects are read, and written anew by a write of the same', async () => {
    const etcd = new FakeEtcd();
    await withSecret(etcd, providers(gcm('key1')));
    const api = await serve(etcd, providers(gcm('key2', 'key1'), identity));
    const before = await api.send('GET', `${secrets}/s`);
    assert.match((await stored(etcd)).toString('latin1'), /^k8s:enc:aesgcm:v1:key1:/);
    const after = await api.send('PUT', `${secrets}/s`, { body: before });
    assert.match((await stored(etcd)).toString('latin1'), /^k8s:enc:aesgcm:v1:key2:/);
    assert.notEqual(after.metadata.resourceVersion, before.metadata.resourceVersion);
    const again = await api.send('PUT', `${secrets}/s`, { body: after });
    assert.equal(again.metadata.resourceVersion, after.metadata.resourceVersion, 'nothing more is to be written');
    assert.equal(await password(await serve(etcd, providers(gcm('key2')))), expected);
  });

  test('from plain text and back', async () => {
    const etcd = new FakeEtcd();
    await withSecret(etcd, providers(identity));
    for (const [list, start] of [
      [[gcm('key1'), identity], /^k8s:enc/],
      [[identity, gcm('key1')], /^\{/],
    ] as const) {
      const api = await serve(etcd, providers(...list));
      await api.send('PUT', `${secrets}/s`, { body: await api.send('GET', `${secrets}/s`) });
      assert.match((await stored(etcd)).toString('latin1'), start);
    }
  });
});

describe('an object whose key is missing', () => {
  const missing = [
    ['the key', providers(gcm('key2')), 'no matching key was found for the provided AES transformer'],
    ['its provider', providers(cbc('key2')), 'no matching prefix found'],
    ['any but identity', providers(identity), 'identity transformer tried to read encrypted data'],
    ['the whole configuration', undefined, 'identity transformer tried to read encrypted data'],
  ] as const;
  for (const [what, config, why] of missing) {
    test(`is an error for that object alone, with ${what} gone`, async () => {
      const etcd = new FakeEtcd();
      await withSecret(etcd, providers(gcm('key1')));
      await withSecret(etcd, config ?? providers(identity), 'other');
      const api = await serve(etcd, config);
      const message = `Internal error occurred: unable to transform key "${keyOf('s')}": ${why}`;
      await assert.rejects(api.send('GET', `${secrets}/s`), { code: 500, message });
      await assert.rejects(api.send('DELETE', `${secrets}/s`), { code: 500, message });
      await assert.rejects(api.send('POST', secrets, { body: secret('s') }), { code: 409, reason: 'AlreadyExists' });
      assert.deepEqual(
        (await api.send('GET', secrets)).map((o: any) => o.metadata.name),
        ['other'],
      );
      assert.equal(await password(api, 'other'), expected);
      const healed = await serve(etcd, providers(gcm('key1'), ...(config?.[0]?.providers ?? [identity])));
      assert.equal(await password(healed), expected, 'nothing was lost');
    });
  }
});

describe('which resources', () => {
  const cases: [string, string[], Record<string, boolean>][] = [
    ['one by name', ['secrets'], { 'secrets/a/b': true, 'configmaps/a/b': false, 'apps/deployments/a/b': false }],
    ['one of a group', ['deployments.apps'], { 'apps/deployments/a/b': true, 'apps/daemonsets/a/b': false }],
    ['the core group', ['*.'], { 'secrets/a/b': true, 'apps/deployments/a/b': false, 'x.io/things/a/b': false }],
    ['a group', ['*.apps'], { 'apps/deployments/a/b': true, 'batch/jobs/a/b': false }],
    ['a custom group', ['*.x.io'], { 'x.io/things/a/b': true, 'y.io/things/a/b': false }],
    ['all', ['*.*'], { 'secrets/a/b': true, 'apps/deployments/a/b': true, 'x.io/things/b': true }],
  ];
  for (const [name, resources, keysOf] of cases) {
    test(name, async () => {
      const etcd = new FakeEtcd();
      const encrypted = encryptEtcd(etcd, parse([{ resources, providers: [gcm('key1')] }]), groups);
      for (const [key, is] of Object.entries(keysOf)) {
        await encrypted.put(`/registry/${key}`, Buffer.from('{}'), 0);
        const { value } = (await etcd.get(`/registry/${key}`))!;
        assert.equal(value.toString('latin1').startsWith('k8s:enc:'), is, key);
        assert.equal((await encrypted.get(`/registry/${key}`))!.value.toString(), '{}');
      }
    });
  }

  test('the first entry that names one holds', async () => {
    const etcd = new FakeEtcd();
    const both = [
      { resources: ['secrets'], providers: [identity] },
      { resources: ['*.*'], providers: [gcm('key1')] },
    ];
    const encrypted = encryptEtcd(etcd, parse(both), groups);
    await encrypted.put('/registry/secrets/a/b', Buffer.from('{}'), 0);
    assert.equal((await etcd.get('/registry/secrets/a/b'))!.value.toString(), '{}');
  });
});

describe('a configuration that is refused', () => {
  const one = (resources: unknown, ...list: unknown[]) => [{ resources, providers: list }];
  const cases: [string, unknown, RegExp][] = [
    ['no resources', [], /resources: Required value/],
    ['no providers', one(['secrets']), /resources\[0\]\.providers: Required value/],
    ['two providers in one', one(['secrets'], { ...gcm('key1'), ...identity }), /exactly one provider/],
    ['kms', one(['secrets'], { kms: { name: 'x' } }), /providers\[0\]\.kms: Forbidden: not supported/],
    ['secretbox', one(['secrets'], { secretbox: { keys: [] } }), /secretbox: Forbidden: not supported/],
    ['an unknown field', one(['secrets'], { aesgmc: {} }), /unknown field "resources\[0\]\.providers\[0\]\.aesgmc"/],
    ['a short key', one(['secrets'], { aesgcm: { keys: [{ name: 'a', secret: secretOf(1, 7) }] } }), /got 7, expected/],
    ['a key in no base64', one(['secrets'], { aesgcm: { keys: [{ name: 'a', secret: '?!' }] } }), /must be base64/],
    ['a name with a colon', one(['secrets'], { aesgcm: { keys: [{ name: 'a:b', secret: secretOf(1) }] } }), /colon/],
    ['a name twice', one(['secrets'], gcm('key1', 'key1')), /Duplicate value: "key1"/],
    ['a bare star', one(['*'], identity), /'\*\.' for the resources of the core group/],
    ['what a wildcard covers', one(['secrets', '*.'], identity), /of the same list has it already/],
    ['events of their other group', one(['events.events.k8s.io'], identity), /use 'events'/],
  ];
  for (const [name, resources, why] of cases) {
    test(name, () => assert.throws(() => parse(resources), { name: 'Error', message: why }));
  }

  test('never shows a secret', () => {
    const secretText = `${secretOf(9, 31)}`;
    const config = one(['secrets'], { aesgcm: { keys: [{ name: 'a', secret: secretText }] } });
    assert.throws(
      () => parse(config),
      (err: Error) => !err.message.includes(secretText),
    );
  });
});

test('another configuration holds for what is written next, also by a write that changes nothing', async () => {
  const etcd = new FakeEtcd();
  await withSecret(etcd, providers(gcm('key1')));
  const encrypted = encryptEtcd(etcd, parse(providers(gcm('key1'))), groups);
  const api = new MemoryApi(etcd, 1, encrypted);
  await api.context.store.cache.start();
  const before = await stored(etcd);
  const put = async () => api.send('PUT', `${secrets}/s`, { body: await api.send('GET', `${secrets}/s`) });
  await put();
  assert.deepEqual(await stored(etcd), before, 'nothing to write');
  encrypted.configure(parse(providers(gcm('key2', 'key1'))));
  await put();
  assert.match((await stored(etcd)).toString('latin1'), /^k8s:enc:aesgcm:v1:key2:/);
  assert.equal(await password(api), expected);
});

test('what no key fitted is read once a configuration has it', async () => {
  const etcd = new FakeEtcd();
  await withSecret(etcd, providers(gcm('key1')));
  const encrypted = encryptEtcd(etcd, parse(providers(gcm('key2'))), groups);
  const api = new MemoryApi(etcd, 1, encrypted);
  const { cache } = api.context.store;
  await cache.start();
  await assert.rejects(password(api), /no matching key/);
  encrypted.configure(parse(providers(gcm('key2', 'key1'))));
  cache.reloadUnreadable();
  while (!cache.ready) await new Promise((resolve) => void setImmediate(resolve));
  assert.equal(await password(api), expected);
});
