// What the audit log holds of requests, and how it is kept: the chain of filters over an etcd in memory, a real file.
import assert from 'node:assert/strict';
import { EventEmitter } from 'node:events';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import type { TLSSocket } from 'node:tls';
import { Registry } from 'prom-client';
import { parseConfig } from '../../machinery/config-file.ts';
import { silentLogger } from '../../machinery/log.ts';
import { FakeClock } from '../../test/builders/fake-clock.ts';
import { startMemoryApi } from '../../test/builders/memory-api.ts';
import { Aggregator } from '../aggregation/aggregator.ts';
import { authenticateInOrder } from '../authn/authenticator.ts';
import { clientCertificates } from '../authn/client-certificate.ts';
import { anonymousUser } from '../authn/user.ts';
import { noBody } from '../http/request-body.ts';
import { defaultLimits, InFlight } from '../in-flight.ts';
import { createRequestMetrics } from '../request-metrics.ts';
import { reviews } from '../reviews/index.ts';
import { ApiServer } from '../server.ts';
import type { SubresourceContext } from '../subresources/handler.ts';
import { auditWith } from './audit.ts';
import { openAuditLog } from './log-file.ts';
import { auditPolicyForm } from './policy.ts';

const configMaps = '/api/v1/namespaces/default/configmaps';
let folder: string;
before(() => {
  folder = mkdtempSync(join(tmpdir(), 'k8ts-audit-'));
});
after(() => rmSync(folder, { recursive: true, force: true }));

async function startServer(policy: object) {
  const api = await startMemoryApi();
  const lines: string[] = [];
  const text = JSON.stringify({ apiVersion: 'audit.k8s.io/v1', kind: 'Policy', ...policy });
  const tokens = { authenticate: async () => undefined };
  const authenticators = [clientCertificates()];
  const anonymous = { authenticate: async () => anonymousUser };
  const authenticator = authenticateInOrder({ authenticators, tokens, audiences: [], anonymous });
  const server = new ApiServer({
    context: { ...api.context, authorizer: api.authorizer, authenticator } as unknown as SubresourceContext,
    subresources: [],
    reviews,
    aggregator: new Aggregator(api.context, undefined),
    paths: async ({ path }) => {
      if (path === '/broken') throw new TypeError('a bug');
      return { code: 200, headers: {}, body: 'ok' };
    },
    inFlight: new InFlight(defaultLimits),
    metrics: createRequestMetrics(new Registry(), api.clock),
    audit: auditWith({
      policy: parseConfig(text, 'policy', auditPolicyForm),
      log: { write: (line) => void lines.push(line), close: () => undefined },
      clock: api.clock,
      logger: silentLogger,
      count: () => undefined,
    }),
  });
  const send = async (method: string, url: string, asked: { body?: object; user?: string; headers?: object } = {}) => {
    const { user = 'admin', headers = {} } = asked;
    const O = user === 'admin' ? 'system:masters' : undefined;
    const certificate = user === '' ? {} : { subject: { CN: user, O } };
    const socket = {
      authorized: user !== 'stranger',
      getPeerCertificate: () => certificate,
      remoteAddress: '::ffff:10.1.2.3',
    };
    const raw = Object.assign(new EventEmitter(), {
      writeHead: () => undefined,
      write: () => true,
      end: () => undefined,
    });
    const response = await server.request({
      method,
      url,
      headers: { 'content-type': 'application/json', 'user-agent': 'test/1', ...headers },
      body: { ...noBody, read: async () => Buffer.from(asked.body ? JSON.stringify(asked.body) : '') },
      socket: socket as unknown as TLSSocket,
      raw: raw as never,
    });
    return { response, raw, events: lines.splice(0).map((line) => JSON.parse(line)) };
  };
  return { api, send };
}

const map = (name: string) => ({ metadata: { name }, data: { a: 'b' } });
const all = (level: string, more: object = {}) => ({ rules: [{ level }], ...more });

describe('events', () => {
  test('of a create: who, what, when, what became of it; no bodies with Metadata', async () => {
    const { send } = await startServer(all('Metadata'));
    const headers = { 'audit-id': 'mine', 'x-forwarded-for': '192.0.2.1, 192.0.2.2' };
    const { events, response } = await send('POST', configMaps, { body: map('m'), headers });
    assert.equal(response?.headers['audit-id'], 'mine');
    assert.deepEqual(
      events.map((e) => e.stage),
      ['RequestReceived', 'ResponseComplete'],
    );
    const { requestReceivedTimestamp, stageTimestamp, ...event } = events[1];
    assert.match(requestReceivedTimestamp, /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z$/);
    assert.ok(stageTimestamp >= requestReceivedTimestamp);
    assert.deepEqual(event, {
      kind: 'Event',
      apiVersion: 'audit.k8s.io/v1',
      level: 'Metadata',
      auditID: 'mine',
      stage: 'ResponseComplete',
      requestURI: configMaps,
      verb: 'create',
      user: { username: 'admin', groups: ['system:masters', 'system:authenticated'] },
      sourceIPs: ['192.0.2.1', '192.0.2.2', '10.1.2.3'],
      userAgent: 'test/1',
      objectRef: { resource: 'configmaps', namespace: 'default', name: 'm', apiVersion: 'v1' },
      responseStatus: { metadata: {}, code: 201 },
      annotations: { 'authorization.k8s.io/decision': 'allow', 'authorization.k8s.io/reason': '' },
    });
  });

  test('with bodies as the level says, and without managedFields where the policy says', async () => {
    for (const [level, hasRequest, hasResponse] of [
      ['Metadata', false, false],
      ['Request', true, false],
      ['RequestResponse', true, true],
    ] as const) {
      const { send } = await startServer(all(level, { omitStages: ['RequestReceived'], omitManagedFields: true }));
      const { events } = await send('POST', configMaps, { body: map('m'), headers: { accept: 'application/yaml' } });
      assert.equal(events.length, 1);
      assert.deepEqual(events[0].requestObject, hasRequest ? map('m') : undefined);
      assert.equal(events[0].responseObject?.data.a, hasResponse ? 'b' : undefined);
      assert.equal(events[0].responseObject?.metadata.managedFields, undefined);
      const list = (await send('GET', configMaps)).events[0];
      assert.equal(list.responseObject?.items.length, hasResponse ? 1 : undefined);
      assert.equal(list.responseObject?.items[0].metadata.managedFields, undefined);
    }
  });

  test('of refusals', async () => {
    const { send } = await startServer(all('Metadata', { omitStages: ['RequestReceived'] }));
    const [denied] = (await send('GET', configMaps, { user: 'ann' })).events;
    assert.equal(denied.responseStatus.code, 403);
    assert.equal(denied.responseStatus.reason, 'Forbidden');
    assert.equal(denied.annotations['authorization.k8s.io/decision'], 'forbid');
    const [unknown] = (await send('GET', configMaps, { user: 'stranger' })).events;
    assert.deepEqual([unknown.stage, unknown.responseStatus.code, unknown.user], ['ResponseStarted', 401, {}]);
    const [missing] = (await send('GET', `${configMaps}/none`)).events;
    assert.equal(missing.responseStatus.details.name, 'none');
  });

  test('of somebody who acts as another name both, and follow the rules of who is there', async () => {
    const rules = [{ level: 'Metadata', users: ['admin'] }, { level: 'None' }];
    const { send } = await startServer({ rules, omitStages: ['RequestReceived'] });
    const [event] = (await send('GET', configMaps, { headers: { 'impersonate-user': 'ann' } })).events;
    assert.equal(event.user.username, 'admin');
    assert.equal(event.impersonatedUser.username, 'ann');
    assert.equal((await send('GET', configMaps, { user: 'ann' })).events.length, 0);
  });

  test('of a watch: started, and complete when it ends', async () => {
    const { send } = await startServer(all('Metadata'));
    const { events, raw } = await send('GET', `${configMaps}?watch=1`);
    assert.deepEqual(
      events.map((e) => e.stage),
      ['RequestReceived', 'ResponseStarted'],
    );
    raw.emit('close');
    const { events: later } = await send('GET', '/healthz');
    assert.deepEqual(later.map((e) => [e.verb, e.stage]).slice(0, 1), [['watch', 'ResponseComplete']]);
  });

  test('of a fault of the server', async () => {
    const { send } = await startServer(all('Metadata'));
    const { events } = await send('GET', '/broken');
    assert.deepEqual(
      events.map((e) => e.stage),
      ['RequestReceived', 'Panic'],
    );
    assert.equal(events[1].responseStatus.code, 500);
  });

  test('hold what PodSecurity found', async () => {
    const { api, send } = await startServer(all('Metadata', { omitStages: ['RequestReceived'] }));
    const labels = { 'pod-security.kubernetes.io/audit': 'restricted' };
    await api.send('PATCH', '/api/v1/namespaces/default', {
      body: { metadata: { labels } },
      contentType: 'application/merge-patch+json',
    });
    await api.context.store.cache.waitConsistent();
    const body = { metadata: { name: 'p' }, spec: { containers: [{ name: 'c', image: 'i' }] } };
    const [event] = (await send('POST', '/api/v1/namespaces/default/pods', { body })).events;
    assert.equal(event.annotations['pod-security.kubernetes.io/enforce-policy'], 'privileged:latest');
    assert.match(
      event.annotations['pod-security.kubernetes.io/audit-violations'],
      /^would violate PodSecurity "restricted/,
    );
  });
});

describe('the log', () => {
  test('is put aside when it is full; old ones go by number and by age', async () => {
    const clock = new FakeClock();
    const path = join(folder, 'audit.log');
    const log = openAuditLog({ path, maxSizeMegabytes: 1, maxBackups: 2, maxAgeDays: 1 }, clock);
    const line = 'x'.repeat(400 * 1024);
    for (let i = 0; i < 9; i++) {
      await clock.advance(1000);
      log.write(line);
    }
    const backups = () => readdirSync(folder).filter((name) => /^audit-\d{4}-\d\d-\d\dT[\d-]+\.\d{3}\.log$/.test(name));
    assert.equal(backups().length, 2);
    for (const name of backups()) assert.equal(readFileSync(join(folder, name), 'utf8'), `${line}\n${line}\n`);
    assert.equal(readFileSync(path, 'utf8'), `${line}\n`);
    await clock.advance(2 * 24 * 60 * 60 * 1000);
    for (let i = 0; i < 2; i++) log.write(line);
    assert.equal(backups().length, 1, 'only what was put aside now is not too old');
    log.close();
  });

  test('loses nothing when it is full twice within a millisecond', () => {
    const path = join(folder, 'fast.log');
    const log = openAuditLog({ path, maxSizeMegabytes: 1, maxBackups: 0, maxAgeDays: 0 }, new FakeClock());
    for (const text of 'abcd') log.write(text.repeat(700 * 1024));
    log.close();
    const names = readdirSync(folder).filter((name) => name.startsWith('fast'));
    const first = names.map((name) => readFileSync(join(folder, name), 'utf8')[0]);
    assert.deepEqual(first.sort(), ['a', 'b', 'c', 'd']);
  });

  test('is gone on with after a restart', () => {
    const path = join(folder, 'again.log');
    for (const text of ['a', 'b']) {
      const log = openAuditLog({ path, maxSizeMegabytes: 0, maxBackups: 0, maxAgeDays: 0 }, new FakeClock());
      log.write(text);
      log.close();
    }
    assert.equal(readFileSync(path, 'utf8'), 'a\nb\n');
  });
});
