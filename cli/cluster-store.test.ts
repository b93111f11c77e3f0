import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, readdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { parseSubnet } from '../machinery/subnet.ts';
import { chooseSlot, listClusters, subnetsOfRoutes, unregisterCluster } from './cluster-store.ts';
import { makePrivate } from './host/files.ts';
import { layoutOf } from './layout.ts';
import { UserError } from './user-error.ts';

const wanted = { name: 'new', egress: true };
const empty = { others: [], hostSubnets: [], links: [] };
const route = (text: string) => ({ subnet: parseSubnet(text), owner: `the route to ${text}` });
const cluster = (slot: number, more = {}) => layoutOf({ name: `old${slot}`, slot, egress: true, ...more });

test('a registration that was killed half-way leaves nothing once it is undone, but what is not its own', () => {
  const dir = mkdtempSync(join(tmpdir(), 'k8ts-store-'));
  const roots = { state: join(dir, 'state'), run: join(dir, 'run') };
  try {
    for (const name of ['torn', 'shared']) {
      mkdirSync(join(roots.state, name), { recursive: true });
      writeFileSync(join(roots.state, name, 'cluster.json.tmp'), '{');
    }
    writeFileSync(join(roots.state, 'shared/notes'), '');
    for (const name of ['torn', 'shared', 'absent']) unregisterCluster(name, roots);
    symlinkSync('state', join(dir, 'link'));
    unregisterCluster('absent', { ...roots, state: join(dir, 'link') }); // the user's, as the folder it leads to
    assert.deepEqual(readdirSync(roots.state, { recursive: true }).sort(), ['shared', 'shared/notes']);
  } finally {
    rmSync(dir, { recursive: true });
  }
});

test('where a file or a link that leads nowhere is in the place of the state, there are no clusters, and none is made', () => {
  const dir = mkdtempSync(join(tmpdir(), 'k8ts-store-'));
  try {
    writeFileSync(join(dir, 'file'), '');
    symlinkSync('nowhere/else', join(dir, 'dangling'));
    for (const name of ['file', 'dangling']) {
      const roots = { state: join(dir, name), run: dir };
      assert.deepEqual(listClusters(roots), []);
      unregisterCluster('a', roots);
      assert.throws(
        () => makePrivate(roots.state, join(roots.state, 'a')),
        (err) => err instanceof UserError && err.message.startsWith('cannot write') && /in the way/.test(err.hint!),
      );
    }
    assert.deepEqual(readdirSync(dir).sort(), ['dangling', 'file']);
  } finally {
    rmSync(dir, { recursive: true });
  }
});

test('a default route takes no addresses, nor do its parts', () => {
  const rows = ['default', '0.0.0.0/0', '0.0.0.0/1', '128.0.0.0/1', '8.0.0.0/5'].map((dst) => ({ dst, dev: 'tun0' }));
  assert.deepEqual(subnetsOfRoutes(JSON.stringify(rows)), []);
  assert.deepEqual(subnetsOfRoutes(''), []);
  assert.deepEqual(subnetsOfRoutes('[{"dst":"10.0.0.0/8","dev":"tun0"},{"dst":"192.0.2.1","type":"local"}]'), [
    { subnet: parseSubnet('10.0.0.0/8'), owner: 'the route to 10.0.0.0/8 (tun0)' },
    { subnet: parseSubnet('192.0.2.1'), owner: 'the route to 192.0.2.1 (local)' },
  ]);
});

describe('chooseSlot', () => {
  const cases = [
    { name: 'the first on an empty machine', world: empty, slot: 0 },
    { name: 'after those of other clusters', world: { ...empty, others: [cluster(0), cluster(1)] }, slot: 2 },
    { name: 'one that a removed cluster has left free', world: { ...empty, others: [cluster(1)] }, slot: 0 },
    { name: 'past a route to pods', world: { ...empty, hostSubnets: [route('10.244.7.0/24')] }, slot: 1 },
    { name: 'past a route to services', world: { ...empty, hostSubnets: [route('10.96.0.0/15')] }, slot: 2 },
    {
      name: 'one outside 10.0.0.0/8 where all of that is somebody’s',
      world: { ...empty, hostSubnets: [route('10.0.0.0/8')] },
      slot: 64,
    },
    { name: 'past a bridge of nobody known', world: { ...empty, links: ['lo', 'k8ts0'] }, slot: 1 },
    {
      name: 'past what another cluster was given by flag',
      world: { ...empty, others: [cluster(5, { podSubnet: '10.244.0.0/16' })] },
      slot: 1,
    },
  ];
  for (const { name, world, slot } of cases) {
    test(`takes ${name}`, () => assert.equal(chooseSlot(wanted, world).slot, slot));
  }

  test('says what a chosen range clashes with', () => {
    const world = { ...empty, hostSubnets: [route('192.168.0.0/16')] };
    assert.throws(
      () => chooseSlot({ ...wanted, podSubnet: '192.168.4.0/22' }, world),
      /192\.168\.4\.0\/22 \(pods\) overlaps the route to 192\.168\.0\.0\/16/,
    );
  });

  test('does not give pods and services one range', () => {
    const both = { ...wanted, podSubnet: '10.8.0.0/16', serviceSubnet: '10.8.0.0/16' };
    assert.throws(() => chooseSlot(both, empty), /\(pods\) overlaps 10\.8\.0\.0\/16 \(services\)/);
  });
});
