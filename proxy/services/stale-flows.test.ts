import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { buildService, buildSlice, type EndpointRow, here } from '../../test/builders/service.ts';
import { modelService } from './model.ts';
import { findStaleFlows, findWrongFlows } from './stale-flows.ts';

function portsOf(endpoints: (string | EndpointRow)[], port: object = {}, spec: object = {}) {
  const ports = [{ port: 53, protocol: 'UDP', targetPort: 53, ...port }];
  const slice = buildSlice('dns', endpoints, [{ port: 1053, protocol: ports[0]!.protocol }]);
  return modelService(buildService('dns', { ...spec, ports }), [slice], here);
}

const ending = { ip: '10.0.0.1', conditions: { ready: false, serving: true, terminating: true } };

describe('flows to forget', () => {
  const rows: {
    name: string;
    before: ReturnType<typeof portsOf>;
    after: ReturnType<typeof portsOf>;
    calls: string[];
  }[] = [
    { name: 'nothing changed', before: portsOf(['10.0.0.1']), after: portsOf(['10.0.0.1']), calls: [] },
    { name: 'an endpoint came', before: portsOf(['10.0.0.1']), after: portsOf(['10.0.0.1', '10.0.0.2']), calls: [] },
    {
      name: 'an endpoint went',
      before: portsOf(['10.0.0.1', '10.0.0.2']),
      after: portsOf(['10.0.0.1']),
      calls: ['-D -p udp --orig-dst 10.96.0.20 --orig-port-dst 53 --dst-nat 10.0.0.2'],
    },
    {
      name: 'the service went',
      before: portsOf(['10.0.0.1']),
      after: [],
      calls: ['-D -p udp --orig-dst 10.96.0.20 --orig-port-dst 53 --dst-nat 10.0.0.1'],
    },
    { name: 'TCP looks after itself', before: portsOf(['10.0.0.1'], { protocol: 'TCP' }), after: [], calls: [] },
    {
      name: 'every way to the service counts',
      before: portsOf(['10.0.0.1'], { nodePort: 30_053 }, { externalIPs: ['198.51.100.1'] }),
      after: [],
      calls: [
        '-D -p udp --orig-dst 10.96.0.20 --orig-port-dst 53 --dst-nat 10.0.0.1',
        '-D -p udp --orig-dst 198.51.100.1 --orig-port-dst 53 --dst-nat 10.0.0.1',
        '-D -p udp --orig-port-dst 30053 --dst-nat 10.0.0.1',
      ],
    },
    {
      name: 'a node port begins to mean something',
      before: [],
      after: portsOf(['10.0.0.1'], { nodePort: 30_053 }),
      calls: ['-D -p udp --orig-port-dst 30053'],
    },
    {
      name: 'an address from outside begins to mean something',
      before: portsOf(['10.0.0.1'], {}, { externalIPs: ['198.51.100.1'] }),
      after: portsOf(['10.0.0.1'], {}, { externalIPs: ['198.51.100.1', '198.51.100.2'] }),
      calls: ['-D -p udp --orig-dst 198.51.100.2 --orig-port-dst 53'],
    },
    {
      name: 'an endpoint that ends keeps its clients as long as it serves',
      before: portsOf(['10.0.0.1', '10.0.0.2']),
      after: portsOf([ending, '10.0.0.2']),
      calls: [],
    },
    {
      name: 'and not longer',
      before: portsOf([ending, '10.0.0.2']),
      after: portsOf(['10.0.0.2']),
      calls: ['-D -p udp --orig-dst 10.96.0.20 --orig-port-dst 53 --dst-nat 10.0.0.1'],
    },
  ];
  for (const { name, before, after, calls } of rows) {
    test(name, () =>
      assert.deepEqual(
        findStaleFlows(before, after).map((args) => args.join(' ')),
        calls,
      ),
    );
  }
});

test('flows that end where they should not are found among all', () => {
  const flow = (client: string, to: string, server: string, more = '[ASSURED]') =>
    `udp      17 118 src=10.244.0.7 dst=${to} sport=${client} dport=${to === '192.0.2.2' ? 30_053 : 53} ` +
    `src=${server} dst=10.244.0.7 sport=${server.startsWith('10.0') ? 1053 : 53} dport=${client} ${more} mark=0 use=1`;
  const listing = [
    flow('1', '10.96.0.20', '10.0.0.1'),
    flow('2', '10.96.0.20', '10.0.0.2'), // it is gone
    flow('3', '198.51.100.1', '198.51.100.1', '[UNREPLIED]'), // before the address meant anything
    flow('4', '192.0.2.2', '10.0.0.9'),
    flow('5', '192.0.2.2', '10.0.0.1'),
    flow('6', '192.0.2.53', '192.0.2.53'),
    '',
  ];
  const ports = portsOf(['10.0.0.1'], { nodePort: 30_053 }, { externalIPs: ['198.51.100.1'] });
  assert.deepEqual(
    findWrongFlows(listing.join('\n'), ports).map((args) => args.join(' ')),
    [
      '-D -p udp --orig-src 10.244.0.7 --orig-port-src 2 --orig-dst 10.96.0.20 --orig-port-dst 53',
      '-D -p udp --orig-src 10.244.0.7 --orig-port-src 3 --orig-dst 198.51.100.1 --orig-port-dst 53',
      '-D -p udp --orig-src 10.244.0.7 --orig-port-src 4 --orig-dst 192.0.2.2 --orig-port-dst 30053',
    ],
  );
});
