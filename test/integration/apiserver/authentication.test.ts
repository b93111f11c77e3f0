// Who a request is from, over HTTPS: the file of tokens, bootstrap tokens, a proxy in front, strangers.
// The rules one by one: apiserver/authn.
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { request as httpsRequest } from 'node:https';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { issueCertificate, makeAuthority, type PemPair } from '../../../cli/pki/issue.ts';
import { realClock } from '../../../machinery/clock.ts';
import { startControlPlane, type TestControlPlane } from '../../environment/control-plane.ts';

const folder = mkdtempSync(join(tmpdir(), 'k8ts-authn-'));
let plane: TestControlPlane;
let proxyAuthority: PemPair;

before(async () => {
  proxyAuthority = await makeAuthority({ file: '', commonName: 'front-proxy-ca' }, realClock.now());
  writeFileSync(join(folder, 'proxy-ca.crt'), proxyAuthority.certificatePem);
  writeFileSync(join(folder, 'tokens.csv'), 'static-token,joe,42,"dev,ops"\n');
  plane = await startControlPlane([
    '--anonymous-auth=false',
    '--enable-bootstrap-token-auth',
    ...['--token-auth-file', join(folder, 'tokens.csv')],
    ...['--requestheader-client-ca-file', join(folder, 'proxy-ca.crt')],
    ...['--requestheader-allowed-names', 'front-proxy'],
    ...['--requestheader-username-headers', 'X-Remote-User'],
    ...['--requestheader-uid-headers', 'X-Remote-Uid'],
    ...['--requestheader-group-headers', 'X-Remote-Group'],
    ...['--requestheader-extra-headers-prefix', 'X-Remote-Extra-'],
  ]);
});
after(async () => {
  await plane?.[Symbol.asyncDispose]();
  rmSync(folder, { recursive: true, force: true });
});

const selfReviews = '/apis/authentication.k8s.io/v1/selfsubjectreviews';

async function whoami(options: object): Promise<any> {
  const { status, body } = await plane.request('POST', selfReviews, { body: {}, ...options });
  return status === 201 ? body.status.userInfo : status;
}

/** Asks with the certificate of a proxy. */
async function asProxy(commonName: string, headers: Record<string, string | string[]>, authority = proxyAuthority) {
  const plan = { file: '', authority: '', commonName, usages: ['client'] as const };
  const { certificatePem: cert, keyPem: key } = await issueCertificate(plan, authority, realClock.now());
  const { server, ca } = plane.config;
  return new Promise<any>((resolve, reject) => {
    const options = { method: 'POST', ca, cert, key, agent: false, headers: { 'content-type': 'application/json' } };
    const req = httpsRequest(`${server}${selfReviews}`, options, async (res) => {
      let text = '';
      for await (const piece of res.setEncoding('utf8')) text += piece;
      resolve(res.statusCode === 201 ? JSON.parse(text).status.userInfo : res.statusCode);
    });
    for (const [name, value] of Object.entries(headers)) req.setHeader(name, value);
    req.on('error', reject);
    req.end('{}');
  });
}

test('a token of the file', async () => {
  const groups = ['dev', 'ops', 'system:authenticated'];
  assert.deepEqual(await whoami({ token: 'static-token' }), { username: 'joe', uid: '42', groups });
  assert.equal(await whoami({ token: 'none' }), 401);
  const spec = { token: 'static-token' };
  const review = await plane.request('POST', '/apis/authentication.k8s.io/v1/tokenreviews', { body: { spec } });
  assert.equal(review.body.status.authenticated, true);
  assert.deepEqual(review.body.status.user, { username: 'joe', uid: '42', groups });
});

test('a bootstrap token, as long as its Secret is there', async () => {
  const secrets = '/api/v1/namespaces/kube-system/secrets';
  const stringData = {
    'token-id': 'abcdef',
    'token-secret': '0123456789abcdef',
    'usage-bootstrap-authentication': 'true',
  };
  const metadata = { name: 'bootstrap-token-abcdef' };
  const body = { metadata, type: 'bootstrap.kubernetes.io/token', stringData };
  const token = 'abcdef.0123456789abcdef';
  assert.equal(await whoami({ token }), 401);
  assert.equal((await plane.request('POST', secrets, { body })).status, 201);
  await plane.request('GET', secrets); // a consistent read: the cache has it
  const groups = ['system:bootstrappers', 'system:authenticated'];
  assert.deepEqual(await whoami({ token }), { username: 'system:bootstrap:abcdef', groups });
  await plane.request('DELETE', `${secrets}/bootstrap-token-abcdef`);
  await plane.request('GET', secrets);
  assert.equal(await whoami({ token }), 401);
});

test('a proxy says who it is, and nobody else does', async () => {
  const headers = {
    'X-Remote-User': 'jane',
    'X-Remote-Uid': '7',
    'X-Remote-Group': ['dev', 'ops'],
    'X-Remote-Extra-Acme.com%2fProject': 'p',
  };
  const jane = {
    username: 'jane',
    uid: '7',
    groups: ['dev', 'ops', 'system:authenticated'],
    extra: { 'acme.com/project': ['p'] },
  };
  assert.deepEqual(await asProxy('front-proxy', headers), jane);
  assert.equal(await asProxy('front-proxy', {}), 401, 'the proxy is no user itself');
  assert.equal(await asProxy('other-proxy', headers), 401, 'of a name that is not allowed');
  const client = await asProxy('front-proxy', headers, plane.authority);
  assert.equal(client.username, 'front-proxy', 'a client is itself, whatever it says');
  assert.equal(await whoami({ anonymous: true, headers: { 'X-Remote-User': 'jane' } }), 401);
});

test('what aggregated servers must know stands in kube-system', async () => {
  const path = '/api/v1/namespaces/kube-system/configmaps/extension-apiserver-authentication';
  const { data } = (await plane.request('GET', path)).body;
  assert.deepEqual(data, {
    'client-ca-file': plane.authority.certificatePem,
    'requestheader-client-ca-file': proxyAuthority.certificatePem,
    'requestheader-allowed-names': '["front-proxy"]',
    'requestheader-username-headers': '["X-Remote-User"]',
    'requestheader-uid-headers': '["X-Remote-Uid"]',
    'requestheader-group-headers': '["X-Remote-Group"]',
    'requestheader-extra-headers-prefix': '["X-Remote-Extra-"]',
  });
});

test('strangers are not let in', async () => {
  assert.equal(await whoami({ anonymous: true }), 401);
});
