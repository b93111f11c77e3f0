// Three API servers on one etcd give Services their addresses and node ports, all at once: nothing is given twice,
// and nothing is lost. What each step of it does: apiserver/allocation/allocation.test.ts.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { startControlPlane, type TestControlPlane } from '../../environment/control-plane.ts';

const count = 60;
let planes: TestControlPlane[];
before(async () => {
  const first = await startControlPlane();
  planes = [first];
  planes.push(...(await Promise.all([first.startPeer(), first.startPeer()])));
  await first.namespace('n');
});
after(() => planes?.[0]?.[Symbol.asyncDispose]());

const services = '/api/v1/namespaces/n/services';
const all = <T>(work: (plane: TestControlPlane, i: number) => Promise<T>, shift = 0): Promise<T[]> =>
  Promise.all(Array.from({ length: count }, (_, i) => work(planes[(i + shift) % 3]!, i)));

/** The addresses that are locked, but for that of the API itself. */
async function lockedAddresses(): Promise<string[]> {
  const { body } = await planes[0]!.request('GET', '/apis/networking.k8s.io/v1/ipaddresses');
  const own = body.items.filter((ip: any) => ip.spec.parentRef.name !== 'kubernetes');
  return own.map((ip: any) => `${ip.metadata.name} ${ip.spec.parentRef.name}`).sort();
}

async function createAll(spec: (i: number) => object, shift: number): Promise<any[]> {
  const made = await all((plane, i) => {
    const body = { metadata: { name: `s${i}` }, spec: { type: 'NodePort', ...spec(i) } };
    return plane.request('POST', services, { body });
  }, shift);
  for (const { status, body } of made) assert.equal(status, 201, body.message);
  return made.map(({ body }) => body);
}

test('nothing is given twice, nothing is lost', async () => {
  const made = await createAll(() => ({ ports: [{ port: 80 }] }), 0);
  const addresses = made.map(({ spec }) => spec.clusterIP);
  const ports = made.map(({ spec }) => spec.ports[0].nodePort);
  assert.deepEqual([new Set(addresses).size, new Set(ports).size], [count, count]);
  const expected = made.map(({ metadata, spec }) => `${spec.clusterIP} ${metadata.name}`).sort();
  assert.deepEqual(await lockedAddresses(), expected);

  const gone = await all((plane, i) => plane.request('DELETE', `${services}/s${i}`), 1);
  assert.ok(gone.every(({ status }) => status === 200));
  assert.deepEqual(await lockedAddresses(), []);

  // Each may be had again, by name, from any of them.
  await createAll((i) => ({ clusterIP: addresses[i], ports: [{ port: 80, nodePort: ports[i] }] }), 2);
  assert.deepEqual(await lockedAddresses(), expected);
});

test('what all of them are asked for is given by one', async () => {
  const create = (plane: TestControlPlane, name: string, spec: object) =>
    plane.request('POST', services, { body: { metadata: { name }, spec: { ports: [{ port: 80 }], ...spec } } });
  for (let round = 0; round < 10; round++) {
    const clusterIP = `10.96.0.${round + 100}`;
    const answers = await Promise.all(planes.map((plane, i) => create(plane, `r${round}-${i}`, { clusterIP })));
    assert.deepEqual(answers.map(({ status }) => status).sort(), [201, 422, 422], clusterIP);
  }
});
