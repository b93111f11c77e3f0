import assert from 'node:assert/strict';
import { test } from 'node:test';
import { buildService, buildSlice, here } from '../../test/builders/service.ts';
import { renderWhole } from './diff.ts';
import { modelService } from './model.ts';
import { readRememberedClients } from './remembered-clients.ts';
import { computeRuleset } from './ruleset.ts';

const facts = { podCidr: '10.244.0.0/16', serviceCidr: '10.96.0.0/16', dnsAddress: '10.96.0.10' };
const set = (name: string, elem: object[], table = 'k8ts-proxy') => ({ set: { family: 'ip', name, table, elem } });

test('clients are written again into the sets that there still are', () => {
  const service = buildService('web', { sessionAffinity: 'ClientIP' });
  const rules = computeRuleset(modelService(service, [buildSlice('web', ['10.244.0.2'])], here), facts);
  const [name = ''] = rules.affinitySets.keys();
  const client = { elem: { val: '10.244.0.7', timeout: 10_800, expires: 99 } };
  const listing = [
    { metainfo: { version: '1.0.6' } },
    set('hairpins', [{ concat: ['10.244.0.2', '10.244.0.2'] }]),
    set(name, [client, { elem: { val: '10.244.0.8', expires: 0 } }]),
    set('clients-000000000000', [client]),
    set(name, [{ elem: { val: '10.244.0.9', expires: 9 } }], 'another'),
    { set: { name: 'empty', table: 'k8ts-proxy' } },
  ];
  const script = renderWhole(rules, facts, readRememberedClients(JSON.stringify({ nftables: listing })));
  const added = script.split('\n').filter((line) => line.includes('10.244.0.7'));
  assert.deepEqual(added, [`add element ip k8ts-proxy ${name} { 10.244.0.7 expires 99s }`]);
  assert.doesNotMatch(script, /10\.244\.0\.[89]|000000000000/);
});
