// Server-side apply by the real kubectl: two managers of one object, conflicts, the way from client-side applies and back.
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { startControlPlane, type TestControlPlane } from '../../environment/control-plane.ts';
import { Kubectl, needsNewKubectl } from '../../environment/kubectl.ts';

const configMap = (name: string, data: Record<string, string>) =>
  JSON.stringify({ apiVersion: 'v1', kind: 'ConfigMap', metadata: { name }, data });
const deployment = (spec: object) =>
  JSON.stringify({
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: { name: 'web' },
    spec: {
      selector: { matchLabels: { app: 'web' } },
      template: {
        metadata: { labels: { app: 'web' } },
        spec: { containers: [{ name: 'c', image: 'nginx:1.7.9', ports: [{ containerPort: 80 }] }] },
      },
      ...spec,
    },
  });

describe('kubectl apply --server-side', { skip: needsNewKubectl }, () => {
  let api: TestControlPlane;
  let kubectl: Kubectl;
  before(async () => {
    api = await startControlPlane();
    kubectl = new Kubectl(await api.kubeconfig());
  });
  after(() => api[Symbol.asyncDispose]());

  const apply = (object: string, ...args: string[]) =>
    kubectl.run(['apply', '--server-side', '-f', '-', ...args], object);
  const applied = (object: string, ...args: string[]): string => {
    const { code, stdout, stderr } = apply(object, ...args);
    assert.equal(code, 0, stderr);
    return stdout;
  };
  const shown = (...what: string[]) => kubectl.json('get', ...what, '--show-managed-fields');
  const managers = (object: any) => object.metadata.managedFields.map((e: any) => `${e.manager} ${e.operation}`);

  test('creates, changes, takes away, and leaves alone what is as it should be', () => {
    assert.match(applied(configMap('own', { a: '1', b: '1' })), /configmap\/own serverside-applied/);
    applied(configMap('own', { a: '2' }));
    const first = shown('configmap', 'own');
    assert.deepEqual(first.data, { a: '2' });
    assert.deepEqual(managers(first), ['kubectl Apply']);
    applied(configMap('own', { a: '2' }));
    assert.equal(shown('configmap', 'own').metadata.resourceVersion, first.metadata.resourceVersion);
  });

  test('two managers share an object and fight over a field', () => {
    applied(configMap('two', { a: '1', shared: 'x' }), '--field-manager=one');
    applied(configMap('two', { b: '1', shared: 'x' }), '--field-manager=two');
    const { code, stderr } = apply(configMap('two', { b: '1', shared: 'y' }), '--field-manager=two');
    assert.equal(code, 1);
    assert.match(stderr, /Apply failed with 1 conflict: conflict with "one": \.data\.shared/);
    assert.match(stderr, /--force-conflicts/);
    applied(configMap('two', { b: '1', shared: 'y' }), '--field-manager=two', '--force-conflicts');
    assert.deepEqual(shown('configmap', 'two').data, { a: '1', b: '1', shared: 'y' });
    applied(configMap('two', {}), '--field-manager=two');
    assert.deepEqual(shown('configmap', 'two').data, { a: '1' });
  });

  test('a scaled deployment is the scaler’s, until the applier forces it or gives it up', () => {
    applied(deployment({ replicas: 1 }));
    kubectl.get('scale', 'deployment/web', '--replicas=3');
    const { stderr } = apply(deployment({ replicas: 1 }));
    assert.match(stderr, /conflict with "kubectl" with subresource "scale" using apps\/v1: \.spec\.replicas/);
    applied(deployment({}));
    assert.equal(shown('deployment', 'web').spec.replicas, 3);
    applied(deployment({ replicas: 2 }), '--force-conflicts');
    assert.equal(shown('deployment', 'web').spec.replicas, 2);
  });

  test('takes over from client-side applies, whose fields it may then take away', () => {
    kubectl.apply(JSON.parse(configMap('old', { a: '1', b: '1' })));
    assert.deepEqual(managers(shown('configmap', 'old')), ['kubectl-client-side-apply Update']);
    applied(configMap('old', { a: '2' }));
    const moved = shown('configmap', 'old');
    assert.deepEqual(moved.data, { a: '2' });
    // kubectl keeps the annotation by an apply of its own.
    assert.deepEqual(managers(moved).sort(), ['kubectl Apply', 'kubectl-last-applied Apply']);
    const last = JSON.parse(moved.metadata.annotations['kubectl.kubernetes.io/last-applied-configuration']);
    assert.deepEqual(last.data, { a: '2' }, 'so that one may go back');
    kubectl.apply(JSON.parse(configMap('old', { c: '1' })));
    assert.deepEqual(shown('configmap', 'old').data, { c: '1' });
  });

  test('a dry run tells of conflicts, and diff of what would change', () => {
    applied(configMap('dry', { a: '1' }), '--field-manager=one');
    const { code, stderr } = apply(configMap('dry', { a: '2' }), '--dry-run=server');
    assert.deepEqual([code, /conflict with "one"/.test(stderr)], [1, true], stderr);
    assert.match(applied(configMap('fresh', { a: '1' }), '--dry-run=server'), /serverside-applied \(server dry run\)/);
    assert.equal(kubectl.run(['get', 'configmap', 'fresh']).code, 1);
    const diff = kubectl.run(['diff', '--server-side', '--field-manager=one', '-f', '-'], configMap('dry', { a: '3' }));
    assert.equal(diff.code, 1, diff.stderr);
    assert.match(diff.stdout, /^\+ {2}a: "3"$/m);
  });

  test('refuses what the type does not have', () => {
    const wrong = JSON.stringify({ ...JSON.parse(configMap('wrong', {})), dat: {} });
    assert.match(apply(wrong).stderr, /\.dat: field not declared in schema/);
  });
});
