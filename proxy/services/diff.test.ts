// A difference is right when applying it to what was there gives what should be there; a small model of nft's tables,
// as strict as the kernel about what exists and what is still in use, says so for random pairs.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { seededRandom } from '../../test/builders/seeded-random.ts';
import { renderDiff } from './diff.ts';
import type { ServicePortModel } from './model.ts';
import { computeRuleset, emptyRuleset, type Ruleset } from './ruleset.ts';

const facts = { podCidr: '10.244.0.0/16', serviceCidr: '10.96.0.0/16', dnsAddress: '10.96.0.10' };

class TableModel {
  readonly chains = new Map<string, string[]>();
  readonly sets = new Map<string, number>();
  readonly elements = emptyRuleset().elements as Record<string, Map<string, string>>;

  apply(script: string): void {
    for (const line of script.trim().split('\n')) this.#applyLine(line);
    const used = [
      ...[...this.chains.values()].flat(),
      ...this.elements['service-ips']!.values(),
      ...this.elements['node-ports']!.values(),
    ];
    for (const text of used) {
      for (const [, chain] of text.matchAll(/goto ([\w-]+)/g)) assert.ok(this.chains.has(chain!), `${chain} is in use`);
      for (const [, set] of text.matchAll(/@([\w-]+)/g)) assert.ok(this.sets.has(set!), `${set} is in use`);
    }
  }

  #applyLine(line: string): void {
    const [, verb, what, name, rest = ''] = /^(\w+) (\w+) ip k8ts-proxy ([\w-]+) ?(.*)$/.exec(line)!;
    const { chains, sets } = this;
    switch (`${verb} ${what}`) {
      case 'add set':
        assert.ok(!sets.has(name!));
        sets.set(name!, Number(/timeout (\d+)s/.exec(rest)![1]));
        break;
      case 'delete set':
        assert.ok(sets.delete(name!));
        break;
      case 'add chain':
        assert.ok(!chains.has(name!));
        chains.set(name!, []);
        break;
      case 'add rule':
        chains.get(name!)!.push(rest);
        break;
      case 'flush chain':
        assert.ok(chains.has(name!));
        chains.set(name!, []);
        break;
      case 'delete chain':
        assert.deepEqual(chains.get(name!), []);
        chains.delete(name!);
        break;
      default:
        this.#applyElements(verb!, this.elements[name!]!, rest);
    }
  }

  #applyElements(verb: string, map: Map<string, string>, rest: string): void {
    for (const element of rest.slice(2, -2).split(', ')) {
      const [key, value = ''] = element.split(' : ');
      if (verb === 'delete') assert.ok(map.delete(key!), `${key} is not there`);
      else {
        assert.ok(!map.has(key!), `${key} is there`);
        map.set(key!, value);
      }
    }
  }

  content(): unknown {
    return { chains: sorted(this.chains), sets: sorted(this.sets), elements: Object.values(this.elements).map(sorted) };
  }
}

const sorted = (map: ReadonlyMap<string, unknown>) => [...map].sort(([a], [b]) => (a < b ? -1 : 1));
const contentOf = ({ chains, affinitySets, elements }: Ruleset) => ({
  chains: sorted(chains),
  sets: sorted(affinitySets),
  elements: Object.values(elements).map(sorted),
});

test('random changes, applied one after the other', () => {
  const random = seededRandom(7);
  const upTo = (n: number) => Math.floor(random.next() * n);
  const randomPort = (i: number): ServicePortModel => {
    const all = Array.from({ length: upTo(4) }, (_, e) => ({ address: `10.244.0.${e + upTo(3)}`, port: 80 }));
    const unique = all.filter((b, at) => all.findIndex((o) => o.address === b.address) === at);
    const keepsSource = upTo(3) === 0;
    return {
      id: `default/s${i}:80/tcp`,
      protocol: upTo(2) ? 'tcp' : 'udp',
      port: 80 + upTo(2),
      clusterIp: `10.96.1.${i}`,
      externalIps: upTo(4) ? [] : [`198.51.100.${i}`],
      balancerIps: upTo(4) ? [] : [`203.0.113.${i}`],
      sourceRanges: upTo(2) ? [] : ['192.0.2.0/24'],
      nodePort: upTo(2) ? 30_000 + i : undefined,
      all: unique,
      serving: unique,
      internal: unique,
      external: keepsSource ? unique.slice(1) : unique,
      keepsSource,
      affinitySeconds: upTo(3) ? undefined : 60 * (1 + upTo(2)),
    };
  };
  const table = new TableModel();
  let before = emptyRuleset();
  for (let round = 0; round < 300; round++) {
    const ports = Array.from({ length: 5 }, (_, i) => i).filter(() => upTo(4) > 0);
    const after = computeRuleset(ports.map(randomPort), facts);
    const script = renderDiff(before, after);
    if (script !== undefined) table.apply(script);
    assert.deepEqual(table.content(), contentOf(after));
    before = after;
  }
});

test('no change, no script', () => {
  assert.equal(renderDiff(emptyRuleset(), emptyRuleset()), undefined);
});
