import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { layoutOf } from '../layout.ts';
import { legacyPlaces, openingsOf, placesOf, type Ruleset } from './firewall.ts';

const layout = layoutOf({ name: 'a', slot: 2, egress: true });

const chain = (family: string, table: string, name: string, more: object = {}) => ({
  chain: { family, table, name, ...more },
});
const base = (hook: string, type = 'filter') => ({ type, hook, prio: 0, policy: 'drop' });

const placed = (items: Ruleset['nftables'], installed: readonly string[] = []) =>
  placesOf({ nftables: items }, (command) => installed.includes(command)).map(({ name, by }) => [name, by]);

describe('what a cluster lets through', () => {
  test('its own traffic, by its own bridge, to its own port', () => {
    assert.deepEqual(
      openingsOf(layout).map(({ hook, nft }) => [hook, nft]),
      [
        ['input', 'iifname "k8ts2" ip daddr 10.89.2.1 tcp dport 6445'],
        ['forward', 'iifname "k8ts2"'],
        ['forward', 'oifname "k8ts2" ct state established,related'],
      ],
    );
  });

  test('without egress nothing is forwarded', () => {
    const closed = openingsOf(layoutOf({ name: 'a', slot: 2, egress: false }));
    assert.deepEqual(
      closed.map(({ hook }) => hook),
      ['input'],
    );
  });

  test('comments tell clusters apart', () => {
    const other = openingsOf(layoutOf({ name: 'b', slot: 3, egress: true })).map(({ comment }) => comment);
    assert.deepEqual(new Set([...openingsOf(layout).map(({ comment }) => comment), ...other]).size, 6);
  });
});

describe('where it has to be let through', () => {
  const cases: [what: string, items: Ruleset['nftables'], installed: string[], want: string[][]][] = [
    ['no rules at all', [], [], []],
    [
      'ufw and Docker, by iptables',
      [
        chain('ip', 'filter', 'INPUT', base('input')),
        chain('ip', 'filter', 'FORWARD', base('forward')),
        chain('ip', 'filter', 'OUTPUT', base('output')),
        chain('ip', 'filter', 'DOCKER-USER'),
        chain('ip', 'nat', 'POSTROUTING', base('postrouting', 'nat')),
        chain('ip6', 'filter', 'INPUT', base('input')),
      ],
      ['iptables-nft'],
      [
        ['chain INPUT of table ip filter', 'iptables-nft'],
        ['chain FORWARD of table ip filter', 'iptables-nft'],
      ],
    ],
    [
      'a table as of iptables, where there is none',
      [chain('ip', 'filter', 'INPUT', base('input'))],
      [],
      [['chain INPUT of table ip filter', 'nft']],
    ],
    [
      'a ruleset of nft’s own, in every family that IPv4 passes',
      [
        chain('inet', 'filter', 'input', base('input')),
        chain('ip', 'mine', 'first', base('forward')),
        chain('bridge', 'x', 'y', base('forward')),
        chain('inet', 'nat', 'in', base('input', 'nat')),
      ],
      ['iptables-nft', 'firewall-cmd'],
      [
        ['chain input of table inet filter', 'nft'],
        ['chain first of table ip mine', 'nft'],
      ],
    ],
    [
      'firewalld whose table is open to others',
      [{ table: { family: 'inet', name: 'firewalld' } }, chain('inet', 'firewalld', 'filter_INPUT', base('input'))],
      ['firewall-cmd'],
      [['chain filter_INPUT of table inet firewalld', 'nft']],
    ],
    [
      'firewalld that owns its table',
      [
        { table: { family: 'inet', name: 'firewalld', flags: 'owner' } },
        chain('inet', 'firewalld', 'filter_INPUT', base('input')),
      ],
      ['firewall-cmd'],
      [['chain filter_INPUT of table inet firewalld', 'firewall-cmd']],
    ],
  ];
  for (const [what, items, installed, want] of cases) {
    test(what, () => assert.deepEqual(placed(items, installed), want));
  }

  test('rules that are in a chain are known by their comments', () => {
    const rule = (handle: number, comment: string, of = 'input') => ({
      rule: { family: 'inet', table: 'filter', chain: of, handle, comment },
    });
    const items = [
      chain('inet', 'filter', 'input', base('input')),
      rule(4, 'mine'),
      rule(5, 'other', 'forward'),
      rule(6, 'mine'),
    ];
    const [place] = placesOf({ nftables: items }, () => false);
    assert.deepEqual([...place!.handles], [['mine', [4, 6]]]);
  });

  test('iptables-legacy, once the kernel has a filter table of it', () => {
    const has = (command: string): boolean => command === 'iptables-legacy';
    const names = (tables: string, of = has) => legacyPlaces(tables, of).map(({ name }) => name);
    assert.deepEqual(names('nat\nfilter\n'), ['chain INPUT of iptables-legacy', 'chain FORWARD of iptables-legacy']);
    assert.deepEqual(names('nat\n'), []);
    assert.deepEqual(
      names('filter\n', () => false),
      [],
    );
  });
});
