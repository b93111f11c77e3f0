// The port of the controllers that anybody may reach: whom it knows, and what it shows to whom.
import assert from 'node:assert/strict';
import { request } from 'node:https';
import { after, before, describe, test } from 'node:test';
import { Registry } from 'prom-client';
import { readKubeconfig } from '../../../client/config.ts';
import { KubeClient } from '../../../client/rest.ts';
import { RestMetrics } from '../../../client/rest-metrics.ts';
import { type SecureServer, serveSecurely } from '../../../client/secure/server.ts';
import { describeConfig } from '../../../controllers/configz.ts';
import { flags as table } from '../../../controllers/flags.ts';
import { buildInfoOf } from '../../../machinery/build-info.ts';
import { realClock } from '../../../machinery/clock.ts';
import { parseFlags } from '../../../machinery/flags.ts';
import { silentLogger } from '../../../machinery/log.ts';
import { realRandom } from '../../../machinery/random.ts';
import { zpagesOf } from '../../../machinery/zpages.ts';
import { startControlPlane, type TestControlPlane } from '../../environment/control-plane.ts';
import { eventually } from '../../environment/controllers.ts';

// An address of this process alone: no other test has its port there.
const address = `127.45.${process.pid & 255}.${((process.pid >> 8) & 127) + 1}`;

interface Credentials {
  cert?: string;
  key?: string;
  token?: string;
}

describe('the secure port', () => {
  let api: TestControlPlane;
  let server: SecureServer;
  let missing: string | null = null;
  const abort = new AbortController();
  before(async () => {
    api = await startControlPlane();
    const kubeconfig = await api.kubeconfig({ name: 'system:kube-controller-manager' });
    const flags = parseFlags(table, ['--kubeconfig', kubeconfig, '--bind-address', address, '--controllers', '*,-job']);
    const config = readKubeconfig(kubeconfig);
    const metrics = new Registry();
    const client = new KubeClient(config, {
      userAgent: 'test',
      clock: realClock,
      onAnswer: new RestMetrics(metrics).of(config.server),
    });
    await assert.rejects(client.request({ method: 'GET', path: '/api/v1/nodes/none' }));
    client.close();
    const context = { clock: realClock, random: realRandom, log: silentLogger, signal: abort.signal };
    const build = buildInfoOf('x64');
    const zpages = zpagesOf({ component: 'controllers', build, startMs: realClock.now(), flags }, realClock);
    const state = { metrics, zpages, notReady: () => missing };
    server = (await serveSecurely(flags, context, {
      config,
      userAgent: 'test',
      state,
      configz: describeConfig(flags),
    }))!;
  });
  after(async () => {
    abort.abort();
    server?.close();
    await api[Symbol.asyncDispose]();
  });

  const ask = (path: string, { token, ...pair }: Credentials = {}) =>
    new Promise<{ code: number; text: string }>((resolve, reject) => {
      const headers = token ? { authorization: `Bearer ${token}` } : {};
      const options = { rejectUnauthorized: false, agent: false, headers, ...pair };
      request(`https://${address}:${server.port}${path}`, options, (response) => {
        let text = '';
        response.setEncoding('utf8').on('data', (part) => {
          text += part;
        });
        response.on('end', () => resolve({ code: response.statusCode ?? 0, text }));
      })
        .on('error', reject)
        .end();
    });
  const certificateOf = async (name: string, groups?: string): Promise<Credentials> => {
    const { certificatePem, keyPem } = await api.certificate(name, groups);
    return { cert: certificatePem, key: keyPem };
  };

  test('is where it is looked for, and says to anybody whether it is well', async () => {
    assert.equal(server.port, 10257);
    for (const path of ['/healthz', '/livez', '/readyz?verbose']) {
      assert.deepEqual(await ask(path), { code: 200, text: 'ok' }, path);
    }
    missing = 'the lease has not been read';
    assert.deepEqual(await ask('/readyz'), { code: 500, text: missing });
    assert.equal((await ask('/livez')).code, 200);
    missing = null;
  });

  test('shows strangers nothing else, and knows no token that the API server does not know', async () => {
    for (const [path, name] of [
      ['/metrics', '/metrics'],
      ['/configz?x=/healthz', '/configz'],
      ['/healthz/x', '/healthz/x'],
    ]) {
      const { code, text } = await ask(path!);
      const { kind, message } = JSON.parse(text);
      assert.deepEqual([code, kind], [403, 'Status']);
      assert.equal(message, `forbidden: User "system:anonymous" cannot get path "${name}"`);
    }
    const { code, text } = await ask('/metrics', { token: 'none' });
    assert.deepEqual([code, JSON.parse(text).message], [401, 'Unauthorized']);
  });

  test('shows metrics and configuration to whom a certificate of the cluster lets ask', async () => {
    const admin = await certificateOf('someone', 'system:masters');
    // Whose certificates are good is read from the cluster.
    const metrics = await eventually(
      'the authority is known',
      () => ask('/metrics', admin),
      ({ code }) => code === 200,
    );
    assert.match(metrics.text, /rest_client_requests_total\{code="403",host="[^"]+",method="GET"\} 1\n/);
    assert.match(metrics.text, /rest_client_request_duration_seconds_count\{host="[^"]+",verb="GET"\} 1\n/);
    const config = JSON.parse((await ask('/configz', admin)).text)['kubecontrollermanager.config.k8s.io'];
    assert.deepEqual(config.Generic.Controllers, ['*', '-job']);
    assert.equal(config.NodeLifecycleController.NodeMonitorGracePeriod, '50s');
    assert.deepEqual(await ask('/none', admin), { code: 404, text: '404 page not found\n' });
    const monitoring = await certificateOf('scraper', 'system:monitoring');
    assert.equal((await ask('/metrics', monitoring)).code, 200);
    assert.match(
      (await ask('/statusz', monitoring)).text,
      /^\nkube-controller-manager statusz\n.*\nPaths: \/configz \/flagz /s,
    );
    assert.match((await ask('/flagz', monitoring)).text, /\ncontrollers: \[\*,-job\]\n/);
    const { code, text } = await ask('/configz', monitoring);
    assert.deepEqual([code, JSON.parse(text).message], [403, 'forbidden: User "scraper" cannot get path "/configz"']);
  });

  test('knows service accounts by their tokens', async () => {
    const accounts = '/api/v1/namespaces/default/serviceaccounts';
    await api.request('POST', accounts, { body: { metadata: { name: 'prometheus' } } });
    const bound = await api.request('POST', '/apis/rbac.authorization.k8s.io/v1/clusterrolebindings', {
      body: {
        metadata: { name: 'prometheus' },
        roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'ClusterRole', name: 'system:monitoring' },
        subjects: [{ kind: 'ServiceAccount', namespace: 'default', name: 'prometheus' }],
      },
    });
    assert.equal(bound.status, 201, bound.body.message);
    const { body } = await api.request('POST', `${accounts}/prometheus/token`, { body: { spec: {} } });
    const { token } = body.status;
    // A refusal is believed for a while: nobody is asked before the account and its binding count.
    const nonResourceAttributes = { path: '/metrics', verb: 'get' };
    const review = { body: { spec: { nonResourceAttributes } }, token };
    await eventually(
      'the binding counts',
      () => api.request('POST', '/apis/authorization.k8s.io/v1/selfsubjectaccessreviews', review),
      (answer) => answer.body.status?.allowed === true,
    );
    assert.equal((await ask('/metrics', { token })).code, 200);
    const { code, text } = await ask('/configz', { token });
    assert.equal(code, 403);
    assert.match(
      JSON.parse(text).message,
      /User "system:serviceaccount:default:prometheus" cannot get path "\/configz"/,
    );
  });
});
