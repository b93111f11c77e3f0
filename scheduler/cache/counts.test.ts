// Counts that are kept from cycle to cycle, held against counting anew: whatever comes, changes and goes in between.
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { node, pod } from '../../test/builders/scheduling.ts';
import { seededRandom } from '../../test/builders/seeded-random.ts';
import type { NodeInfo } from '../framework/node-info.ts';
import type { CountRule } from '../framework/place-counts.ts';
import { podInfoOf } from '../framework/pod-info.ts';
import { SchedulerCache } from './cache.ts';
import { interleave } from './interleave.ts';

const zone = 'topology.kubernetes.io/zone';
const rule: CountRule = {
  topologyKey: zone,
  weigh: ({ pod: { metadata } }) => (metadata.labels?.color === 'blue' ? 1 : 0),
  isPlace: ({ node: { spec } }) => !spec?.unschedulable,
};

/** Pods by place, found by looking at all of them. */
function countAnew(nodes: readonly NodeInfo[]): Map<string, number> {
  const counts = new Map<string, number>();
  for (const info of nodes) {
    const value = info.labels[zone];
    if (value === undefined || !rule.isPlace!(info)) continue;
    const pods = [...info.pods.values()].reduce((sum, one) => sum + rule.weigh(one), 0);
    counts.set(value, (counts.get(value) ?? 0) + pods);
  }
  return counts;
}

/** One random thing that happens to the cluster: nodes a to e, pods 0 to 19. */
function change(cache: SchedulerCache, pick: (below: number) => number): void {
  const name = 'abcde'[pick(5)]!;
  const uid = `uid-${pick(20)}`;
  const one = pod(uid.slice(4)).labels({ color: ['blue', 'red'][pick(2)]! });
  const what = pick(10);
  if (what < 4) cache.setPod(one.on(name).build());
  else if (what < 6) cache.removePod(uid);
  else if (what === 6) cache.removeNode(name);
  else {
    const changed = pick(4) === 0 ? node(name) : node(name).labels({ [zone]: `z${pick(3)}` });
    cache.setNode((pick(4) === 0 ? changed.cordoned() : changed).build());
  }
}

describe('counts that are kept', () => {
  for (let seed = 1; seed <= 20; seed++) {
    test(`are those of counting anew (seed ${seed})`, () => {
      const random = seededRandom(seed);
      const pick = (below: number) => Math.floor(random.next() * below);
      const cache = new SchedulerCache();
      for (let step = 0; step < 300; step++) {
        change(cache, pick);
        if (pick(3) > 0) continue; // several changes between two cycles
        const counts = cache.counts('k', () => ({ ...rule, countsEmpty: true }));
        const used = cache.counts('used', () => rule);
        const want = countAnew(cache.nodes);
        const places = [...want].filter(([, pods]) => pods > 0);
        assert.equal(counts.size, want.size);
        assert.equal(used.size, places.length, 'places without pods are not kept');
        assert.equal(used.total, counts.total);
        for (const [value, pods] of places) assert.equal(used.at(value), pods);
        for (const [value, pods] of want) assert.equal(counts.at(value), pods);
        assert.equal(
          counts.total,
          [...want.values()].reduce((a, b) => a + b, 0),
        );
        assert.equal(counts.least, Math.min(...want.values()));
      }
    });
  }

  test('are right after more changes than are remembered', () => {
    const cache = new SchedulerCache();
    cache.setNode(
      node('a')
        .labels({ [zone]: 'z' })
        .build(),
    );
    assert.equal(cache.counts('k', () => rule).at('z'), 0);
    for (let i = 0; i < 10_000; i++) cache.setPod(pod('p').labels({ color: 'blue' }).on('a').build());
    assert.equal(cache.counts('k', () => rule).at('z'), 1);
  });

  test('are found again under their key, not made anew', () => {
    const cache = new SchedulerCache();
    cache.setNode(
      node('a')
        .labels({ [zone]: 'z' })
        .build(),
    );
    const counts = cache.counts('k', () => rule);
    cache.setPod(pod('p').labels({ color: 'blue' }).on('a').build());
    assert.equal(
      cache.counts('k', () => assert.fail('made anew')),
      counts,
    );
    cache.setNamespace('default', {});
    assert.notEqual(
      cache.counts('k', () => rule),
      counts,
      'a namespace may be what they go by',
    );
  });
});

test('terms of pods that have a node are kept once, with the places of those pods', () => {
  const cache = new SchedulerCache();
  const podAntiAffinity = {
    requiredDuringSchedulingIgnoredDuringExecution: [{ topologyKey: zone, labelSelector: { matchLabels: { a: 'b' } } }],
  };
  const places = () => [...cache.repelling.terms].map(({ owners, places: p }) => [owners, p.at('z0'), p.at('z1')]);
  cache.setPod(pod('early').affinity({ podAntiAffinity }).on('a').build());
  assert.deepEqual(places(), [[1, 0, 0]], 'its node is not known yet');
  cache.setNode(
    node('a')
      .labels({ [zone]: 'z0' })
      .build(),
  );
  cache.setNode(
    node('b')
      .labels({ [zone]: 'z1' })
      .build(),
  );
  for (const name of ['p', 'q']) cache.assume(podInfoOf(pod(name).affinity({ podAntiAffinity }).build()), 'b');
  assert.deepEqual(places(), [[3, 1, 2]]);
  cache.setNode(
    node('a')
      .labels({ [zone]: 'z1' })
      .build(),
  );
  assert.deepEqual(places(), [[3, 0, 3]]);
  cache.removeNode('a');
  assert.deepEqual(places(), [[3, 0, 2]]);
  for (const uid of ['uid-early', 'uid-p', 'uid-q']) cache.removePod(uid);
  assert.deepEqual(places(), []);
});

test('nodes of several zones are looked at in turn', () => {
  const cache = new SchedulerCache();
  const nodes = ['a1:x', 'a2:x', 'a3:x', 'b1:y', 'c1:', 'c2:'].map((text) => {
    const [name = '', value] = text.split(':');
    const built = value ? node(name).labels({ [zone]: value }) : node(name);
    return cache.setNode(built.build());
  });
  assert.deepEqual(
    interleave(nodes).map((one) => one.name),
    ['c1', 'a1', 'b1', 'c2', 'a2', 'a3'],
  );
});
