// Metrics behind the real API server, and autoscalers over real scales, custom ones included. What real nodes and pods
// are measured at is tried in test/e2e/autoscaling.test.ts.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { get as httpsGet } from 'node:https';
import { after, before, describe, test } from 'node:test';
import { issueCertificate } from '../../../cli/pki/issue.ts';
import { toLoop } from '../../../client/controller.ts';
import { horizontalPodAutoscalerController } from '../../../controllers/horizontal-pod-autoscaler/horizontal-pod-autoscaler.ts';
import { metricsServer } from '../../../controllers/metrics-server/metrics-server.ts';
import { realClock } from '../../../machinery/clock.ts';
import { freePort, startControlPlane, type TestControlPlane } from '../../environment/control-plane.ts';
import { eventually, type RunningControllers, runControllers } from '../../environment/controllers.ts';

const group = 'widgets.example.com';
const widgets = `/apis/${group}/v1/namespaces/testing/widgets`;
const autoscalers = '/apis/autoscaling/v2/namespaces/testing/horizontalpodautoscalers';
const metrics = '/apis/metrics.k8s.io/v1beta1';
const custom = '/apis/custom.metrics.k8s.io';

const integer = { type: 'integer' };
const definition = {
  metadata: { name: `widgets.${group}` },
  spec: {
    group,
    scope: 'Namespaced',
    names: { plural: 'widgets', kind: 'Widget' },
    versions: [
      {
        name: 'v1',
        served: true,
        storage: true,
        schema: {
          openAPIV3Schema: {
            type: 'object',
            properties: {
              spec: { type: 'object', properties: { count: integer } },
              status: { type: 'object', properties: { count: integer, selector: { type: 'string' } } },
            },
          },
        },
        subresources: {
          scale: {
            specReplicasPath: '.spec.count',
            statusReplicasPath: '.status.count',
            labelSelectorPath: '.status.selector',
          },
        },
      },
    ],
  },
};

describe('autoscaling', () => {
  let api: TestControlPlane;
  let controllers: RunningControllers;
  let port: number;
  const post = async (path: string, body: object) => {
    const answer = await api.request('POST', path, { body });
    assert.equal(answer.status, 201, JSON.stringify(answer.body));
  };

  before(async () => {
    api = await startControlPlane();
    // It publishes whom to believe.
    await api.stopApiServer();
    await api.startApiServer([
      ...['--requestheader-client-ca-file', api.file('front-proxy-ca.crt')],
      ...['--requestheader-allowed-names', 'front-proxy-client'],
      ...['--requestheader-username-headers', 'X-Remote-User'],
      ...['--requestheader-group-headers', 'X-Remote-Group'],
      ...['--requestheader-extra-headers-prefix', 'X-Remote-Extra-'],
    ]);
    await api.namespace('testing');
    port = await freePort();
    // The API server goes to no loopback address of an endpoint: here a name stands for it.
    const service = { type: 'ExternalName', externalName: 'localhost' };
    await post('/api/v1/namespaces/kube-system/services', { metadata: { name: 'metrics-server' }, spec: service });
    const versions = [
      ['metrics.k8s.io', 'v1beta1'],
      ...['v1beta1', 'v1beta2'].map((v) => ['custom.metrics.k8s.io', v]),
    ];
    for (const [of, version] of versions) {
      const at = { name: 'metrics-server', namespace: 'kube-system', port };
      const rank = { groupPriorityMinimum: 100, versionPriority: 100, insecureSkipTLSVerify: true };
      await post('/apis/apiregistration.k8s.io/v1/apiservices', {
        metadata: { name: `${version}.${of}` },
        spec: { group: of, version, ...rank, service: at },
      });
    }
    const plan = { file: '', authority: '', commonName: 'metrics-server', usages: ['server'] as const };
    const pair = await issueCertificate({ ...plan, dnsNames: ['localhost'] }, api.authority, realClock.now());
    controllers = await runControllers(api, [
      metricsServer({ address: '127.0.0.1', port, ...pair }),
      toLoop(horizontalPodAutoscalerController),
    ]);
    for (const [of, version] of versions) {
      await eventually(
        `${of} is served`,
        () => api.request('GET', `/apis/${of}/${version}`),
        ({ status }) => status === 200,
      );
    }
  });
  after(async () => {
    await controllers?.[Symbol.asyncDispose]();
    await api?.[Symbol.asyncDispose]();
  });

  test('the groups are found, and answer of what there is', async () => {
    const found = await api.request('GET', metrics);
    assert.deepEqual(
      found.body.resources.map(({ name, kind, verbs }: any) => [name, kind, verbs.join()]),
      [
        ['nodes', 'NodeMetrics', 'get,list'],
        ['pods', 'PodMetrics', 'get,list'],
      ],
    );
    const groups = (await api.request('GET', '/apis')).body.groups.map(({ name }: { name: string }) => name);
    for (const name of ['metrics.k8s.io', 'custom.metrics.k8s.io']) assert.ok(groups.includes(name), groups.join());
    const { body } = await api.request('GET', `${metrics}/pods`);
    assert.deepEqual(body, { kind: 'PodMetricsList', apiVersion: 'metrics.k8s.io/v1beta1', metadata: {}, items: [] });
    const missing = await api.request('GET', `${custom}/v1beta2/namespaces/testing/pods/*/hits`);
    assert.equal(missing.status, 404);
    assert.equal(missing.body.message, 'the server could not find the metric hits for pods');
    assert.equal((await api.request('DELETE', `${metrics}/nodes/x`)).status, 405);
  });

  /** Asks the server itself, as the API server does or as anybody else. */
  const ask = async (path: string, headers: Record<string, string>, withCertificate: boolean) => {
    const read = (name: string) => readFileSync(api.file(name));
    const shown = withCertificate ? { cert: read('front-proxy.crt'), key: read('front-proxy.key') } : {};
    const options = {
      host: '127.0.0.1',
      port,
      path,
      headers,
      rejectUnauthorized: false,
      agent: false as const,
      ...shown,
    };
    const request = httpsGet(options);
    const [response] = await once(request, 'response');
    let text = '';
    for await (const chunk of response) text += chunk;
    return { code: response.statusCode, message: JSON.parse(text).message };
  };

  test('it believes the API server alone, and asks it what somebody may', async () => {
    const somebody = { 'x-remote-user': 'somebody' };
    const admin = { 'x-remote-user': 'a', 'x-remote-group': 'system:masters' };
    assert.deepEqual(await ask(`${metrics}/nodes`, admin, false), { code: 401, message: 'Unauthorized' });
    assert.deepEqual(await ask(`${metrics}/nodes`, {}, true), { code: 401, message: 'Unauthorized' });
    assert.equal((await ask(`${metrics}/nodes`, admin, true)).code, 200);
    const where = `nodes.metrics.k8s.io is forbidden: User "somebody" cannot list resource "nodes" in API group "metrics.k8s.io" at the cluster scope`;
    assert.deepEqual(await ask(`${metrics}/nodes`, somebody, true), { code: 403, message: where });
    await post('/apis/rbac.authorization.k8s.io/v1/clusterrolebindings', {
      metadata: { name: 'another' },
      roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'ClusterRole', name: 'system:aggregated-metrics-reader' },
      subjects: [{ apiGroup: 'rbac.authorization.k8s.io', kind: 'User', name: 'another' }],
    });
    await eventually(
      'the role counts',
      () => ask(`${metrics}/namespaces/testing/pods`, { 'x-remote-user': 'another' }, true),
      ({ code }) => code === 200,
    );
  });

  test('a custom resource is scaled by its scale, and says so', async () => {
    await post('/apis/apiextensions.k8s.io/v1/customresourcedefinitions', definition);
    await eventually(
      'the kind is served',
      () => api.request('GET', widgets),
      ({ status }) => status === 200,
    );
    await post(widgets, { apiVersion: `${group}/v1`, kind: 'Widget', metadata: { name: 'w' }, spec: { count: 1 } });
    const scaleTargetRef = { apiVersion: `${group}/v1`, kind: 'Widget', name: 'w' };
    await post(autoscalers, { metadata: { name: 'w' }, spec: { scaleTargetRef, minReplicas: 3, maxReplicas: 5 } });
    await eventually(
      'it is scaled',
      () => api.request('GET', `${widgets}/w`),
      ({ body }) => body.spec.count === 3,
    );
    const { body } = await eventually(
      'the status tells of it',
      () => api.request('GET', `${autoscalers}/w`),
      (answer) => answer.body.status.desiredReplicas === 3,
    );
    const { lastScaleTime, conditions, ...status } = body.status;
    assert.deepEqual(status, { currentReplicas: 1, desiredReplicas: 3, currentMetrics: null });
    assert.ok(lastScaleTime);
    assert.deepEqual(
      conditions.map(({ type, reason, message }: any) => [type, reason, message]),
      [['AbleToScale', 'SucceededRescale', 'the HPA controller was able to update the target scale to 3']],
    );
    await eventually(
      'the event',
      () => api.request('GET', '/api/v1/namespaces/testing/events'),
      (answer) =>
        answer.body.items.some(
          (one: any) =>
            one.reason === 'SuccessfulRescale' &&
            one.message === 'New size: 3; reason: Current number of replicas below Spec.MinReplicas',
        ),
    );
  });

  test('what it cannot scale it names', async () => {
    const scaleTargetRef = { apiVersion: 'example.com/v1', kind: 'Nothing', name: 'x' };
    await post(autoscalers, { metadata: { name: 'nothing' }, spec: { scaleTargetRef, maxReplicas: 5 } });
    const { body } = await eventually(
      'the condition',
      () => api.request('GET', `${autoscalers}/nothing`),
      (answer) => answer.body.status?.conditions?.length > 0,
    );
    const [{ type, status, reason, message }] = body.status.conditions;
    const why = 'no matches for kind "Nothing" in group "example.com"';
    assert.deepEqual(
      [type, status, reason, message],
      [
        'AbleToScale',
        'False',
        'FailedGetScale',
        `the HPA controller was unable to get the target's current scale: ${why}`,
      ],
    );
  });
});
