// One API server and one etcd that are killed, stopped and cut off from each other, under requests and watches.
import { test } from 'node:test';
import { assertHolds, summary } from './check.ts';
import { runScenario } from './scenario.ts';
import { robustness, scenarioSeconds } from './seeds.ts';

const name = 'one-server';

test('one API server under faults', { timeout: robustness.timeoutMs }, () =>
  robustness.run(async (draw, seed) => {
    const shape = { apiServers: 1, etcdMembers: 1, clients: 6, watchers: 9 };
    const recorded = await runScenario({ ...shape, seconds: scenarioSeconds }, draw);
    console.log(`seed ${seed}:`, summary(recorded));
    assertHolds(recorded, { name, seed });
  }),
);
