// The audit log of a real API server, and the turns that requests have in it.
import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { after, before, describe, test } from 'node:test';
import { realClock } from '../../../machinery/clock.ts';
import { startControlPlane, type TestControlPlane } from '../../environment/control-plane.ts';

const configMaps = '/api/v1/namespaces/aud/configmaps';
const flowControl = '/apis/flowcontrol.apiserver.k8s.io/v1';
const deadlineMs = 20_000;

describe('a server that writes down and shares out', () => {
  let plane: TestControlPlane;

  const events = (): any[] =>
    readFileSync(plane.file('audit.log'), 'utf8')
      .split('\n')
      .filter((line) => line !== '')
      .map((line) => JSON.parse(line));

  before(async () => {
    plane = await startControlPlane();
    await plane.killApiServer();
    const rules = [
      { level: 'RequestResponse', namespaces: ['aud'], resources: [{ group: '', resources: ['configmaps'] }] },
      { level: 'None' },
    ];
    const policy = { apiVersion: 'audit.k8s.io/v1', kind: 'Policy', omitStages: ['RequestReceived'], rules };
    writeFileSync(plane.file('policy.yaml'), JSON.stringify(policy));
    const flags = ['--audit-policy-file', plane.file('policy.yaml'), '--audit-log-path', plane.file('audit.log')];
    await plane.startApiServer([...flags, '--max-requests-inflight', '3', '--max-mutating-requests-inflight', '2']);
    await plane.namespace('aud');
  });
  after(() => plane?.[Symbol.asyncDispose]());

  test('has a line for what the policy names, on the disk once the client has its answer', async () => {
    const body = { metadata: { name: 'm' }, data: { a: 'b' } };
    const made = await plane.request('POST', configMaps, { body });
    const { headers } = made;
    const [event, ...others] = events().filter(({ auditID }) => auditID === headers['audit-id']);
    assert.deepEqual(others, []);
    assert.deepEqual([event.verb, event.stage, event.responseStatus.code], ['create', 'ResponseComplete', 201]);
    assert.deepEqual(event.requestObject.data, { a: 'b' });
    assert.equal(event.responseObject.metadata.uid, made.body.metadata.uid);
    assert.deepEqual(event.sourceIPs, ['127.0.0.1']);
    await plane.request('GET', '/api/v1/nodes');
    assert.ok(events().every(({ objectRef }) => objectRef.resource === 'configmaps'));
  });

  test('names the schema and the level of every answer, refusals and watches too', async () => {
    const uidOf = async (path: string) => (await plane.request('GET', `${flowControl}/${path}`)).body.metadata.uid;
    const wanted = [await uidOf('flowschemas/exempt'), await uidOf('prioritylevelconfigurations/exempt')];
    for (const path of [configMaps, `${configMaps}/none`, `${configMaps}?watch=1&timeoutSeconds=1`, '/version']) {
      const { headers } = await plane.request('GET', path);
      const found = ['x-kubernetes-pf-flowschema-uid', 'x-kubernetes-pf-prioritylevel-uid'].map(
        (name) => headers[name],
      );
      assert.deepEqual(found, wanted, path);
    }
  });

  test('says of every schema that its level is there', async () => {
    const { body } = await plane.request('GET', `${flowControl}/flowschemas`);
    assert.ok(body.items.length > 10);
    for (const { metadata, status } of body.items) {
      assert.deepEqual(
        status.conditions?.map((c: any) => [c.type, c.status]),
        [['Dangling', 'False']],
        metadata.name,
      );
    }
  });

  test('answers 429 where a level has no seat left, and everybody else', async () => {
    const spec = {
      type: 'Limited',
      limited: { nominalConcurrencyShares: 0, borrowingLimitPercent: 0, limitResponse: { type: 'Reject' } },
    };
    const level = await plane.request('POST', `${flowControl}/prioritylevelconfigurations`, {
      body: { metadata: { name: 'none' }, spec },
    });
    assert.equal(level.status, 201, JSON.stringify(level.body));
    const rules = [
      {
        subjects: [{ kind: 'User', user: { name: 'system:anonymous' } }],
        nonResourceRules: [{ verbs: ['*'], nonResourceURLs: ['*'] }],
      },
    ];
    const schema = { matchingPrecedence: 10, priorityLevelConfiguration: { name: 'none' }, rules };
    await plane.request('POST', `${flowControl}/flowschemas`, { body: { metadata: { name: 'none' }, spec: schema } });
    const untilMs = realClock.monotonicMs() + deadlineMs;
    for (;;) {
      const answer = await plane.request('GET', '/version', { anonymous: true });
      if (answer.status === 429) {
        assert.equal(answer.headers['retry-after'], '1');
        assert.equal(answer.body, 'Too many requests, please try again later.\n');
        assert.equal(answer.headers['x-kubernetes-pf-prioritylevel-uid'], level.body.metadata.uid);
        break;
      }
      assert.ok(realClock.monotonicMs() < untilMs, `still ${answer.status}`);
    }
    assert.equal((await plane.request('GET', '/version')).status, 200);
    const { body } = await plane.request('GET', '/metrics');
    assert.match(body, /apiserver_flowcontrol_rejected_requests_total\{.*reason="concurrency-limit"\} 1/);
  });
});
