// Certificates from the API: asked for, approved with kubectl, signed by the controllers, and good to log in with.
import assert from 'node:assert/strict';
import { X509Certificate } from 'node:crypto';
import { after, before, describe, test } from 'node:test';
import { KubeClient } from '../../../client/rest.ts';
import { createControllers } from '../../../controllers/index.ts';
import { realClock } from '../../../machinery/clock.ts';
import { makeCertificateRequest, type RequestPlan, toField } from '../../builders/certificate-request.ts';
import { startControlPlane, type TestControlPlane } from '../../environment/control-plane.ts';
import { eventually, type RunningControllers, runControllers } from '../../environment/controllers.ts';
import { Kubectl } from '../../environment/kubectl.ts';

const path = '/apis/certificates.k8s.io/v1/certificatesigningrequests';
const clientSigner = 'kubernetes.io/kube-apiserver-client';

describe('certificate signing requests', () => {
  let api: TestControlPlane;
  let running: RunningControllers;
  let kubectl: Kubectl;
  before(async () => {
    api = await startControlPlane();
    kubectl = new Kubectl(await api.kubeconfig());
    const signing = { ...api.authority, lifetimeMs: 24 * 3600 * 1000 };
    running = await runControllers(api, createControllers({ signing }));
  });
  after(async () => {
    await running?.[Symbol.asyncDispose]();
    await api[Symbol.asyncDispose]();
  });

  const ask = async (name: string, plan: RequestPlan, spec: object = {}) => {
    const { pem, keys } = await makeCertificateRequest(plan);
    const usages = ['digital signature', 'client auth'];
    const body = { metadata: { name }, spec: { request: toField(pem), signerName: clientSigner, usages, ...spec } };
    return { answer: await api.request('POST', path, { body }), keys };
  };
  const when = (name: string, satisfies: (request: any) => boolean) =>
    eventually(name, async () => (await api.request('GET', `${path}/${name}`)).body, satisfies);

  test('approved with kubectl, a certificate lets its owner in', async () => {
    const { answer, keys } = await ask('jane', { name: [{ O: ['dev'] }, { CN: ['jane'] }] });
    assert.equal(answer.status, 201);
    assert.equal(answer.body.spec.username, 'kubernetes-admin');
    assert.match(
      kubectl.get('get', 'csr'),
      /jane +\S+ +kubernetes.io\/kube-apiserver-client +kubernetes-admin +<none> +Pending/,
    );
    assert.match(
      kubectl.get('certificate', 'approve', 'jane'),
      /certificatesigningrequest.certificates.k8s.io\/jane approved/,
    );
    const { status } = await when('jane', (r) => r.status.certificate);
    assert.equal(status.conditions[0].reason, 'KubectlApprove');
    assert.match(kubectl.get('get', 'csr', 'jane'), /Approved,Issued/);
    const cert = Buffer.from(status.certificate, 'base64');
    const left = Date.parse(new X509Certificate(cert).validTo) - Date.now();
    assert.ok(left > 23 * 3600 * 1000 && left < 24 * 3600 * 1000, `${left} ms`);
    const key = Buffer.from(await crypto.subtle.exportKey('pkcs8', keys.privateKey)).toString('base64');
    const keyPem = `-----BEGIN PRIVATE KEY-----\n${key}\n-----END PRIVATE KEY-----\n`;
    const client = new KubeClient(
      { ...api.config, cert, key: Buffer.from(keyPem) },
      { userAgent: 't', clock: realClock },
    );
    try {
      const body = JSON.stringify({ apiVersion: 'authentication.k8s.io/v1', kind: 'SelfSubjectReview' });
      const review: any = await client.request({
        method: 'POST',
        path: '/apis/authentication.k8s.io/v1/selfsubjectreviews',
        body,
      });
      assert.equal(review.status.userInfo.username, 'jane');
      assert.deepEqual(review.status.userInfo.groups, ['dev', 'system:authenticated']);
    } finally {
      client.close();
    }
  });

  test('denied, there is none', async () => {
    await ask('denied', { name: [{ CN: ['x'] }] });
    kubectl.get('certificate', 'deny', 'denied');
    assert.match(kubectl.get('get', 'csr', 'denied'), /Denied/);
  });

  test('what the signer does not take has failed', async () => {
    await ask('bad', { name: [{ CN: ['x'] }] }, { usages: ['server auth'] });
    kubectl.get('certificate', 'approve', 'bad');
    const { status } = await when('bad', (r) => r.status.conditions?.length === 2);
    const { type, reason, message } = status.conditions.find((c: any) => c.type === 'Failed');
    assert.deepEqual(
      [type, reason, message],
      ['Failed', 'SignerValidationFailure', 'invalid usage for client certificate: server auth'],
    );
  });

  test("nobody asks for a master's certificate", async () => {
    const { answer } = await ask('master', { name: [{ O: ['system:masters'] }, { CN: ['x'] }] });
    assert.equal(answer.status, 403);
    assert.equal(
      answer.body.message,
      `certificatesigningrequests.certificates.k8s.io "master" is forbidden: use of ${clientSigner} signer with system:masters group is not allowed`,
    );
  });

  test('who may write approvals must be allowed to for the signer', async () => {
    await ask('guarded', { name: [{ CN: ['x'] }] });
    const rbac = '/apis/rbac.authorization.k8s.io/v1';
    const rules = [
      { apiGroups: ['certificates.k8s.io'], resources: ['certificatesigningrequests'], verbs: ['get'] },
      { apiGroups: ['certificates.k8s.io'], resources: ['certificatesigningrequests/approval'], verbs: ['update'] },
    ];
    await api.request('POST', `${rbac}/clusterroles`, { body: { metadata: { name: 'approver' }, rules } });
    const roleRef = { apiGroup: 'rbac.authorization.k8s.io', kind: 'ClusterRole', name: 'approver' };
    const subjects = [{ kind: 'User', name: 'bob' }];
    await api.request('POST', `${rbac}/clusterrolebindings`, {
      body: { metadata: { name: 'bob' }, roleRef, subjects },
    });
    const bob = new Kubectl(await api.kubeconfig({ name: 'bob' }));
    const refused = bob.run(['certificate', 'approve', 'guarded']);
    assert.match(
      refused.stderr,
      /user not permitted to approve requests with signerName "kubernetes.io\/kube-apiserver-client"/,
    );
    const signers = {
      apiGroups: ['certificates.k8s.io'],
      resources: ['signers'],
      resourceNames: ['kubernetes.io/*'],
      verbs: ['approve'],
    };
    await api.request('PATCH', `${rbac}/clusterroles/approver`, {
      contentType: 'application/merge-patch+json',
      body: { rules: [...rules, signers] },
    });
    assert.match(bob.get('certificate', 'approve', 'guarded'), /approved/);
  });

  test('a kubelet that may ask for its own certificate gets it by itself', async () => {
    const node: RequestPlan = { name: [{ O: ['system:nodes'] }, { CN: ['system:node:n1'] }] };
    await ask('kubelet', node, { signerName: 'kubernetes.io/kube-apiserver-client-kubelet' });
    const { status } = await when('kubelet', (r) => r.status.certificate);
    assert.equal(status.conditions[0].reason, 'AutoApproved');
  });
});
