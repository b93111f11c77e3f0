import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { buildService, buildSlice, type EndpointRow, here } from '../../test/builders/service.ts';
import { modelService } from './model.ts';

const addresses = (backends: readonly { address: string }[]) => backends.map((b) => b.address);
const ending = { ready: false, serving: true, terminating: true };
const broken = { ready: false, serving: false, terminating: false };

describe('which endpoints take traffic', () => {
  const rows: { name: string; endpoints: (string | EndpointRow)[]; all: string[]; local: string[] }[] = [
    {
      name: 'those that are ready',
      endpoints: ['10.0.0.2', '10.0.0.1'],
      all: ['10.0.0.1', '10.0.0.2'],
      local: ['10.0.0.1', '10.0.0.2'],
    },
    {
      name: 'silence means ready',
      endpoints: [{ ip: '10.0.0.1', conditions: {} }],
      all: ['10.0.0.1'],
      local: ['10.0.0.1'],
    },
    {
      name: 'not those that fail',
      endpoints: ['10.0.0.1', { ip: '10.0.0.2', conditions: broken }],
      all: ['10.0.0.1'],
      local: ['10.0.0.1'],
    },
    {
      name: 'not those that end while others are ready',
      endpoints: ['10.0.0.1', { ip: '10.0.0.2', conditions: ending }],
      all: ['10.0.0.1'],
      local: ['10.0.0.1'],
    },
    {
      name: 'those that end when nothing else is left',
      endpoints: [
        { ip: '10.0.0.2', conditions: ending },
        { ip: '10.0.0.3', conditions: broken },
      ],
      all: ['10.0.0.2'],
      local: ['10.0.0.2'],
    },
    {
      name: 'the fallback is per node under the Local policy',
      endpoints: [
        { ip: '10.0.0.1', nodeName: 'there' },
        { ip: '10.0.0.2', conditions: ending },
      ],
      all: ['10.0.0.1'],
      local: ['10.0.0.2'],
    },
    { name: 'none', endpoints: [], all: [], local: [] },
  ];
  for (const { name, endpoints, all, local } of rows) {
    test(name, () => {
      const spec = { internalTrafficPolicy: 'Local', externalTrafficPolicy: 'Local' };
      const [port] = modelService(buildService('web', spec), [buildSlice('web', endpoints)], here);
      assert.deepEqual(addresses(port!.all), all);
      assert.deepEqual(addresses(port!.internal), local);
      assert.deepEqual(addresses(port!.external), local);
    });
  }
});

describe('hints', () => {
  const row = (ip: string, zones: string[], nodes: string[] = [], more: object = {}) => {
    const named = (names: string[]) => names.map((name) => ({ name }));
    return { ip, hints: { forZones: named(zones), forNodes: named(nodes) }, ...more };
  };
  const rows: { name: string; endpoints: (string | EndpointRow)[]; want: string[] }[] = [
    { name: 'those for the zone', endpoints: [row('10.0.0.1', ['z1']), row('10.0.0.2', ['z2'])], want: ['10.0.0.1'] },
    {
      name: 'those for the node before those for the zone',
      endpoints: [row('10.0.0.1', ['z1'], ['there']), row('10.0.0.2', ['z1'], ['here'])],
      want: ['10.0.0.2'],
    },
    {
      name: 'those for the zone where none is for the node',
      endpoints: [row('10.0.0.1', ['z1'], ['there']), row('10.0.0.2', ['z2'], ['far'])],
      want: ['10.0.0.1'],
    },
    {
      name: 'all when none is for the zone',
      endpoints: [row('10.0.0.1', ['z2']), row('10.0.0.2', ['z3'])],
      want: ['10.0.0.1', '10.0.0.2'],
    },
    {
      name: 'all when one has no hint',
      endpoints: [row('10.0.0.1', ['z1']), '10.0.0.2'],
      want: ['10.0.0.1', '10.0.0.2'],
    },
    {
      name: 'one that is not ready needs none',
      endpoints: [row('10.0.0.1', ['z1']), row('10.0.0.2', ['z2']), { ip: '10.0.0.3', conditions: ending }],
      want: ['10.0.0.1'],
    },
    {
      name: 'none of those that end when nothing else is left',
      endpoints: [
        row('10.0.0.1', ['z1'], [], { conditions: ending }),
        row('10.0.0.2', ['z2'], [], { conditions: ending }),
      ],
      want: ['10.0.0.1', '10.0.0.2'],
    },
  ];
  for (const { name, endpoints, want } of rows) {
    test(name, () => {
      const [port] = modelService(buildService('web'), [buildSlice('web', endpoints)], here);
      assert.deepEqual([addresses(port!.internal), addresses(port!.external)], [want, want]);
    });
  }

  test('say nothing about traffic that stays on the node', () => {
    const slice = buildSlice('web', [row('10.0.0.1', ['z1'], [], { nodeName: 'there' }), row('10.0.0.2', ['z2'])]);
    const [port] = modelService(buildService('web', { externalTrafficPolicy: 'Local' }), [slice], here);
    assert.deepEqual([addresses(port!.internal), addresses(port!.external)], [['10.0.0.1'], ['10.0.0.2']]);
  });
});

test('an endpoint in two slices counts once', () => {
  const slices = [buildSlice('web', ['10.0.0.1']), buildSlice('web', ['10.0.0.1', '10.0.0.2'])];
  const [port] = modelService(buildService('web'), slices, here);
  assert.deepEqual(addresses(port!.all), ['10.0.0.1', '10.0.0.2']);
});

test('slices that are for somebody else take no traffic', () => {
  for (const label of ['service.kubernetes.io/headless', 'service.kubernetes.io/service-proxy-name']) {
    const foreign = buildSlice('web', ['10.0.0.1']);
    foreign.metadata.labels = { ...foreign.metadata.labels, [label]: '' };
    const [port] = modelService(buildService('web'), [foreign, buildSlice('web', ['10.0.0.2'])], here);
    assert.deepEqual(addresses(port!.all), ['10.0.0.2'], label);
  }
});

test('ports are matched by name and protocol', () => {
  const ports = [
    { name: 'a', port: 53, protocol: 'UDP', targetPort: 53 },
    { name: 'b', port: 53, protocol: 'TCP', targetPort: 53 },
  ];
  const slice = buildSlice('dns', ['10.0.0.1'], [{ name: 'b', port: 1053, protocol: 'TCP' }]);
  const models = modelService(buildService('dns', { ports }), [slice], here);
  assert.deepEqual(
    models.map((m) => [m.id, m.all.map((b) => b.port)]),
    [
      ['default/dns:a/udp', []],
      ['default/dns:b/tcp', [1053]],
    ],
  );
});

for (const label of ['service.kubernetes.io/service-proxy-name', 'service.kubernetes.io/headless']) {
  test(`a service with the label ${label} is left to another proxy, whatever its value`, () => {
    const service = buildService('web');
    service.metadata.labels = { [label]: '' };
    assert.deepEqual(modelService(service, [buildSlice('web', ['10.0.0.1'])], here), []);
  });
}

describe('services without rules', () => {
  for (const [name, spec] of Object.entries({
    headless: { clusterIP: 'None' },
    'external name': { clusterIP: '', type: 'ExternalName', externalName: 'example.org' },
    'IPv6 only': { clusterIP: 'fd00::1' },
  })) {
    test(name, () => assert.deepEqual(modelService(buildService('web', spec), [], here), []));
  }
});

test('load balancer addresses that a proxy of the cloud answers are left to it', () => {
  const service = buildService('web', {
    type: 'LoadBalancer',
    loadBalancerSourceRanges: [' 203.0.113.0/24', '2001:db8::/32', '10.0.0.0/33', '10.0.0.1'],
  });
  service.status = {
    loadBalancer: { ingress: [{ ip: '198.51.100.1' }, { ip: '198.51.100.2', ipMode: 'Proxy' }, { hostname: 'x' }] },
  };
  const [port] = modelService(service, [], here);
  assert.deepEqual(port!.balancerIps, ['198.51.100.1']);
  assert.deepEqual(port!.sourceRanges, ['203.0.113.0/24']);
});

test('affinity lasts three hours unless it says otherwise', () => {
  const seconds = (spec: object) => modelService(buildService('web', spec), [], here)[0]!.affinitySeconds;
  assert.equal(seconds({}), undefined);
  assert.equal(seconds({ sessionAffinity: 'ClientIP' }), 10_800);
  assert.equal(
    seconds({ sessionAffinity: 'ClientIP', sessionAffinityConfig: { clientIP: { timeoutSeconds: 60 } } }),
    60,
  );
});
