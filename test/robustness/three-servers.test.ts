// Three API servers and an etcd of three members, of which a leader moves too: what one server has acknowledged, all of
// them know.
import { test } from 'node:test';
import { assertHolds, summary } from './check.ts';
import { runScenario } from './scenario.ts';
import { robustness, scenarioSeconds } from './seeds.ts';

const name = 'three-servers';

test('three API servers under faults', { timeout: robustness.timeoutMs }, () =>
  robustness.run(async (draw, seed) => {
    const shape = { apiServers: 3, etcdMembers: 3, clients: 6, watchers: 9 };
    const recorded = await runScenario({ ...shape, seconds: scenarioSeconds }, draw);
    console.log(`seed ${seed}:`, summary(recorded));
    assertHolds(recorded, { name, seed });
  }),
);
