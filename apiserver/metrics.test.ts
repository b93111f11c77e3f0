// What the API server tells of itself: names, types, labels and buckets are those of kube-apiserver 1.36, by which
// dashboards and alerts know it; and what moves the numbers.
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { Registry } from 'prom-client';
import { StatusError } from '../machinery/errors.ts';
import { FakeClock } from '../test/builders/fake-clock.ts';
import { FakeEtcd } from '../test/builders/fake-etcd.ts';
import { MemoryApi } from '../test/builders/memory-api.ts';
import { metricTable, valuesOf } from '../test/builders/metric-table.ts';
import { AccessMetrics } from './access-metrics.ts';
import { admissionPlugins } from './admission/index.ts';
import { AdmissionMetrics } from './admission/metrics.ts';
import { createAdmissionChain } from './admission/plugin.ts';
import { Aggregator } from './aggregation/aggregator.ts';
import { tellAvailability } from './aggregation/metrics.ts';
import { Impersonation } from './authn/impersonate.ts';
import type { Authorizer } from './authz/attributes.ts';
import { createFairnessMetrics } from './fairness/metrics.ts';
import { requestInfoOf } from './request-info.ts';
import { createRequestMetrics } from './request-metrics.ts';
import { countUnreadable, meterEtcd, tellStored } from './storage/storage-metrics.ts';

const table = `
aggregator_unavailable_apiservice gauge name
aggregator_unavailable_apiservice_total counter name,reason
apiserver_admission_controller_admission_duration_seconds histogram name,operation,rejected,type 0.005..2.5*6
apiserver_admission_step_admission_duration_seconds histogram operation,rejected,type 0.005..2.5*6
apiserver_admission_webhook_admission_duration_seconds histogram name,operation,rejected,type 0.005..25*8
apiserver_admission_webhook_fail_open_count counter name,type
apiserver_admission_webhook_rejection_count counter error_type,name,operation,rejection_code,type
apiserver_admission_webhook_request_total counter code,name,operation,rejected,type
apiserver_client_certificate_expiration_seconds histogram 0..31104000*14
apiserver_current_inflight_requests gauge request_kind
apiserver_flowcontrol_current_executing_requests gauge flow_schema,priority_level
apiserver_flowcontrol_current_executing_seats gauge flow_schema,priority_level
apiserver_flowcontrol_current_inqueue_requests gauge flow_schema,priority_level
apiserver_flowcontrol_dispatched_requests_total counter flow_schema,priority_level
apiserver_flowcontrol_nominal_limit_seats gauge priority_level
apiserver_flowcontrol_rejected_requests_total counter flow_schema,priority_level,reason
apiserver_flowcontrol_request_execution_seconds histogram flow_schema,priority_level,type 0..30*13
apiserver_flowcontrol_request_wait_duration_seconds histogram execute,flow_schema,priority_level 0..30*13
apiserver_flowcontrol_work_estimated_seats histogram flow_schema,priority_level 1..100*8
apiserver_impersonation_attempts_duration_seconds histogram decision,mode 0.001..16.384*15
apiserver_impersonation_attempts_total counter decision,mode
apiserver_impersonation_authorization_attempts_duration_seconds histogram decision,mode 0.001..16.384*15
apiserver_impersonation_authorization_attempts_total counter decision,mode
apiserver_longrunning_requests gauge component,group,resource,scope,subresource,verb,version
apiserver_request_duration_seconds histogram component,dry_run,group,resource,scope,subresource,verb,version 0.005..60*23
apiserver_request_sli_duration_seconds histogram component,group,resource,scope,subresource,verb,version 0.05..60*21
apiserver_request_terminations_total counter code,component,group,resource,scope,subresource,verb,version
apiserver_request_total counter code,component,dry_run,group,resource,scope,subresource,verb,version
apiserver_requested_deprecated_apis gauge group,removed_release,resource,subresource,version
apiserver_resource_objects gauge group,resource
apiserver_response_sizes histogram component,group,resource,scope,subresource,verb,version 1000..1000000000*7
apiserver_storage_decode_errors_total counter group,resource
apiserver_storage_events_received_total counter group,resource
apiserver_storage_objects gauge resource
apiserver_storage_size_bytes gauge storage_cluster_id
apiserver_validating_admission_policy_check_duration_seconds histogram enforcement_action,error_type,policy,policy_binding 5e-7..1*5
apiserver_validating_admission_policy_check_total counter enforcement_action,error_type,policy,policy_binding
apiserver_watch_events_sizes histogram group,resource,version 1024..131072*8
apiserver_watch_events_total counter group,resource,version
authenticated_user_requests counter username
authentication_attempts counter result
authentication_duration_seconds histogram result 0.001..16.384*15
authorization_attempts_total counter result
authorization_duration_seconds histogram result 0.001..16.384*15
etcd_request_duration_seconds histogram group,operation,resource 0.005..60*23
etcd_request_errors_total counter group,operation,resource
etcd_requests_total counter group,operation,resource
`;

async function everything() {
  const registry = new Registry();
  const etcd = new FakeEtcd();
  const clock = new FakeClock();
  const metered = meterEtcd(etcd, ['apps'], registry, clock);
  const api = new MemoryApi(etcd, 1, metered);
  await api.context.store.cache.start();
  const { store, kinds, random } = api.context;
  const deps = { store, kinds, clock, random, authorizer: api.authorizer, webhooks: {} as never };
  const ranges = { serviceClusterIpRange: '10.0.0.0/24', serviceNodePortRange: { first: 30000, last: 30003 } };
  const admission = new AdmissionMetrics(registry, clock);
  api.context.admission = createAdmissionChain(admissionPlugins, { ...deps, ...ranges, metrics: admission });
  await api.send('POST', '/api/v1/namespaces', { body: { metadata: { name: 'default' } } });
  createFairnessMetrics(registry);
  countUnreadable(registry, ['apps']);
  tellAvailability(registry, new Aggregator(api.context, undefined));
  tellStored(registry, { store, kinds, size: async () => 4096 });
  const values = (name: string) => valuesOf(registry, name);
  const requests = createRequestMetrics(registry, clock);
  return { api, clock, registry, values, requests, access: new AccessMetrics(registry, clock), admission };
}

test('every metric is known by its name, type, labels and buckets', async () => {
  const { registry } = await everything();
  assert.deepEqual(await metricTable(registry), table.trim().split('\n'));
});

describe('a request counts', () => {
  const pods = '/api/v1/namespaces/d/pods';
  const core = 'group="",resource="pods"';
  const cases: [method: string, url: string, labels: string, contentType?: string][] = [
    ['GET', `${pods}/p`, `${core},scope="resource",subresource="",verb="GET",version="v1"`],
    ['HEAD', `${pods}/p`, `${core},scope="resource",subresource="",verb="GET",version="v1"`],
    ['GET', pods, `${core},scope="namespace",subresource="",verb="LIST",version="v1"`],
    ['GET', '/api/v1/pods?watch=1', `${core},scope="cluster",subresource="",verb="WATCH",version="v1"`],
    ['POST', `${pods}?dryRun=All`, `${core},scope="resource",subresource="",verb="POST",version="v1"`],
    ['PUT', `${pods}/p/status`, `${core},scope="resource",subresource="status",verb="PUT",version="v1"`],
    ['PATCH', `${pods}/p`, `${core},scope="resource",subresource="",verb="PATCH",version="v1"`, 'application/json'],
    [
      'PATCH',
      `${pods}/p`,
      `${core},scope="resource",subresource="",verb="APPLY",version="v1"`,
      'application/apply-patch+yaml',
    ],
    ['DELETE', pods, `${core},scope="namespace",subresource="",verb="DELETECOLLECTION",version="v1"`],
    ['GET', `${pods}/p/log`, `${core},scope="resource",subresource="log",verb="CONNECT",version="v1"`],
    ['POST', `${pods}/p/exec`, `${core},scope="resource",subresource="exec",verb="CONNECT",version="v1"`],
    ['GET', '/livez', 'group="",resource="",scope="",subresource="/livez",verb="GET",version=""'],
    ['GET', '/made/up', 'group="",resource="",scope="",subresource="",verb="GET",version=""'],
    ['BREW', '/made/up', 'group="",resource="",scope="",subresource="",verb="OTHER",version=""'],
  ];
  for (const [method, url, labels, contentType] of cases) {
    test(`${method} ${url} ${contentType ?? ''}`, async () => {
      const { requests, values, clock } = await everything();
      const info = requestInfoOf(method, url);
      const head = { method, url, headers: contentType ? { 'content-type': contentType } : {} };
      const component = `component="${info.isResource ? 'apiserver' : ''}"`;
      const dryRun = `dry_run="${url.includes('dryRun') ? 'All' : ''}"`;
      const count = requests.begin(info, head);
      const stays = /WATCH|CONNECT/.test(labels);
      assert.deepEqual(await values('apiserver_longrunning_requests'), stays ? { [`${component},${labels}`]: 1 } : {});
      count.waited(300);
      await clock.advance(400);
      count.end(201, 1500);
      const all = `${component},${dryRun},${labels}`;
      assert.deepEqual(await values('apiserver_request_total'), { [`code="201",${all}`]: 1 });
      assert.deepEqual(await values('apiserver_request_duration_seconds_sum'), { [all]: 0.4 });
      const [sli] = Object.values(await values('apiserver_request_sli_duration_seconds_sum'));
      assert.ok(Math.abs(sli! - 0.1) < 1e-9, `the wait does not count: ${sli}`);
      const read = /"(GET|LIST)"/.test(labels);
      assert.deepEqual(await values('apiserver_response_sizes_sum'), read ? { [`${component},${labels}`]: 1500 } : {});
      assert.deepEqual(await values('apiserver_request_terminations_total'), {});
      if (stays) assert.deepEqual(await values('apiserver_longrunning_requests'), { [`${component},${labels}`]: 0 });
    });
  }

  test('one that is broken off; those under way at most in the last second', async () => {
    const { requests, values, clock } = await everything();
    const info = requestInfoOf('PUT', `${pods}/p`);
    const begin = () => requests.begin(info, { method: 'PUT', headers: {} });
    const both = [begin(), begin()];
    for (const one of both) one.end(200);
    const inFlight = () => values('apiserver_current_inflight_requests');
    assert.deepEqual(await inFlight(), { 'request_kind="mutating"': 2, 'request_kind="readOnly"': 0 });
    await clock.advance(3000);
    const last = begin();
    last.brokenOff(504);
    last.end(504);
    assert.deepEqual(Object.values(await values('apiserver_request_terminations_total')), [1]);
    await clock.advance(3000);
    assert.deepEqual(await inFlight(), { 'request_kind="mutating"': 0, 'request_kind="readOnly"': 0 });
  });
});

test('who asks, and whether they may', async () => {
  const { access, values, clock } = await everything();
  const user = (username: string) => Promise.resolve({ username, groups: [] });
  for (const name of ['alice', 'a@b.c', 'kubelet']) await access.identify(user(name));
  for (const err of [new StatusError(401, 'Unauthorized', 'no'), new Error('broken')]) {
    await assert.rejects(access.identify(Promise.reject(err)));
  }
  for (const answer of [{ allowed: true }, { allowed: false }, { allowed: false, denied: true }]) {
    await access.authorize(Promise.resolve({ reason: '', ...answer }));
  }
  access.certificate(clock.now() + 3_000_000);
  assert.deepEqual(await values('authenticated_user_requests'), {
    'username="other"': 1,
    'username="email_id"': 1,
    'username="kubelet"': 1,
  });
  assert.deepEqual(await values('authentication_attempts'), {
    'result="success"': 3,
    'result="failure"': 1,
    'result="error"': 1,
  });
  const decisions = { 'result="allowed"': 1, 'result="no-opinion"': 1, 'result="denied"': 1 };
  assert.deepEqual(await values('authorization_attempts_total'), decisions);
  assert.deepEqual(await values('apiserver_client_certificate_expiration_seconds_sum'), { '': 3000 });
});

test('who acts as whom, by the mode that allowed it, and what was asked for that', async () => {
  const { access, values } = await everything();
  const allows = (...verbs: string[]): Authorizer => ({
    authorize: async ({ verb }) => ({ allowed: verbs.includes(verb), reason: '' }),
    rulesFor: () => ({ rules: [] }),
  });
  const user = { username: 'boss', groups: [] };
  const attributes = () => ({ ...requestInfoOf('GET', '/api/v1/pods'), user }) as never;
  const act = (authorizer: Authorizer) =>
    new Impersonation().actAs(user, { 'impersonate-user': 'jane' }, { authorizer, attributes, access });
  await act(allows('impersonate'));
  await act(allows('impersonate-on:user-info:list', 'impersonate:user-info'));
  await assert.rejects(act(allows()), { code: 403 });
  assert.deepEqual(await values('apiserver_impersonation_attempts_total'), {
    'decision="allowed",mode="legacy"': 1,
    'decision="allowed",mode="user-info"': 1,
    'decision="denied",mode=""': 1,
  });
  assert.deepEqual(await values('apiserver_impersonation_authorization_attempts_total'), {
    'decision="allowed",mode="legacy"': 1,
    'decision="allowed",mode="user-info"': 2,
    'decision="denied",mode="legacy"': 1,
    'decision="denied",mode="user-info"': 2,
  });
});

test('what is stored and asked of etcd, what plugins and policies say', async () => {
  const { api, values } = await everything();
  const maps = '/api/v1/namespaces/default/configmaps';
  await api.send('POST', maps, { body: { metadata: { name: 'a' } } });
  await assert.rejects(api.send('POST', '/api/v1/namespaces/none/configmaps', { body: { metadata: { name: 'a' } } }));
  await api.context.store.cache.waitConsistent();
  assert.equal((await values('etcd_requests_total'))['group="",operation="create",resource="configmaps"'], 1);
  assert.equal((await values('apiserver_storage_events_received_total'))['group="",resource="configmaps"'], 1);
  assert.equal((await values('apiserver_resource_objects'))['group="",resource="configmaps"'], 1);
  assert.equal((await values('apiserver_storage_objects'))['resource="deployments.apps"'], 0);
  assert.deepEqual(await values('apiserver_storage_size_bytes'), { 'storage_cluster_id="etcd-0"': 4096 });
  const steps = await values('apiserver_admission_step_admission_duration_seconds_count');
  assert.equal(steps['operation="CREATE",rejected="false",type="validate"'], 2, 'the namespace and the map');
  assert.equal(steps['operation="CREATE",rejected="true",type="admit"'], 1);
  const plugins = await values('apiserver_admission_controller_admission_duration_seconds_count');
  assert.equal(plugins['name="NamespaceLifecycle",operation="CREATE",rejected="true",type="admit"'], 1);
});

test('rules of policies: what they allow, and what becomes of what they do not', async () => {
  const { api, values } = await everything();
  const registration = '/apis/admissionregistration.k8s.io/v1/validatingadmissionpolic';
  const rule = { operations: ['*'], apiGroups: [''], apiVersions: ['v1'], resources: ['configmaps'] };
  const validations = [{ expression: "object.metadata.name != 'bad'" }, { expression: 'true' }];
  const spec = { matchConstraints: { resourceRules: [rule] }, validations };
  await api.send('POST', `${registration}ies`, { body: { metadata: { name: 'p' }, spec } });
  const binding = { policyName: 'p', validationActions: ['Deny', 'Audit'] };
  await api.send('POST', `${registration}ybindings`, { body: { metadata: { name: 'b' }, spec: binding } });
  await api.context.store.cache.waitConsistent();
  const create = (name: string) =>
    api.send('POST', '/api/v1/namespaces/default/configmaps', { body: { metadata: { name } } });
  await create('good');
  await assert.rejects(create('bad'));
  const of = 'policy="p",policy_binding="b"';
  assert.deepEqual(await values('apiserver_validating_admission_policy_check_total'), {
    [`enforcement_action="allow",error_type="no_error",${of}`]: 3,
    [`enforcement_action="deny",error_type="invalid_error",${of}`]: 1,
    [`enforcement_action="audit",error_type="invalid_error",${of}`]: 1,
  });
});

test('what webhooks say, and what they do not', async () => {
  const { admission, values } = await everything();
  const hook = { name: 'h', operation: 'CREATE', isMutating: true };
  const isSilent = (err: unknown) => !(err instanceof StatusError);
  await admission.asked(hook, Promise.resolve('yes'), isSilent);
  for (const err of [new StatusError(403, 'Forbidden', 'no'), new Error('refused')]) {
    await assert.rejects(admission.asked(hook, Promise.reject(err), isSilent));
  }
  admission.failedOpen(hook);
  const of = 'name="h",operation="CREATE"';
  assert.deepEqual(await values('apiserver_admission_webhook_rejection_count'), {
    [`error_type="no_error",${of},rejection_code="403",type="admit"`]: 1,
    [`error_type="calling_webhook_error",${of},rejection_code="0",type="admit"`]: 1,
  });
  assert.deepEqual(await values('apiserver_admission_webhook_fail_open_count'), { 'name="h",type="admit"': 1 });
  const asked = await values('apiserver_admission_webhook_request_total');
  assert.equal(asked[`code="200",${of},rejected="false",type="admit"`], 1);
});
