import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { buildService, buildSlice, type EndpointRow, here } from '../../test/builders/service.ts';
import { renderDiff, renderWhole } from './diff.ts';
import { modelService } from './model.ts';
import { computeRuleset, emptyRuleset, mergeRulesets, renderFrame } from './ruleset.ts';

const facts = { podCidr: '10.244.0.0/16', serviceCidr: '10.96.0.0/16', dnsAddress: '10.96.0.10' };

function rulesOf(spec: object, endpoints: readonly (string | EndpointRow)[], ingress: string[] = []) {
  const service = buildService('web', spec);
  service.status = { loadBalancer: { ingress: ingress.map((ip) => ({ ip })) } };
  return computeRuleset(modelService(service, [buildSlice('web', endpoints)], here), facts);
}

const shapes: { name: string; rules: ReturnType<typeof rulesOf>; script: string[] }[] = [
  {
    name: 'one endpoint',
    rules: rulesOf({}, ['10.244.0.2']),
    script: [
      'add chain service-#',
      'add rule service-# meta l4proto tcp dnat to 10.244.0.2:8080',
      'add element service-ips { 10.96.0.20 . tcp . 80 : goto service-# }',
      'add element hairpins { 10.244.0.2 . 10.244.0.2 }',
    ],
  },
  {
    name: 'two endpoints and a node port',
    rules: rulesOf({ type: 'NodePort', ports: [{ port: 80, protocol: 'TCP', targetPort: 80, nodePort: 30080 }] }, [
      '10.244.0.2',
      '10.244.0.3',
    ]),
    script: [
      'add chain service-#',
      'add chain external-#',
      'add rule service-# meta l4proto tcp dnat to numgen random mod 2 map { 0 : 10.244.0.2 . 8080, 1 : 10.244.0.3 . 8080 }',
      'add rule external-# meta mark set meta mark or 0x4000',
      'add rule external-# meta l4proto tcp dnat to numgen random mod 2 map { 0 : 10.244.0.2 . 8080, 1 : 10.244.0.3 . 8080 }',
      'add element service-ips { 10.96.0.20 . tcp . 80 : goto service-# }',
      'add element node-ports { tcp . 30080 : goto external-# }',
      'add element hairpins { 10.244.0.2 . 10.244.0.2, 10.244.0.3 . 10.244.0.3 }',
    ],
  },
  {
    name: 'addresses of other services, and of DNS, that it claims',
    rules: rulesOf({ type: 'LoadBalancer', externalIPs: ['10.96.0.10', '10.96.0.1'] }, [], ['10.96.255.255']),
    script: ['add element no-endpoint-ips { 10.96.0.20 . tcp . 80 }'],
  },
  {
    name: 'no endpoint',
    rules: rulesOf(
      { externalIPs: ['198.51.100.1'], ports: [{ port: 80, protocol: 'TCP', targetPort: 80, nodePort: 30080 }] },
      [],
    ),
    script: [
      'add element no-endpoint-ips { 10.96.0.20 . tcp . 80, 198.51.100.1 . tcp . 80 }',
      'add element no-endpoint-ports { tcp . 30080 }',
    ],
  },
  {
    name: 'session affinity',
    rules: rulesOf({ sessionAffinity: 'ClientIP' }, ['10.244.0.2', '10.244.0.3']),
    script: [
      'add set clients-# { type ipv4_addr; flags dynamic, timeout; timeout 10800s; }',
      'add set clients-# { type ipv4_addr; flags dynamic, timeout; timeout 10800s; }',
      'add chain endpoint-#',
      'add chain endpoint-#',
      'add chain service-#',
      'add rule endpoint-# update @clients-# { ip saddr }',
      'add rule endpoint-# meta l4proto tcp dnat to 10.244.0.2:8080',
      'add rule endpoint-# update @clients-# { ip saddr }',
      'add rule endpoint-# meta l4proto tcp dnat to 10.244.0.3:8080',
      'add rule service-# ip saddr @clients-# goto endpoint-#',
      'add rule service-# ip saddr @clients-# goto endpoint-#',
      'add rule service-# numgen random mod 2 vmap { 0 : goto endpoint-#, 1 : goto endpoint-# }',
      'add element service-ips { 10.96.0.20 . tcp . 80 : goto service-# }',
      'add element hairpins { 10.244.0.2 . 10.244.0.2, 10.244.0.3 . 10.244.0.3 }',
    ],
  },
  {
    name: 'Local policy without an endpoint here, behind a load balancer for some',
    rules: rulesOf(
      { type: 'LoadBalancer', externalTrafficPolicy: 'Local', loadBalancerSourceRanges: ['203.0.113.0/24'] },
      [{ ip: '10.244.1.2', nodeName: 'there' }],
      ['198.51.100.9'],
    ),
    script: [
      'add chain service-#',
      'add chain within-#',
      'add chain external-#',
      'add chain balancer-#',
      'add rule service-# meta l4proto tcp dnat to 10.244.1.2:8080',
      'add rule within-# meta l4proto tcp dnat to 10.244.1.2:8080',
      'add rule external-# ip saddr 10.244.0.0/16 goto within-#',
      'add rule external-# fib saddr type local meta mark set meta mark or 0x4000 goto within-#',
      'add rule external-# drop',
      'add rule balancer-# ip saddr 203.0.113.0/24 goto external-#',
      'add rule balancer-# drop',
      'add element service-ips { 10.96.0.20 . tcp . 80 : goto service-#, 198.51.100.9 . tcp . 80 : goto balancer-# }',
      'add element hairpins { 10.244.1.2 . 10.244.1.2 }',
    ],
  },
];

describe('the rules of a service', () => {
  for (const { name, rules, script } of shapes) {
    test(name, () => {
      const text = renderDiff(emptyRuleset(), rules)!;
      const simple = text.replaceAll(' ip k8ts-proxy', '').replaceAll(/-[0-9a-f]{12}\b/g, '-#');
      assert.deepEqual(simple.trim().split('\n'), script);
    });
  }
});

test('an address that two services claim belongs to the first', () => {
  const one = rulesOf({ clusterIP: '10.96.0.21', externalIPs: ['198.51.100.1'] }, ['10.244.0.2']);
  const two = rulesOf({ clusterIP: '10.96.0.22', externalIPs: ['198.51.100.1'] }, []);
  const { elements } = mergeRulesets([one, two]);
  assert.equal(
    elements['service-ips'].get('198.51.100.1 . tcp . 80'),
    one.elements['service-ips'].get('198.51.100.1 . tcp . 80'),
  );
  assert.deepEqual([...elements['no-endpoint-ips'].keys()], ['10.96.0.22 . tcp . 80']); // or it would be refused first
});

test('a whole script replaces the table in the same transaction', () => {
  const lines = renderWhole(shapes[0]!.rules, facts).split('\n');
  assert.deepEqual(lines.slice(0, 3), [
    'add table ip k8ts-proxy',
    'delete table ip k8ts-proxy',
    'table ip k8ts-proxy {',
  ]);
  assert.match(renderFrame(facts), /ip daddr 10\.96\.0\.0\/16 fib daddr type != local goto refuse/);
});
