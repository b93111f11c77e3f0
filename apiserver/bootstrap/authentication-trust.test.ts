import assert from 'node:assert/strict';
import { test } from 'node:test';
import { startMemoryApi } from '../../test/builders/memory-api.ts';
import { mergeTrust, publishAuthenticationTrust } from './authentication-trust.ts';

const lists = { usernameHeaders: ['X-Remote-User'], uidHeaders: [], groupHeaders: [], extraPrefixes: [] };
const trust = (allowedNames: string[]) => ({ clientCa: '', requestHeader: { ca: '', allowedNames, ...lists } });

test('what several servers trust is trusted, and what is not theirs stays', () => {
  const one = mergeTrust({ note: 'mine' }, trust(['a']), 0);
  const both = mergeTrust(one, trust(['b', 'a']), 0);
  assert.equal(both.note, 'mine');
  assert.equal(both['requestheader-allowed-names'], '["a","b"]');
  assert.equal(both['requestheader-username-headers'], '["X-Remote-User"]');
  assert.equal(both['requestheader-uid-headers'], '[]');
  assert.deepEqual(mergeTrust(both, trust([]), 0), both);
});

test('what cannot be read is written anew', () => {
  const broken = {
    'requestheader-allowed-names': '{',
    'client-ca-file': '-----BEGIN CERTIFICATE-----\nx\n-----END CERTIFICATE-----',
  };
  const { 'requestheader-allowed-names': names, 'client-ca-file': ca } = mergeTrust(broken, trust(['a']), 0);
  assert.deepEqual([names, ca], ['["a"]', '']);
});

test('without proxies only the authority of clients is told; it is written once', async () => {
  const api = await startMemoryApi();
  await api.send('POST', '/api/v1/namespaces', { body: { metadata: { name: 'kube-system' } } });
  const read = () => api.send('GET', '/api/v1/namespaces/kube-system/configmaps/extension-apiserver-authentication');
  await publishAuthenticationTrust(api.context, { clientCa: '' });
  const first = await read();
  assert.deepEqual(first.data, { 'client-ca-file': '' });
  await publishAuthenticationTrust(api.context, { clientCa: '' });
  assert.deepEqual(await read(), first);
  await publishAuthenticationTrust(api.context, trust(['a']));
  assert.equal((await read()).data['requestheader-allowed-names'], '["a"]');
});
