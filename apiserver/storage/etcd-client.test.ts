// Which failures lead to another member, and which are told: of a write only what was certainly not carried out is sent
// again. The members are servers that speak etcd's protocol and answer as the test says.
import assert from 'node:assert/strict';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { test } from 'node:test';
import { loadPackageDefinition, Server, ServerCredentials, type ServiceError, status } from '@grpc/grpc-js';
import { loadSync } from '@grpc/proto-loader';
import { realClock } from '../../machinery/clock.ts';
import { EtcdUnavailableError } from './etcd.ts';
import { EtcdClient } from './etcd-client.ts';

type Callback = (err: Partial<ServiceError> | null, answer?: object) => void;
type Behaviour = { code: number; details: string } | 'answers' | 'says nothing';

const etcd3Folder = dirname(createRequire(import.meta.url).resolve('etcd3/package.json'));
const loaded = loadPackageDefinition(loadSync(join(etcd3Folder, 'proto/rpc.proto'), { keepCase: true, longs: String }));
const kvService = (loaded as any).etcdserverpb.KV.service;

async function startMember(behaviour: Behaviour, calls: string[]) {
  const server = new Server();
  const header = { revision: '7', raft_term: '2' };
  const answer = (call: { request: { serializable?: boolean }; metadata: any }, callback: Callback, verb: string) => {
    assert.deepEqual(call.metadata.get('hasleader'), ['true']);
    calls.push(call.request.serializable ? 'probe' : verb);
    if (behaviour === 'says nothing') return;
    if (behaviour !== 'answers') return callback(behaviour);
    callback(null, { header, succeeded: true, responses: [], kvs: [], count: '0' });
  };
  server.addService(kvService, {
    range: (call: any, callback: Callback) => answer(call, callback, 'range'),
    txn: (call: any, callback: Callback) => answer(call, callback, 'txn'),
  });
  const port = await new Promise<number>((resolve, reject) =>
    server.bindAsync('127.0.0.1:0', ServerCredentials.createInsecure(), (err, p) => (err ? reject(err) : resolve(p))),
  );
  return { url: `http://127.0.0.1:${port}`, stop: () => server.forceShutdown() };
}

const put = (etcd: EtcdClient) => etcd.put('/a', Buffer.from('1'), 0).then((result) => result.done);
const read = (etcd: EtcdClient) => etcd.currentRevision().then((revision) => revision === 7);
const noLeader = { code: status.UNAVAILABLE, details: 'etcdserver: no leader' };
const timedOut = { code: status.UNAVAILABLE, details: 'etcdserver: request timed out' };
const dropped = { code: status.UNKNOWN, details: 'raft proposal dropped' };

const cases: [string, Behaviour, typeof put, { first: string[]; second: string[]; fails?: RegExp }][] = [
  ['a write refused for want of a leader', noLeader, put, { first: ['txn'], second: ['txn'] }],
  ['a write that was dropped', dropped, put, { first: ['txn'], second: ['txn'] }],
  ['a write without an outcome', timedOut, put, { first: ['txn'], second: [], fails: /request timed out/ }],
  ['a write that nobody answers', 'says nothing', put, { first: ['txn', 'probe'], second: [], fails: /hangs/ }],
  ['a read without an answer', timedOut, read, { first: ['range'], second: ['range'] }],
  ['a read that nobody answers', 'says nothing', read, { first: ['range', 'probe'], second: ['range'] }],
];

for (const [name, behaviour, call, expected] of cases) {
  test(`${name}: ${expected.fails ? 'is told' : 'goes to the next member'}`, async () => {
    const calls: { first: string[]; second: string[] } = { first: [], second: [] };
    const members = [await startMember(behaviour, calls.first), await startMember('answers', calls.second)];
    const etcd = new EtcdClient({ servers: members.map(({ url }) => url) }, realClock);
    try {
      if (expected.fails) {
        const isTold = (err: Error) => err instanceof EtcdUnavailableError && expected.fails!.test(err.message);
        await assert.rejects(call(etcd), isTold);
      } else {
        assert.equal(await call(etcd), true);
      }
      assert.deepEqual(calls, { first: expected.first, second: expected.second });
    } finally {
      etcd.close();
      for (const member of members) member.stop();
    }
  });
}
