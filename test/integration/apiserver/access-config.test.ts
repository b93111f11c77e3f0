// Who is believed and who is asked, by files: AuthenticationConfiguration and AuthorizationConfiguration.
import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:https';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { exportJWK, generateKeyPair, SignJWT } from 'jose';
import { issueCertificate, makeAuthority } from '../../../cli/pki/issue.ts';
import { realClock } from '../../../machinery/clock.ts';
import { freePort, startControlPlane, type TestControlPlane } from '../../environment/control-plane.ts';
import { eventually } from '../../environment/kubectl.ts';

const folder = mkdtempSync(join(tmpdir(), 'k8ts-access-'));
const file = (name: string) => join(folder, name);
const keys = await generateKeyPair('ES256');
let plane: TestControlPlane;
let outside: Server;
let url: string;

before(async () => {
  const nowMs = realClock.now();
  const authority = await makeAuthority({ file: '', commonName: 'outside-ca' }, nowMs);
  const plan = { file: '', authority: '', commonName: 'outside', dnsNames: ['localhost'], usages: ['server'] as const };
  const serving = await issueCertificate(plan, authority, nowMs);
  const port = await freePort();
  url = `https://localhost:${port}`;
  outside = createServer({ cert: serving.certificatePem, key: serving.keyPem }, async (req, res) => {
    const known: Record<string, object> = {
      // Not below the address of the issuer.
      '/elsewhere': { issuer: url, jwks_uri: `${url}/keys` },
      '/keys': { keys: [{ ...(await exportJWK(keys.publicKey)), kid: 'k', alg: 'ES256', use: 'sig' }] },
    };
    res.end(JSON.stringify(known[req.url ?? ''] ?? {}));
  });
  await new Promise<void>((resolve) => outside.listen(port, '127.0.0.1', resolve));
  const authentication = {
    apiVersion: 'apiserver.config.k8s.io/v1',
    kind: 'AuthenticationConfiguration',
    jwt: [
      {
        issuer: {
          url,
          discoveryURL: `${url}/elsewhere`,
          certificateAuthority: authority.certificatePem,
          audiences: ['k8s', 'other'],
          audienceMatchPolicy: 'MatchAny',
        },
        claimValidationRules: [{ expression: 'claims.tenant != ""', message: 'a tenant is needed' }],
        claimMappings: {
          username: { expression: '"oidc:" + claims.sub' },
          groups: { claim: 'groups', prefix: '' },
          extra: [{ key: 'example.com/tenant', valueExpression: 'claims.tenant' }],
        },
        userValidationRules: [{ expression: "!user.groups.exists(g, g.startsWith('system:'))" }],
      },
    ],
    anonymous: { enabled: true, conditions: [{ path: '/livez' }] },
  };
  writeFileSync(file('authentication.yaml'), JSON.stringify(authentication));
  const kubeconfig = {
    'current-context': 'c',
    clusters: [{ name: 'c', cluster: { server: 'https://127.0.0.1:9/' } }],
    contexts: [{ name: 'c', context: { cluster: 'c' } }],
  };
  writeFileSync(file('kubeconfig'), JSON.stringify(kubeconfig));
  const authorization = {
    apiVersion: 'apiserver.config.k8s.io/v1',
    kind: 'AuthorizationConfiguration',
    authorizers: [
      {
        type: 'Webhook',
        name: 'closed',
        webhook: {
          timeout: '1s',
          subjectAccessReviewVersion: 'v1',
          matchConditionSubjectAccessReviewVersion: 'v1',
          failurePolicy: 'Deny',
          connectionInfo: { type: 'KubeConfigFile', kubeConfigFile: file('kubeconfig') },
          matchConditions: [
            { expression: "has(request.resourceAttributes) && request.resourceAttributes.namespace == 'closed'" },
            { expression: "request.user.startsWith('oidc:')" },
          ],
        },
      },
      { type: 'Node', name: 'node' },
      { type: 'RBAC', name: 'rbac' },
    ],
  };
  writeFileSync(file('authorization.yaml'), JSON.stringify(authorization));
  plane = await startControlPlane([
    ...['--authentication-config', file('authentication.yaml')],
    ...['--authorization-config', file('authorization.yaml')],
  ]);
});
after(async () => {
  await plane?.[Symbol.asyncDispose]();
  outside?.closeAllConnections();
  outside?.close();
  rmSync(folder, { recursive: true, force: true });
});

function idToken(claims: object): Promise<string> {
  return new SignJWT({ sub: 'jane', tenant: 't1', ...claims })
    .setProtectedHeader({ alg: 'ES256', kid: 'k' })
    .setIssuer(url)
    .setAudience('other')
    .setExpirationTime('10m')
    .sign(keys.privateKey);
}

async function whoami(claims: object): Promise<any> {
  const path = '/apis/authentication.k8s.io/v1/selfsubjectreviews';
  const { status, body } = await plane.request('POST', path, { body: {}, token: await idToken(claims) });
  return status === 201 ? body.status.userInfo : status;
}

test('an ID token is its user, by the expressions of the file', async () => {
  assert.deepEqual(await whoami({ groups: ['dev'] }), {
    username: 'oidc:jane',
    groups: ['dev', 'system:authenticated'],
    extra: { 'example.com/tenant': ['t1'] },
  });
  assert.equal(await whoami({ tenant: '' }), 401);
  assert.equal(await whoami({ groups: ['system:masters'] }), 401);
});

test('only where the file says so, nobody needs a name', async () => {
  assert.equal((await plane.request('GET', '/livez', { anonymous: true })).status, 200);
  assert.equal((await plane.request('GET', '/healthz', { anonymous: true })).status, 401);
});

test('a webhook that cannot be asked denies what it is for, and nothing else', async () => {
  const subjects = [{ kind: 'User', name: 'oidc:jane', apiGroup: 'rbac.authorization.k8s.io' }];
  const roleRef = { kind: 'ClusterRole', name: 'view', apiGroup: 'rbac.authorization.k8s.io' };
  const body = { metadata: { name: 'jane' }, subjects, roleRef };
  await plane.request('POST', '/apis/rbac.authorization.k8s.io/v1/clusterrolebindings', { body });
  const token = await idToken({});
  const list = (namespace: string) => plane.request('GET', `/api/v1/namespaces/${namespace}/pods`, { token });
  assert.equal((await list('open')).status, 200);
  assert.equal((await list('closed')).status, 500, 'as upstream: what went wrong is told');
  assert.equal((await plane.request('GET', '/api/v1/namespaces/closed/pods')).status, 200, 'the administrator');
});

/** Of the counts of reading anew: how many there are by now. */
async function reloads(what: string, status: string): Promise<number> {
  const { body } = await plane.request('GET', '/metrics');
  const name = `apiserver_${what}_config_controller_automatic_reloads_total`;
  const line = new RegExp(`^${name}\\{.*status="${status}".*\\} (\\d+)$`, 'm').exec(String(body));
  return Number(line?.[1] ?? 0);
}

function replaceFile(name: string, text: string): void {
  writeFileSync(file('next'), text);
  renameSync(file('next'), file(name));
}

test('files that change are in force without a restart, and one that is wrong changes nothing', async () => {
  const before = readFileSync(file('authentication.yaml'), 'utf8');
  replaceFile('authentication.yaml', 'kind: Nothing');
  await eventually('it was refused', async () => (await reloads('authentication', 'failure')) === 1);
  assert.equal((await whoami({})).username, 'oidc:jane');
  replaceFile('authentication.yaml', before.replaceAll('oidc:', 'id:'));
  await eventually('it is in force', async () => (await reloads('authentication', 'success')) === 1);
  assert.equal((await whoami({})).username, 'id:jane');
  replaceFile('authentication.yaml', before);
  await eventually('the former one is in force', async () => (await reloads('authentication', 'success')) === 2);
  assert.equal((await whoami({})).username, 'oidc:jane');

  const { authorizers, ...head } = JSON.parse(readFileSync(file('authorization.yaml'), 'utf8'));
  replaceFile('authorization.yaml', JSON.stringify({ ...head, authorizers: authorizers.slice(1) }));
  await eventually('the rules are in force', async () => (await reloads('authorization', 'success')) === 2);
  const token = await idToken({});
  assert.equal((await plane.request('GET', '/api/v1/namespaces/closed/pods', { token })).status, 200);
});
