// Two clients that want to change one version of one object, each at an API server of its own: exactly one does, ten
// thousand times.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { Transport } from '../../client/transport.ts';
import { realClock } from '../../machinery/clock.ts';
import { startControlPlane, type TestControlPlane } from '../environment/control-plane.ts';

const rounds = 10_000;
const path = '/api/v1/namespaces/default/configmaps/contended';

let plane: TestControlPlane;
let writers: Transport[];
before(async () => {
  plane = await startControlPlane();
  const planes = [plane, await plane.startPeer()];
  writers = planes.map(({ config }) => new Transport(config, { userAgent: 'two-writers', clock: realClock }));
});
after(async () => {
  for (const writer of writers ?? []) writer.close();
  await plane?.[Symbol.asyncDispose]();
});

test('of two writers on one version exactly one wins', { timeout: 280_000 }, async () => {
  const { body } = await plane.request('POST', path.slice(0, path.lastIndexOf('/')), {
    body: { metadata: { name: 'contended' }, data: { round: '-1', by: '' } },
  });
  let { resourceVersion } = body.metadata;
  const won = writers.map(() => 0);
  for (let round = 0; round < rounds; round++) {
    const answers = await Promise.all(
      writers.map(async (writer, by) => {
        const object = {
          metadata: { name: 'contended', resourceVersion },
          data: { round: String(round), by: String(by) },
        };
        const { status, body } = await writer.request({ method: 'PUT', path, body: JSON.stringify(object) });
        return { by, status, answer: JSON.parse(body) };
      }),
    );
    const winners = answers.filter(({ status }) => status === 200);
    const refused = answers.filter(({ answer }) => answer.code === 409 && answer.reason === 'Conflict');
    const told = `round ${round}: ${JSON.stringify(answers)}`;
    assert.deepEqual([winners.length, refused.length], [1, 1], told);
    const [{ by, answer } = assert.fail(told)] = winners;
    assert.deepEqual(answer.data, { round: String(round), by: String(by) }, told);
    assert.ok(Number(answer.metadata.resourceVersion) > Number(resourceVersion), told);
    ({ resourceVersion } = answer.metadata);
    won[by]!++;
  }
  const last = (await plane.request('GET', path)).body;
  assert.deepEqual([last.data.round, last.metadata.resourceVersion], [String(rounds - 1), resourceVersion]);
  assert.ok(Math.min(...won) > rounds / 100, `both had their chances: ${won}`);
});
