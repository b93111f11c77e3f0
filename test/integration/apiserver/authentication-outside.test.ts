// Identities and rights that others outside know of, over HTTPS on loopback: an issuer of OpenID
// Connect, the webhook of tokens, the webhook of rights.
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:https';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import type { TLSSocket } from 'node:tls';
import { type CryptoKey, exportJWK, generateKeyPair, type JWK, SignJWT } from 'jose';
import { issueCertificate, makeAuthority } from '../../../cli/pki/issue.ts';
import { realClock } from '../../../machinery/clock.ts';
import { freePort, startControlPlane, type TestControlPlane } from '../../environment/control-plane.ts';

const folder = mkdtempSync(join(tmpdir(), 'k8ts-outside-'));
const file = (name: string) => join(folder, name);
let plane: TestControlPlane;
let outside: Server;
let url: string;
let keys: JWK[] = [];
/** What has been asked: the path, the client's common name, the review. */
const asked: { path: string; client: string | undefined; review: any }[] = [];

const answers: Record<string, (spec: any) => object> = {
  '/tokens': ({ token }) =>
    token === 'known'
      ? { authenticated: true, user: { username: 'outsider', uid: '9', groups: ['far'], extra: { a: ['b'] } } }
      : { authenticated: false, error: token === 'old' ? 'the token is too old' : '' },
  '/rights': ({ user, resourceAttributes }) => {
    if (resourceAttributes?.resource === 'secrets')
      return { allowed: false, denied: true, reason: 'secrets are secret' };
    return { allowed: user === 'outsider', reason: user === 'outsider' ? 'he may' : 'who is that?' };
  },
};

async function startOutside(): Promise<void> {
  const nowMs = realClock.now();
  const authority = await makeAuthority({ file: '', commonName: 'outside-ca' }, nowMs);
  const plan = { file: '', authority: '' };
  const serving = await issueCertificate(
    { ...plan, commonName: 'outside', dnsNames: ['localhost'], usages: ['server'] },
    authority,
    nowMs,
  );
  const client = await issueCertificate({ ...plan, commonName: 'the-apiserver', usages: ['client'] }, authority, nowMs);
  const port = await freePort();
  url = `https://localhost:${port}`;
  const tls = { cert: serving.certificatePem, key: serving.keyPem, ca: authority.certificatePem };
  outside = createServer({ ...tls, requestCert: true, rejectUnauthorized: false }, async (req, res) => {
    let text = '';
    for await (const piece of req.setEncoding('utf8')) text += piece;
    const path = new URL(req.url ?? '/', url).pathname;
    const answer = (value: object) => res.setHeader('content-type', 'application/json').end(JSON.stringify(value));
    if (path === '/.well-known/openid-configuration') return answer({ issuer: url, jwks_uri: `${url}/keys` });
    if (path === '/keys') return answer({ keys });
    const review = JSON.parse(text);
    asked.push({ path, client: (req.socket as TLSSocket).getPeerCertificate().subject?.CN as string, review });
    return answer({ ...review, status: answers[path]!(review.spec) });
  });
  await new Promise<void>((resolve) => outside.listen(port, '127.0.0.1', resolve));
  writeFileSync(file('ca.crt'), authority.certificatePem);
  const base64 = (pem: string) => Buffer.from(pem).toString('base64');
  for (const name of ['tokens', 'rights']) {
    const config = {
      'current-context': 'c',
      clusters: [{ name: 'o', cluster: { server: `${url}/${name}`, 'certificate-authority': 'ca.crt' } }],
      users: [
        {
          name: 'u',
          user: {
            'client-certificate-data': base64(client.certificatePem),
            'client-key-data': base64(client.keyPem),
          },
        },
      ],
      contexts: [{ name: 'c', context: { cluster: 'o', user: 'u' } }],
    };
    writeFileSync(file(name), JSON.stringify(config), { mode: 0o600 });
  }
}

before(async () => {
  await startOutside();
  plane = await startControlPlane([
    ...['--authorization-mode', 'Node,Webhook,RBAC', '--authorization-webhook-config-file', file('rights')],
    ...['--authorization-webhook-version', 'v1'],
    ...['--authentication-token-webhook-config-file', file('tokens')],
    ...['--oidc-issuer-url', url, '--oidc-client-id', 'k8s', '--oidc-ca-file', file('ca.crt')],
    ...['--oidc-username-prefix', 'oidc:', '--oidc-groups-claim', 'groups'],
  ]);
});
after(async () => {
  await plane?.[Symbol.asyncDispose]();
  outside?.closeAllConnections();
  outside?.close();
  rmSync(folder, { recursive: true, force: true });
});

async function idToken(key: CryptoKey, kid: string, claims: object = {}): Promise<string> {
  return new SignJWT({ groups: ['dev'], ...claims })
    .setProtectedHeader({ alg: 'RS256', kid })
    .setIssuer(url)
    .setAudience('k8s')
    .setSubject('jane')
    .setExpirationTime('10m')
    .sign(key);
}

async function whoami(token: string): Promise<any> {
  const { status, body } = await plane.request('POST', '/apis/authentication.k8s.io/v1/selfsubjectreviews', {
    body: {},
    token,
  });
  return status === 201 ? body.status.userInfo : status;
}

test('an ID token of the issuer', async () => {
  const { privateKey, publicKey } = await generateKeyPair('RS256');
  keys = [{ ...(await exportJWK(publicKey)), kid: 'k1', alg: 'RS256', use: 'sig' }];
  const groups = ['dev', 'system:authenticated'];
  assert.deepEqual(await whoami(await idToken(privateKey, 'k1')), { username: 'oidc:jane', groups });
  const forged = (await generateKeyPair('RS256')).privateKey;
  assert.equal(await whoami(await idToken(forged, 'k1')), 401);
  assert.equal(await whoami(await idToken(forged, 'k2')), 401);
});

test('a token that the webhook knows, and one that it does not', async () => {
  const groups = ['far', 'system:authenticated'];
  assert.deepEqual(await whoami('known'), { username: 'outsider', uid: '9', groups, extra: { a: ['b'] } });
  assert.equal(await whoami('unknown'), 401);
  const question = asked.find(({ path }) => path === '/tokens');
  assert.equal(question?.client, 'the-apiserver', 'the kubeconfig says who asks');
  assert.equal(question?.review.apiVersion, 'authentication.k8s.io/v1beta1');
  const review = async (token: string) =>
    (await plane.request('POST', '/apis/authentication.k8s.io/v1/tokenreviews', { body: { spec: { token } } })).body
      .status;
  assert.match((await review('old')).error, /the token is too old/);
});

test('a right that the webhook gives, and one that it denies', async () => {
  const get = (path: string) => plane.request('GET', path, { token: 'known' });
  assert.equal((await get('/api/v1/namespaces/default/configmaps')).status, 200);
  const { status, body } = await get('/api/v1/namespaces/default/secrets');
  assert.equal(status, 403);
  assert.match(body.message, /cannot list resource "secrets" .*: secrets are secret$/);
  const rules = await plane.request('POST', '/apis/authorization.k8s.io/v1/selfsubjectrulesreviews', {
    body: { spec: { namespace: 'default' } },
    token: 'known',
  });
  assert.equal(rules.body.status.incomplete, true);
  assert.equal(rules.body.status.evaluationError, 'webhook authorizer does not support user rule resolution');
});

test('administrators are let through while nobody outside answers', async () => {
  outside.closeAllConnections();
  await new Promise<void>((resolve) => outside.close(() => resolve()));
  assert.equal((await plane.request('GET', '/api/v1/namespaces/default/secrets')).status, 200);
  // What is not known by heart cannot be told.
  assert.equal((await plane.request('GET', '/api/v1/nodes', { token: 'known' })).status, 500);
});
