// A certificate issuer: its webhook notes who asks, its rules in CEL refuse, requests are approved through their status,
// and its CA injector may write to webhooks and to nothing else of them.
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import * as k8s from '@kubernetes/client-node';
import { needsNewKubectl } from '../../environment/kubectl.ts';
import { type OperatorCluster, startOperatorCluster } from '../../environment/operator-cluster.ts';

const group = 'certificates.example.com';
const namespace = 'web';
const object = (kind: string, name: string, spec: object) => ({
  apiVersion: `${group}/v1`,
  kind,
  metadata: { name, namespace },
  spec,
});
const certificate = (name: string, spec: object) =>
  object('Certificate', name, { secretName: `${name}-tls`, issuerRef: { name: 'ca' }, ...spec });

/** Says who asks for a certificate, as the API server knows them. */
function answer(path: string, { request }: any): object {
  const { object, userInfo } = request;
  if (path === '/mutate') {
    const who = { username: userInfo.username, groups: userInfo.groups };
    const patch = Object.entries(who).map(([key, value]) => ({ op: 'add', path: `/spec/${key}`, value }));
    return { allowed: true, patchType: 'JSONPatch', patch: Buffer.from(JSON.stringify(patch)).toString('base64') };
  }
  const isWild = (object.spec.dnsNames ?? []).some((name: string) => name.startsWith('*'));
  const warnings = isWild ? ['names with * hold for every host below'] : [];
  return { allowed: true, warnings };
}

describe('a certificate issuer', { skip: needsNewKubectl }, () => {
  let kube: OperatorCluster;
  const inWeb = (...args: string[]) => ['-n', namespace, ...args];
  const refused = async (body: object, ...args: string[]) =>
    (await kube.refusal(['apply', '--server-side', '-f', '-', ...args], body)).replaceAll('\n', ' ');

  before(async () => {
    kube = await startOperatorCluster('certificate-issuer');
    kube.webhook.reply = (review, path) => answer(path.split('?')[0]!, review);
    assert.equal((await kube.install()).code, 0);
    await kube.cluster.namespace(namespace);
    await kube.get('wait', '--for=condition=Established', `crd/certificates.${group}`, '--timeout=60s');
  });
  after(() => kube?.[Symbol.asyncDispose]());

  test('without its webhook nothing is taken; its injector puts the way there', async () => {
    const issuer = object('Issuer', 'ca', { ca: { secretName: 'ca-key' } });
    assert.match(
      await refused(issuer),
      /failed calling webhook "validate\.certificates\.example\.com": failed to call webhook: .*webhook/,
    );
    const config = await kube.configOf('certificate-issuer', 'ca-injector');
    const api = config.makeApiClient(k8s.AdmissionregistrationV1Api);
    const name = 'certificate-issuer-webhook';
    const inject = async ({ webhooks }: { webhooks?: k8s.V1ValidatingWebhook[] }) => {
      for (const one of webhooks ?? []) one.clientConfig = kube.webhook.clientConfig(one.clientConfig.service?.path);
    };
    const validating = await api.readValidatingWebhookConfiguration({ name });
    await inject(validating);
    await api.replaceValidatingWebhookConfiguration({ name, body: validating });
    const mutating = await api.readMutatingWebhookConfiguration({ name });
    await inject(mutating);
    await api.replaceMutatingWebhookConfiguration({ name, body: mutating });
    await assert.rejects(api.deleteValidatingWebhookConfiguration({ name }), (err: k8s.ApiException<string>) => {
      assert.equal(err.code, 403);
      assert.match(err.body, /cannot delete resource \\"validatingwebhookconfigurations\\"/);
      return true;
    });
    await kube.apply(issuer);
  });

  const bad: [why: string, body: object, says: RegExp][] = [
    ['no issuer at all', object('Issuer', 'x', {}), /exactly one of acme, ca, selfSigned and vault is to be set/],
    [
      'two ways of one issuer',
      object('Issuer', 'x', { selfSigned: {}, ca: { secretName: 's' } }),
      /spec: Invalid value: .*exactly one of acme, ca, selfSigned and vault/,
    ],
    ['a certificate without names', certificate('x', {}), /spec: Required value: at least one name is needed/],
    [
      'a renewal that comes too early',
      certificate('x', { commonName: 'a', duration: '1h', renewBefore: '2h' }),
      /spec\.renewBefore: Invalid value: .*renewBefore of 2h must be shorter than the duration of 1h/,
    ],
    [
      'a key of an odd size',
      certificate('x', { commonName: 'a', privateKey: { size: 1000 } }),
      /spec\.privateKey\.size: Invalid value: .*size of an RSA key is 2048, 4096 or 8192/,
    ],
    [
      'what is no address',
      certificate('x', { ipAddresses: ['10.0.0.1', 'ten'] }),
      /spec\.ipAddresses\[1\]: Invalid value: .*is no IP address/,
    ],
    [
      'an unknown usage',
      certificate('x', { commonName: 'a', usages: ['flying'] }),
      /spec\.usages\[0\]: Unsupported value: "flying": supported values: "signing", "digital signature"/,
    ],
  ];
  for (const [why, body, says] of bad) test(`refused: ${why}`, async () => assert.match(await refused(body), says));

  test('a certificate is completed, selected and shown; a warning of the webhook is told', async () => {
    const { stderr } = await kube.apply(certificate('site', { dnsNames: ['*.example.com'], duration: '2160h' }));
    assert.match(stderr, /^Warning: names with \* hold for every host below$/m);
    const { spec } = await kube.json(...inWeb('get', 'cert', 'site'));
    assert.deepEqual(spec.issuerRef, { name: 'ca', kind: 'Issuer', group });
    await kube.apply(certificate('shop', { commonName: 'shop', privateKey: {} }));
    const selected = await kube.get(
      ...inWeb('get', 'certs', '--field-selector', 'spec.secretName=site-tls', '-o', 'name'),
    );
    assert.equal(selected, `certificate.${group}/site\n`);
    assert.match(await kube.get(...inWeb('get', 'certs')), /^NAME +READY +SECRET +AGE\nshop +shop-tls +/);
    assert.match(
      await kube.get(...inWeb('get', 'certs', '-o', 'wide')),
      /^NAME +READY +SECRET +ISSUER +REVISION +STATUS +AGE/,
    );
  });

  test('a request knows who asked, is approved once, and never changes', async () => {
    const request = object('CertificateRequest', 'site-1', {
      issuerRef: { name: 'ca' },
      request: Buffer.from('a request').toString('base64'),
    });
    const account = 'system:serviceaccount:certificate-issuer:controller';
    const groups = ['system:serviceaccounts', 'system:serviceaccounts:certificate-issuer', 'system:authenticated'];
    const as = ['--as', account, ...groups.map((one) => `--as-group=${one}`)];
    await kube.apply(request, ...as);
    const { spec } = await kube.json(...inWeb('get', 'certificaterequest', 'site-1'));
    assert.deepEqual([spec.username, spec.groups], [account, groups]);
    const other = { ...request, spec: { ...request.spec, isCA: true } };
    assert.match(await refused(other, ...as), /spec: Forbidden: spec is immutable/);

    const condition = (type: string) => ({ type, status: 'True', reason: 'Policy', message: 'as it is written' });
    const patch = (...types: string[]) => ['-p', JSON.stringify({ status: { conditions: types.map(condition) } })];
    const status = inWeb('patch', 'certificaterequest', 'site-1', '--subresource=status', '--type=merge', ...as);
    assert.match(await kube.refusal([...status, ...patch('Approved', 'Denied')]), /cannot be both approved and denied/);
    await kube.get(...status, ...patch('Approved', 'Ready'));
    await kube.get(...inWeb('wait', '--for=condition=Approved', 'certificaterequest/site-1', '--timeout=30s'));
    assert.match(await kube.get(...inWeb('get', 'crs')), /^site-1 +True +True +ca +system:serviceaccount:/m);
  });

  test('people of a namespace have what the aggregated roles give them', async () => {
    const as = ['--as', 'jane'];
    await kube.get(...inWeb('create', 'rolebinding', 'jane', '--clusterrole=edit', '--user=jane'));
    const can = async (verb: string, what: string, ns = namespace) =>
      (await kube.run(['auth', 'can-i', verb, what, '-n', ns, ...as])).stdout.trim();
    await kube.until(
      'the role is summed up',
      async () => (await can('create', `certs.${group}`)) === 'yes' || undefined,
    );
    assert.deepEqual(
      [
        await can('get', `orders.${group}`),
        await can('create', `orders.${group}`),
        await can('get', `certs.${group}`, 'default'),
      ],
      ['yes', 'no', 'no'],
    );
    assert.deepEqual(kube.cluster.failures, []);
  });
});
