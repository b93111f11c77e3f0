// Encryption at rest with the real API server and the real etcd: what the disk holds.
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { readdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { startControlPlane, type TestControlPlane } from '../../environment/control-plane.ts';
import { eventually } from '../../environment/kubectl.ts';

const secrets = '/api/v1/namespaces/enc/secrets';

describe('secrets on the disk', () => {
  let plane: TestControlPlane;
  const keys = ['key1', 'key2'].map((name) => ({ name, secret: randomBytes(32).toString('base64') }));

  const configure = (...providers: object[]) => {
    const config = {
      apiVersion: 'apiserver.config.k8s.io/v1',
      kind: 'EncryptionConfiguration',
      resources: [{ resources: ['secrets', 'widgets.example.com'], providers }],
    };
    writeFileSync(plane.file('next.yaml'), JSON.stringify(config), { mode: 0o600 });
    renameSync(plane.file('next.yaml'), plane.file('encryption.yaml'));
  };
  const restart = async (...providers: object[]) => {
    configure(...providers);
    await plane.killApiServer();
    const reload = '--encryption-provider-config-automatic-reload=true';
    await plane.startApiServer(['--encryption-provider-config', plane.file('encryption.yaml'), reload]);
  };
  const gcm = (...names: string[]) => ({ aesgcm: { keys: names.map((name) => keys.find((k) => k.name === name)) } });

  /** Whether etcd has written the text anywhere: its log, its database. A transaction is in the log once it is answered. */
  const isOnDisk = (text: string): boolean =>
    readdirSync(plane.file('etcd'), { recursive: true, withFileTypes: true })
      .filter((entry) => entry.isFile())
      .some((entry) => readFileSync(join(entry.parentPath, entry.name)).includes(text));

  const create = async (name: string) => {
    const password = randomBytes(12).toString('base64');
    const body = { metadata: { name }, data: { password } };
    assert.equal((await plane.request('POST', secrets, { body })).status, 201);
    return password;
  };
  const read = async (name: string) => (await plane.request('GET', `${secrets}/${name}`)).body;

  before(async () => {
    plane = await startControlPlane();
    await plane.namespace('enc');
  });
  after(() => plane?.[Symbol.asyncDispose]());

  test('are readable without a configuration, and are not with one', async () => {
    assert.equal(isOnDisk(await create('open')), true);
    await restart(gcm('key1'), { identity: {} });
    const password = await create('closed');
    assert.equal(isOnDisk(password), false);
    assert.equal(isOnDisk('k8s:enc:aesgcm:v1:key1:'), true);
    assert.equal((await read('closed')).data.password, password);
    assert.notEqual((await read('open')).data, undefined);
  });

  test('are told to watchers and peers as they were meant', async () => {
    const flags = ['--encryption-provider-config', plane.file('encryption.yaml')];
    const peer = await plane.startPeer(flags);
    const password = await create('shared');
    const { body } = await peer.request('GET', `${secrets}/shared`);
    assert.equal(body.data.password, password);
    assert.equal((await read('shared')).metadata.resourceVersion, body.metadata.resourceVersion);
  });

  test('are written anew with the first key, and outlive the old one', async () => {
    const password = await create('rotated');
    await restart(gcm('key2', 'key1'), { identity: {} });
    for (const item of (await plane.request('GET', secrets)).body.items) {
      const path = `${secrets}/${item.metadata.name}`;
      assert.equal((await plane.request('PUT', path, { body: item })).status, 200);
    }
    await restart(gcm('key2'));
    assert.equal((await read('rotated')).data.password, password);
    assert.equal((await plane.request('GET', secrets)).body.items.length, 4);
  });

  test('whose key is gone are errors, one by one; everything else is served', async () => {
    const password = await create('lost');
    await restart(gcm('key1'), { identity: {} });
    const lost = await plane.request('GET', `${secrets}/lost`);
    assert.equal(lost.status, 500);
    assert.match(lost.body.message, /unable to transform key "\/registry\/secrets\/enc\/lost": no matching key/);
    const fresh = await create('fresh');
    assert.equal((await read('fresh')).data.password, fresh);
    await restart(gcm('key1', 'key2'));
    assert.equal((await read('lost')).data.password, password);
  });

  test('are written with another key once the file says so, without a restart', async () => {
    await restart(gcm('key1', 'key2'));
    await create('before');
    configure(gcm('key2', 'key1'));
    const success = /^apiserver_encryption_config_controller_automatic_reloads_total\{.*success.*\} 1$/m;
    await eventually('the other key is in force', async () =>
      success.test(String((await plane.request('GET', '/metrics')).body)),
    );
    const unchanged = await read('before');
    assert.equal((await plane.request('PUT', `${secrets}/before`, { body: unchanged })).status, 200);
    await restart(gcm('key2'));
    assert.deepEqual((await read('before')).data, unchanged.data);
  });
});
