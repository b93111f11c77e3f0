import assert from 'node:assert/strict';
import { test } from 'node:test';
import { startMemoryApi } from '../../test/builders/memory-api.ts';
import { legacyTokenUses, startLegacyTokenTracking } from './legacy-token-tracking.ts';

const dayMs = 86_400_000;
const map = '/api/v1/namespaces/kube-system/configmaps/kube-apiserver-legacy-service-account-token-tracking';

async function start() {
  const api = await startMemoryApi();
  await api.send('POST', '/api/v1/namespaces', { body: { metadata: { name: 'kube-system' } } });
  const since = async () => (await api.send('GET', map)).data.since;
  return { api, since };
}

test('since when uses are noted is said once, and mended when it is no day that has been', async () => {
  const { api, since } = await start();
  await startLegacyTokenTracking(api.context);
  assert.equal(await since(), '2026-01-01');
  await api.clock.advance(dayMs);
  await startLegacyTokenTracking(api.context);
  assert.equal(await since(), '2026-01-01');
  for (const wrong of ['soon', '2026-02-01']) {
    const body = { data: { since: wrong } };
    await api.send('PATCH', map, { body, contentType: 'application/merge-patch+json' });
    await startLegacyTokenTracking(api.context);
    assert.equal(await since(), '2026-01-02');
  }
});

test('a use is noted once a day, and that of a Secret that is gone is no trouble', async () => {
  const { api } = await start();
  const path = '/api/v1/namespaces/default/secrets';
  const note = legacyTokenUses(api.context);
  let secret = await api.send('POST', path, { body: { metadata: { name: 's', labels: { own: '1' } } } });
  const use = async () => {
    await Promise.all([note(secret), note(secret)]);
    secret = await api.send('GET', `${path}/s`);
    return secret.metadata;
  };
  const first = await use();
  assert.deepEqual(first.labels, { own: '1', 'kubernetes.io/legacy-token-last-used': '2026-01-01' });
  assert.equal((await use()).resourceVersion, first.resourceVersion);
  await api.clock.advance(dayMs);
  assert.equal((await use()).labels['kubernetes.io/legacy-token-last-used'], '2026-01-02');
  await api.send('DELETE', `${path}/s`);
  await api.clock.advance(dayMs);
  await note(secret);
});
