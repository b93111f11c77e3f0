// Which failures lead to another member, and which are told: of a write only what was certainly not carried out is sent
// again. The members are servers that speak etcd's protocol and answer as the test says.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Server, ServerCredentials, type ServerUnaryCall, type sendUnaryData, status } from '@grpc/grpc-js';
import { realClock } from '../../machinery/clock.ts';
import { EtcdUnavailableError } from './etcd.ts';
import { EtcdClient } from './etcd-client.ts';

type Behaviour = { code: number; details: string } | 'answers' | 'says nothing';

const same = (bytes: Buffer) => bytes;
const method = (path: string) => ({
  path,
  requestStream: false as const,
  responseStream: false as const,
  requestSerialize: same,
  requestDeserialize: same,
  responseSerialize: same,
  responseDeserialize: same,
});
/** revision 7, raft_term 2; of a range this is all, a transaction has succeeded as well. */
const header = [0x0a, 4, 0x18, 7, 0x20, 2];
const answers = { range: Buffer.from(header), txn: Buffer.from([...header, 0x10, 1]) };
const serializable = Buffer.from([0x38, 1]);

async function startMember(behaviour: Behaviour, calls: string[]) {
  const server = new Server();
  const answer =
    (verb: keyof typeof answers) =>
    ({ request, metadata }: ServerUnaryCall<Buffer, Buffer>, callback: sendUnaryData<Buffer>) => {
      assert.deepEqual(metadata.get('hasleader'), ['true']);
      calls.push(request.includes(serializable) ? 'probe' : verb);
      if (behaviour === 'says nothing') return;
      if (behaviour !== 'answers') return callback(behaviour);
      callback(null, answers[verb]);
    };
  server.addService(
    { range: method('/etcdserverpb.KV/Range'), txn: method('/etcdserverpb.KV/Txn') },
    { range: answer('range'), txn: answer('txn') },
  );
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
