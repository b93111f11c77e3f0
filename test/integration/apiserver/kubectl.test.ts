// The real kubectl against the API server, the newest here and Debian 12's 1.20: what needs no node.
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { startControlPlane, type TestControlPlane } from '../../environment/control-plane.ts';
import { Kubectl, needsNewKubectl, oldKubectl } from '../../environment/kubectl.ts';

const deployment = (fields: object = {}) => ({
  apiVersion: 'apps/v1',
  kind: 'Deployment',
  metadata: { name: 'web' },
  spec: {
    replicas: 2,
    selector: { matchLabels: { app: 'web' } },
    template: { metadata: { labels: { app: 'web' } }, spec: { containers: [{ name: 'c', image: 'nginx:1.7.9' }] } },
    ...fields,
  },
});

for (const version of ['newest', '1.20'] as const) {
  describe(`kubectl ${version}`, { skip: version === 'newest' && needsNewKubectl }, () => {
    let api: TestControlPlane;
    let kubectl: Kubectl;
    before(async () => {
      api = await startControlPlane();
      kubectl = new Kubectl(await api.kubeconfig(), version === '1.20' ? oldKubectl() : 'kubectl');
      await api.request('POST', '/api/v1/namespaces/default/serviceaccounts', {
        body: { metadata: { name: 'default' } },
      });
    });
    after(() => api[Symbol.asyncDispose]());

    test('apply creates, changes and prunes fields', () => {
      assert.match(kubectl.apply(deployment()), /deployment\.apps\/web created/);
      assert.match(kubectl.apply(deployment()), /unchanged/);
      assert.match(kubectl.apply(deployment({ replicas: 3, minReadySeconds: 5 })), /configured/);
      assert.match(kubectl.apply(deployment({ replicas: 3 })), /configured/);
      const { spec } = kubectl.json('get', 'deployment', 'web');
      assert.deepEqual([spec.replicas, spec.minReadySeconds], [3, undefined]);
      assert.equal(kubectl.get('diff', '-f', 'examples/nginx-deployment.yaml', '--help').length > 0, true);
    });

    test('a misspelt field is refused in kubectl’s words', () => {
      const { code, stderr } = kubectl.run(['apply', '-f', '-'], JSON.stringify(deployment({ replcas: 1 })));
      assert.equal(code, 1);
      const old =
        /ValidationError\(Deployment\.spec\): unknown field "replcas" in io\.k8s\.api\.apps\.v1\.DeploymentSpec/;
      const current = /strict decoding error: unknown field "spec\.replcas"/;
      assert.match(stderr, version === '1.20' ? old : current);
    });

    test('explain prints our text', () => {
      const text = kubectl.get('explain', 'deployment.spec.strategy');
      assert.match(text, /How new pods replace old ones\./);
      assert.match(text, /rollingUpdate/);
    });

    test('create, label, annotate, scale, patch, edit-like replace, delete', () => {
      kubectl.get('create', 'configmap', 'settings', '--from-literal=a=1');
      kubectl.get('label', 'configmap', 'settings', 'tier=web');
      kubectl.get('annotate', 'configmap', 'settings', 'note=x');
      kubectl.get('patch', 'configmap', 'settings', '-p', '{"data":{"b":"2"}}');
      kubectl.get('patch', 'configmap', 'settings', '--type=json', '-p', '[{"op":"remove","path":"/data/a"}]');
      assert.deepEqual(kubectl.json('get', 'configmap', 'settings').data, { b: '2' });
      assert.match(kubectl.get('get', 'configmap', '-l', 'tier=web', '--no-headers'), /^settings +1 /);
      kubectl.get('scale', 'deployment/web', '--replicas=4');
      assert.equal(kubectl.json('get', 'deployment', 'web').spec.replicas, 4);
      assert.match(kubectl.get('delete', 'configmap', 'settings'), /configmap "settings" deleted/);
      const { stderr } = kubectl.run(['get', 'configmap', 'settings']);
      assert.match(stderr, /Error from server \(NotFound\): configmaps "settings" not found/);
    });

    test('tables, wide tables, jsonpath, describe', () => {
      assert.match(kubectl.get('get', 'deployments'), /NAME +READY +UP-TO-DATE +AVAILABLE +AGE\nweb +0\/4 /);
      assert.match(
        kubectl.get('get', 'deployments', '-o', 'wide'),
        /CONTAINERS +IMAGES +SELECTOR\n.*nginx:1\.7\.9 +app=web/,
      );
      assert.equal(
        kubectl.get('get', 'deployment', 'web', '-o', 'jsonpath={.spec.template.spec.containers[0].image}'),
        'nginx:1.7.9',
      );
      assert.match(kubectl.get('describe', 'deployment', 'web'), /Replicas: +4 desired/);
      assert.match(kubectl.get('api-resources'), /deployments +deploy /);
      assert.match(kubectl.get('get', 'all'), /deployment\.apps\/web/);
    });

    test('wait and watch see what happens', async () => {
      kubectl.get('create', 'configmap', 'short', '--from-literal=a=1');
      const watch = kubectl.start(['get', 'configmap', 'short', '-w', '--output-watch-events', '--no-headers']);
      let seen = '';
      watch.stdout!.on('data', (chunk) => (seen += chunk));
      await new Promise((resolve) => watch.stdout!.once('data', resolve));
      kubectl.get('label', 'configmap', 'short', 'x=y');
      kubectl.get('delete', 'configmap', 'short');
      while (!seen.includes('DELETED')) await new Promise((resolve) => watch.stdout!.once('data', resolve));
      watch.kill();
      assert.match(seen, /ADDED[\s\S]*MODIFIED[\s\S]*DELETED/);
      // 1.20 itself calls waiting for what is already gone an error.
      if (version !== '1.20') kubectl.get('wait', '--for=delete', 'configmap/short', '--timeout=5s');
    });

    test('what a user may do', async () => {
      const bob = new Kubectl(await api.kubeconfig({ name: 'bob' }), version === '1.20' ? oldKubectl() : 'kubectl');
      assert.match(
        bob.run(['get', 'pods']).stderr,
        /Error from server \(Forbidden\): pods is forbidden: User "bob" cannot list resource "pods" in API group "" in the namespace "default"/,
      );
      kubectl.get('create', 'role', 'reader', '--verb=list', '--resource=pods');
      kubectl.get('create', 'rolebinding', 'bob', '--role=reader', '--user=bob');
      assert.equal(bob.run(['auth', 'can-i', 'list', 'pods']).stdout.trim(), 'yes');
      assert.equal(bob.run(['auth', 'can-i', 'delete', 'pods']).stdout.trim(), 'no');
      assert.equal(kubectl.run(['auth', 'can-i', 'list', 'pods', '--as', 'eve']).stdout.trim(), 'no');
    });

    test('malformed YAML never reaches the server, a wrong type is refused by it', () => {
      assert.match(kubectl.run(['apply', '-f', '-'], 'a: [').stderr, /error parsing STDIN/);
      const { code, stderr } = kubectl.run(
        ['create', '--validate=false', '-f', '-'],
        JSON.stringify(deployment({ replicas: 'many' })),
      );
      assert.equal(code, 1);
      assert.match(stderr, /cannot be handled as a Deployment|cannot unmarshal string/);
    });
  });
}
