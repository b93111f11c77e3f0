// What sig-auth requires: certificate requests, service accounts and their tokens, reviews of access.
import assert from 'node:assert/strict';
import { request } from 'node:https';
import { isIP } from 'node:net';
import { createLocalJWKSet, decodeJwt, jwtVerify } from 'jose';
import { realClock } from '../../machinery/clock.ts';
import { makeCa, makeCertificateRequest, toField } from '../builders/certificate-request.ts';
import { ApiWatch, isOf } from './api-watch.ts';
import { requirements, type Space } from './cluster.ts';
import { conditionOf, namesOf, patch, query, update } from './objects.ts';
import { core, pod, script, sleeper } from './workloads.ts';

const accounts = (space: Space) => space.path(core, 'serviceaccounts');
const pods = (space: Space) => space.path(core, 'pods');
const mountPath = '/var/run/secrets/kubernetes.io/serviceaccount';
const certificates = '/apis/certificates.k8s.io';
const authorization = '/apis/authorization.k8s.io/v1';

async function startPod(space: Space, body: any): Promise<any> {
  await space.ask('POST', pods(space), { body });
  const path = `${pods(space)}/${body.metadata.name}`;
  return space.until('it runs', path, ({ status }) => status.phase === 'Running');
}

const readFile = (space: Space, name: string, path: string): string => {
  const { code, stdout, stderr } = space.kubectl(['exec', name, '--', 'cat', path]);
  assert.equal(code, 0, stderr);
  return stdout;
};

const review = async (space: Space, token: string, audiences?: string[]): Promise<any> => {
  const body = { spec: { token, ...(audiences && { audiences }) } };
  return (await space.ask('POST', '/apis/authentication.k8s.io/v1/tokenreviews', { body })).status;
};

/** What a token says of its account. */
function checkAccount(space: Space, status: any, name: string): void {
  assert.deepEqual([status.authenticated, status.error], [true, undefined]);
  assert.equal(status.user.username, `system:serviceaccount:${space.namespace}:${name}`);
  const groups = ['system:serviceaccounts', `system:serviceaccounts:${space.namespace}`, 'system:authenticated'];
  assert.deepEqual(status.user.groups, groups);
  assert.match(status.user.extra['authentication.kubernetes.io/credential-id'][0], /^JTI=/);
}

/** A request of somebody with a token. `at`: where the server is found, whatever it is called. */
function askWithToken(url: URL, { ca, token, at = url }: { ca: string; token: string; at?: URL }): Promise<any> {
  return new Promise((resolve, reject) => {
    const { hostname: host, port } = at;
    const name = isIP(url.hostname) ? {} : { servername: url.hostname };
    const headers = { authorization: `Bearer ${token}`, host: url.host };
    request({ host, port: port || 443, path: url.pathname, ca, headers, ...name }, (answer) => {
      let text = '';
      answer.setEncoding('utf8').on('data', (chunk) => (text += chunk));
      answer.on('end', () => (answer.statusCode === 200 ? resolve(JSON.parse(text)) : reject(new Error(text))));
    })
      .on('error', reject)
      .end();
  });
}

requirements({ name: 'conf-auth', sig: 'sig-auth', images: ['busybox'] }, (requirement) => {
  requirement('ServiceAccounts should mount an API token into pods', async (space) => {
    await space.ask('POST', accounts(space), { body: { metadata: { name: 'mount-test' } } });
    const spec = { serviceAccountName: 'mount-test', restartPolicy: 'Never' };
    const own = await startPod(space, pod('pod-service-account', sleeper(), { spec }));
    const [token, ca, namespace] = ['token', 'ca.crt', 'namespace'].map((file) =>
      readFile(space, 'pod-service-account', `${mountPath}/${file}`),
    );
    const { data } = await space.get(space.path(core, 'configmaps/kube-root-ca.crt'));
    assert.deepEqual([ca, namespace], [data['ca.crt'], space.namespace]);
    const status = await review(space, token!);
    checkAccount(space, status, 'mount-test');
    const node = await space.get(`${core}/nodes/${space.node}`);
    const { extra } = status.user;
    const said = ['pod-name', 'pod-uid', 'node-name', 'node-uid'].map(
      (key) => extra[`authentication.kubernetes.io/${key}`],
    );
    assert.deepEqual(said, [['pod-service-account'], [own.metadata.uid], [space.node], [node.metadata.uid]]);
    // It is worth nothing once the pod is gone.
    await space.ask('DELETE', `${pods(space)}/pod-service-account`, { body: { gracePeriodSeconds: 0 } });
    assert.equal((await review(space, token!)).authenticated ?? false, false);
  });

  requirement('ServiceAccounts should allow opting out of API token automount', async (space) => {
    for (const [name, automountServiceAccountToken] of [
      ['mount', true],
      ['nomount', false],
    ] as const) {
      await space.ask('POST', accounts(space), { body: { metadata: { name }, automountServiceAccountToken } });
    }
    // Account, what the pod says, whether it has a token.
    const cases: [string, boolean | undefined, boolean][] = [
      ['default', undefined, true],
      ['mount', undefined, true],
      ['nomount', undefined, false],
      ['default', true, true],
      ['mount', true, true],
      ['nomount', true, true],
      ['default', false, false],
      ['mount', false, false],
      ['nomount', false, false],
    ];
    for (const [i, [serviceAccountName, automountServiceAccountToken, wanted]] of cases.entries()) {
      const spec = {
        serviceAccountName,
        restartPolicy: 'Never',
        ...(automountServiceAccountToken === undefined ? {} : { automountServiceAccountToken }),
      };
      const created = await space.ask('POST', pods(space), { body: pod(`pod-${i}`, sleeper(), { spec }) });
      const mounts = created.spec.containers[0].volumeMounts ?? [];
      assert.equal(
        mounts.some((mount: any) => mount.mountPath === mountPath),
        wanted,
        JSON.stringify(cases[i]),
      );
    }
    for (const [i, [, , wanted]] of cases.entries()) {
      await space.until('it runs', `${pods(space)}/pod-${i}`, ({ status }) => status.phase === 'Running');
      assert.equal(space.kubectl(['exec', `pod-${i}`, '--', 'test', '-s', `${mountPath}/token`]).code === 0, wanted);
    }
  });

  requirement('ServiceAccounts should mount projected service account token', async (space) => {
    const sources = [{ serviceAccountToken: { path: 'token', expirationSeconds: 3600 } }];
    const volumeMounts = [{ name: 'test-volume', mountPath: '/test-volume', readOnly: true }];
    const volumes = [{ name: 'test-volume', projected: { sources } }];
    const body = pod(
      'test-pod',
      script('cat /test-volume/token; stat -L -c " %a" /test-volume/token', { volumeMounts }),
      {
        spec: { volumes, restartPolicy: 'Never' },
      },
    );
    await space.ask('POST', pods(space), { body });
    await space.until('it is done', `${pods(space)}/test-pod`, ({ status }) => status.phase === 'Succeeded');
    const log = await space.get(`${pods(space)}/test-pod/log`);
    const [, token = ''] = /^([A-Za-z0-9-_=]+\.[A-Za-z0-9-_=]+\.?[A-Za-z0-9-_.+/=]*) 644\n$/.exec(log) ?? [];
    const { exp = 0, iat = 0 } = decodeJwt(token);
    // For clients that do not read it again one of an hour is valid for a year, with a warning after the hour.
    assert.ok(exp - iat >= 3600, log);
  });

  requirement(
    'ServiceAccounts ServiceAccountIssuerDiscovery should support OIDC discovery of service account issuer',
    async (space) => {
      const rbac = '/apis/rbac.authorization.k8s.io/v1/clusterrolebindings';
      const role = 'system:service-account-issuer-discovery';
      const name = `${space.namespace}-${role}`;
      const subjects = [{ kind: 'ServiceAccount', name: 'default', namespace: space.namespace }];
      const roleRef = { name: role, apiGroup: 'rbac.authorization.k8s.io', kind: 'ClusterRole' };
      await space.ask('POST', rbac, { body: { metadata: { name }, subjects, roleRef } });
      const audience = 'oidc-discovery-test';
      const tokenProjection = { path: 'sa-token', expirationSeconds: 600, audience };
      const volumes = [{ name: 'sa-token', projected: { sources: [{ serviceAccountToken: tokenProjection }] } }];
      const volumeMounts = [{ name: 'sa-token', mountPath: '/var/run/secrets/tokens', readOnly: true }];
      await startPod(space, pod('oidc-discovery-validator', sleeper({ volumeMounts }), { spec: { volumes } }));
      const read = (path: string) => readFile(space, 'oidc-discovery-validator', path);
      const token = read('/var/run/secrets/tokens/sa-token');
      // It has another audience than the API server: what is asked with is the pod's other one.
      const [own, ca] = [read(`${mountPath}/token`), read(`${mountPath}/ca.crt`)];
      const { iss: issuer = '' } = decodeJwt(token);
      const at = new URL(space.kubectl(['config', 'view', '-o', 'jsonpath={.clusters[0].cluster.server}']).stdout);
      const described = new URL(`${issuer}/.well-known/openid-configuration`);
      const discovery = await askWithToken(described, { ca, token: own, at });
      assert.equal(discovery.issuer, issuer);
      assert.deepEqual(discovery.response_types_supported, ['id_token']);
      const jwks = new URL(discovery.jwks_uri);
      const keys = await askWithToken(jwks, { ca, token: own, at });
      const verified = await jwtVerify(token, createLocalJWKSet(keys), { issuer, audience });
      assert.equal(verified.payload.sub, `system:serviceaccount:${space.namespace}:default`);
      // Both are where they are said to be, from inside the pod.
      for (const { hostname, port } of [described, jwks]) {
        const connect = `echo | nc -w 30 ${hostname} ${port || 443}`;
        const { code, stderr } = space.kubectl(['exec', 'oidc-discovery-validator', '--', 'sh', '-c', connect]);
        assert.equal(code, 0, `${hostname}: ${stderr}`);
      }
      await space.ask('DELETE', `${rbac}/${name}`);
      await assert.rejects(askWithToken(jwks, { ca, token, at }), /Unauthorized/);
    },
  );

  requirement('ServiceAccounts should guarantee kube-root-ca.crt exist in any namespace', async (space) => {
    const list = space.path(core, 'configmaps');
    const path = `${list}/kube-root-ca.crt`;
    const find = (what: string, check: (map: any) => boolean) =>
      space.until(what, list, ({ items }) =>
        items.some((one: any) => one.metadata.name === 'kube-root-ca.crt' && check(one)),
      );
    await find('it is there', ({ data }) => data['ca.crt'].includes('BEGIN CERTIFICATE'));
    const { metadata, data } = await space.get(path);
    await space.ask('DELETE', path, { body: { gracePeriodSeconds: 0 } });
    await find(
      'it is there again',
      (one) => one.metadata.uid !== metadata.uid && one.data['ca.crt'] === data['ca.crt'],
    );
    await space.ask('PUT', path, { body: { metadata: { name: 'kube-root-ca.crt' }, data: { 'ca.crt': '' } } });
    await find('it is what it was', (one) => one.data['ca.crt'] === data['ca.crt']);
  });

  requirement('ServiceAccounts should update a ServiceAccount', async (space) => {
    const body = { metadata: { name: 'e2e-sa' }, automountServiceAccountToken: false };
    const created = await space.ask('POST', accounts(space), { body });
    assert.equal(created.automountServiceAccountToken, false);
    const change = (one: any) => (one.automountServiceAccountToken = true);
    const updated = await update(space, `${accounts(space)}/e2e-sa`, change);
    assert.equal(updated.automountServiceAccountToken, true);
    assert.equal((await space.get(`${accounts(space)}/e2e-sa`)).automountServiceAccountToken, true);
  });

  requirement(
    'ServiceAccounts should create a serviceAccountToken and ensure a successful TokenReview',
    async (space) => {
      await space.ask('POST', accounts(space), { body: { metadata: { name: 'e2e-sa' } } });
      const token = await space.ask('POST', `${accounts(space)}/e2e-sa/token`, { body: {} });
      assert.deepEqual([token.kind, token.apiVersion], ['TokenRequest', 'authentication.k8s.io/v1']);
      assert.notEqual(token.status.token, '');
      assert.equal(token.spec.expirationSeconds, 3600);
      checkAccount(space, await review(space, token.status.token), 'e2e-sa');
      const other = await review(space, token.status.token, ['somebody-else']);
      assert.equal(other.authenticated ?? false, false);
      await space.ask('DELETE', `${accounts(space)}/e2e-sa`);
      assert.equal((await review(space, token.status.token)).authenticated ?? false, false);
    },
  );

  requirement('SubjectReview should support SubjectReview API operations', async (space) => {
    const { metadata } = await space.ask('POST', accounts(space), { body: { metadata: { name: 'e2e' } } });
    const user = `system:serviceaccount:${space.namespace}:e2e`;
    const groups = ['system:authenticated', 'system:serviceaccounts', `system:serviceaccounts:${space.namespace}`];
    const resourceAttributes = { verb: 'list', resource: 'configmaps', namespace: space.namespace, version: 'v1' };
    const spec = { resourceAttributes, user, groups, uid: metadata.uid };
    /** What both reviews say, and what a request by the account is answered. */
    const allowed = async () => {
      const everywhere = await space.ask('POST', `${authorization}/subjectaccessreviews`, { body: { spec } });
      const local = await space.ask('POST', space.path(authorization, 'localsubjectaccessreviews'), {
        body: { metadata: { namespace: space.namespace }, spec },
      });
      const { code } = space.kubectl([
        'get',
        'configmaps',
        `--as=${user}`,
        `--as-uid=${metadata.uid}`,
        ...groups.map((group) => `--as-group=${group}`),
      ]);
      return [everywhere.status.allowed, local.status.allowed, code === 0];
    };
    assert.deepEqual(await allowed(), [false, false, false]);
    const roleRef = { apiGroup: 'rbac.authorization.k8s.io', kind: 'ClusterRole', name: 'view' };
    const subjects = [{ kind: 'ServiceAccount', name: 'e2e', namespace: space.namespace }];
    const bindings = space.path('/apis/rbac.authorization.k8s.io/v1', 'rolebindings');
    await space.ask('POST', bindings, { body: { metadata: { name: 'e2e' }, roleRef, subjects } });
    await space.until(
      'it may',
      bindings,
      () => space.kubectl(['auth', 'can-i', 'list', 'configmaps', `--as=${user}`]).code === 0,
    );
    assert.deepEqual(await allowed(), [true, true, true]);
  });

  requirement('Certificates API [Privileged:ClusterAdmin] should support CSR API operations', certificateRequests);
});

async function certificateRequests(space: Space): Promise<void> {
  const list = `${certificates}/v1/certificatesigningrequests`;
  const signerName = `example.com/e2e-${space.namespace}`;
  const ofSigner = query({ fieldSelector: `spec.signerName=${signerName}` });
  const { groups } = await space.get('/apis');
  const versions = groups.find(({ name }: any) => name === 'certificates.k8s.io').versions;
  assert.ok(versions.some(({ version }: any) => version === 'v1'));
  const group = await space.get(certificates);
  assert.ok(group.versions.some(({ groupVersion }: any) => groupVersion === 'certificates.k8s.io/v1'));
  const { resources } = await space.get(`${certificates}/v1`);
  for (const sub of ['', '/approval', '/status']) {
    assert.ok(
      resources.some(({ name }: any) => name === `certificatesigningrequests${sub}`),
      sub,
    );
  }
  const { pem } = await makeCertificateRequest({ name: [{ CN: ['e2e.example.com'] }] });
  const spec = { request: toField(pem), signerName, expirationSeconds: 3600 };
  const body = {
    metadata: { generateName: 'e2e-example-csr-' },
    spec: { ...spec, usages: ['digital signature', 'key encipherment', 'server auth'] },
  };
  const [created] = [
    await space.ask('POST', list, { body }),
    await space.ask('POST', list, { body }),
    await space.ask('POST', list, { body }),
  ];
  const { name, uid } = created.metadata;
  const path = `${list}/${name}`;
  assert.equal((await space.get(path)).metadata.uid, uid);
  assert.equal(created.spec.username.length > 0, true);
  const listed = await space.get(`${list}${ofSigner}`);
  assert.equal(listed.items.length, 3);
  const params = { resourceVersion: listed.metadata.resourceVersion, fieldSelector: `metadata.name=${name}` };
  using watch = await ApiWatch.open(space, list, params);
  const patched = await patch(space, path, 'merge', { metadata: { annotations: { patched: 'true' } } });
  assert.equal(patched.metadata.annotations.patched, 'true');
  const updated = await update(space, path, ({ metadata }) => (metadata.annotations.updated = 'true'));
  assert.equal(updated.metadata.annotations.updated, 'true');
  await watch.until('both annotations', ({ type, object }) => {
    assert.equal(type, 'MODIFIED');
    return object.metadata.annotations.patched === 'true' && object.metadata.annotations.updated === 'true';
  });
  await conditionsOf(space, path, uid);
  await space.ask('DELETE', path);
  assert.equal((await space.request('GET', path)).code, 404);
  await watch.until(
    'its end',
    isOf('DELETED', () => true),
  );
  assert.equal((await space.get(`${list}${ofSigner}`)).items.length, 2);
  await space.ask('DELETE', `${list}${ofSigner}`);
  assert.deepEqual(namesOf(await space.get(`${list}${ofSigner}`)), []);
}

/** The approval and the status of a request: read, patched and replaced, each by its own subresource. */
async function conditionsOf(space: Space, path: string, uid: string): Promise<void> {
  const condition = (type: string) => ({ type, status: 'True', reason: 'e2e' });
  const types = ({ status }: any) => status.conditions.map(({ type }: any) => type);
  assert.equal((await space.get(`${path}/approval`)).metadata.uid, uid);
  const approved = await patch(space, `${path}/approval`, 'merge', {
    metadata: { annotations: { patchedapproval: 'true' } },
    status: { conditions: [condition('ApprovalPatch')] },
  });
  assert.deepEqual([types(approved), approved.metadata.annotations.patchedapproval], [['ApprovalPatch'], 'true']);
  const replaced = await update(
    space,
    path,
    ({ status }) => status.conditions.push({ ...condition('ApprovalUpdate'), message: 'Set from an e2e test' }),
    '/approval',
  );
  assert.deepEqual(types(replaced), ['ApprovalPatch', 'ApprovalUpdate']);
  assert.equal((await space.get(`${path}/status`)).metadata.uid, uid);
  const { certificatePem } = await makeCa(realClock.now());
  const certificate = toField(certificatePem);
  const issued = await patch(space, `${path}/status`, 'merge', {
    metadata: { annotations: { patchedstatus: 'true' } },
    status: { certificate },
  });
  assert.deepEqual([issued.status.certificate, issued.metadata.annotations.patchedstatus], [certificate, 'true']);
  const last = await update(
    space,
    path,
    ({ status }) => status.conditions.push({ ...condition('StatusUpdate'), message: 'Set from an e2e test' }),
    '/status',
  );
  assert.deepEqual(types(last), ['ApprovalPatch', 'ApprovalUpdate', 'StatusUpdate']);
  assert.equal(last.status.certificate, certificate);
  assert.equal(typeof conditionOf(last, 'StatusUpdate').lastUpdateTime, 'string');
}
