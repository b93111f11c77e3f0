import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { Node } from '../../api/core/node.ts';
import { FakeClock } from '../../test/builders/fake-clock.ts';
import { node } from '../../test/builders/node.ts';
import { nodeLifecycleFlags, readNodeLifecycle } from './flags.ts';
import { nodeLifecycleDefaults } from './node-lifecycle.ts';
import { EvictionZones, zoneStateOf } from './zones.ts';

describe('zoneStateOf()', () => {
  const rows: [ready: number, lost: number, want: string][] = [
    [0, 0, 'Normal'],
    [3, 0, 'Normal'],
    [0, 1, 'FullDisruption'],
    [1, 2, 'Normal'],
    [2, 3, 'PartialDisruption'],
    [3, 3, 'Normal'],
    [45, 55, 'PartialDisruption'],
    [46, 54, 'Normal'],
  ];
  for (const [ready, lost, want] of rows) {
    test(`${ready} well, ${lost} lost: ${want}`, () => assert.equal(zoneStateOf({ ready, lost }, 0.55), want));
  }
});

/** Nodes of zones, which get lost and well again; and what the zones said. */
function world() {
  const clock = new FakeClock();
  const said: string[] = [];
  const zones = new EvictionZones(nodeLifecycleDefaults, clock, {
    wake: (name) => said.push(name),
    allLost: (are) => said.push(are ? 'all lost' : 'not all lost'),
  });
  const present = new Map<string, Node>();
  const set = (name: string, ready: boolean, zone = 'a', labels: Record<string, string> = {}) => {
    const all = { 'topology.kubernetes.io/zone': zone, ...labels };
    const next = node(name, { labels: all, conditions: { Ready: ready ? 'True' : 'Unknown' } });
    zones.change(next, present.get(name));
    present.set(name, next);
  };
  const many = (count: number, ready: boolean, zone = 'a') => {
    for (let i = 0; i < count; i++) set(`${zone}${i}`, ready, zone);
  };
  const heard = () => said.splice(0);
  const remove = (name: string) => zones.change(undefined, present.get(name));
  return { clock, zones, set, many, heard, remove };
}

describe('EvictionZones', () => {
  test('a zone that is well lets one node go each ten seconds, in their order', async () => {
    const { clock, zones, set, many, heard } = world();
    many(10, true);
    for (const name of ['a0', 'a1', 'a2']) set(name, false);
    assert.equal(zones.areAllLost(), false);
    assert.deepEqual(
      ['a0', 'a1', 'a2'].map((name) => zones.waitMs(name)),
      [0, 10_000, Infinity],
    );
    // The cache may be behind: whoever was let go is so until it shows.
    assert.equal(zones.waitMs('a0'), 0);
    zones.leave('a0');
    await clock.advance(4_000);
    assert.equal(zones.waitMs('a1'), 6_000);
    heard();
    zones.leave('a1'); // well again: the next one takes its place, and costs nothing
    assert.deepEqual(heard(), ['a2']);
    await clock.advance(6_000);
    assert.equal(zones.waitMs('a2'), 0);
  });

  test('where many are lost none is let go, or in a large zone one in a hundred seconds', async () => {
    for (const [size, wait] of [
      [50, Infinity],
      [51, 100_000],
    ] as const) {
      const { clock, zones, set, many, heard } = world();
      many(size, true);
      zones.areAllLost();
      for (let i = 0; i < 27; i++) set(`a${i}`, false);
      zones.waitMs('a0');
      assert.equal(zones.waitMs('a1'), 10_000);
      for (let i = 27; i < 40; i++) set(`a${i}`, false);
      assert.deepEqual(heard().at(-1), 'a1');
      assert.equal(zones.waitMs('a1'), wait);
      // Fewer are lost again: at the usual rate, from now on.
      for (let i = 20; i < 40; i++) set(`a${i}`, true);
      assert.equal(zones.waitMs('a1'), 10_000);
      await clock.advance(10_000);
      assert.equal(zones.waitMs('a1'), 0);
    }
  });

  test('a zone that is lost as a whole lets its nodes go while another one is well', () => {
    const { zones, many } = world();
    many(4, false);
    many(4, true, 'b');
    assert.deepEqual([zones.areAllLost(), zones.waitMs('a0')], [false, 0]);
  });

  test('when all zones are lost nobody is let go, until one node is well again', () => {
    const { zones, many, set, heard, remove } = world();
    many(2, false);
    many(2, false, 'b');
    assert.deepEqual([zones.areAllLost(), zones.waitMs('a0')], [true, Infinity]);
    assert.deepEqual(heard(), ['all lost']);
    set('b1', true, 'b');
    assert.deepEqual(heard(), ['a0', 'not all lost']);
    assert.deepEqual([zones.areAllLost(), zones.waitMs('a0')], [false, 10_000]);
    remove('b1');
    assert.equal(zones.areAllLost(), true);
  });

  test('the node with which the last zone was lost goes, if it was its turn, and no other', () => {
    const { zones, set } = world();
    set('a0', true);
    set('b0', true, 'b');
    assert.equal(zones.areAllLost(), false);
    set('a0', false);
    set('b0', false, 'b');
    const go = () => ['a0', 'b0'].filter((name) => zones.letsGoAlthoughAllAreLost(name));
    assert.deepEqual([zones.areAllLost(), go()], [true, ['b0']]);
    set('b0', true, 'b');
    assert.deepEqual([zones.areAllLost(), go()], [false, []]);
    // Its zone has a new rate since, whose first turn is yet to come.
    set('b0', false, 'b');
    assert.deepEqual([zones.areAllLost(), go()], [true, []]);
  });

  test('nodes that ask for it do not count, and without any that does nothing is lost', () => {
    const { zones, set } = world();
    set('x', false, 'a', { 'node.kubernetes.io/exclude-disruption': '' });
    assert.deepEqual([zones.areAllLost(), zones.waitMs('x')], [false, 0]);
  });

  test('a node that changes its zone waits in the new one', () => {
    const { zones, set, many } = world();
    many(3, true);
    many(3, true, 'b');
    set('a0', false);
    set('a1', false);
    assert.deepEqual([zones.areAllLost(), zones.waitMs('a0'), zones.waitMs('a1')], [false, 0, 10_000]);
    set('a1', false, 'b');
    assert.equal(zones.waitMs('a1'), 0);
  });
});

test('the flags have the defaults of kube-controller-manager, and take no negative numbers', () => {
  const defaults = Object.fromEntries(Object.entries(nodeLifecycleFlags).map(([name, flag]) => [name, flag.default]));
  const flags = defaults as unknown as Parameters<typeof readNodeLifecycle>[0];
  assert.deepEqual(readNodeLifecycle(flags), nodeLifecycleDefaults);
  assert.throws(() => readNodeLifecycle({ ...flags, 'node-eviction-rate': -1 }), /--node-eviction-rate takes a number/);
});
