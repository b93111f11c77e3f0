import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { buildService, buildSlice } from '../../test/builders/service.ts';
import { modelService } from './model.ts';
import { findStaleFlows } from './stale-flows.ts';

function portsOf(endpoints: string[], port: object = {}, spec: object = {}) {
  const ports = [{ port: 53, protocol: 'UDP', targetPort: 53, ...port }];
  const slice = buildSlice('dns', endpoints, [{ port: 1053, protocol: ports[0]!.protocol }]);
  return modelService(buildService('dns', { ...spec, ports }), [slice], 'here');
}

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
      calls: ['-D -p udp --orig-dst 10.96.0.20 --dst-nat 10.0.0.2'],
    },
    {
      name: 'the service went',
      before: portsOf(['10.0.0.1']),
      after: [],
      calls: ['-D -p udp --orig-dst 10.96.0.20 --dst-nat 10.0.0.1'],
    },
    { name: 'TCP looks after itself', before: portsOf(['10.0.0.1'], { protocol: 'TCP' }), after: [], calls: [] },
    {
      name: 'every way to the service counts',
      before: portsOf(['10.0.0.1'], { nodePort: 30_053 }, { externalIPs: ['198.51.100.1'] }),
      after: [],
      calls: [
        '-D -p udp --orig-dst 10.96.0.20 --dst-nat 10.0.0.1',
        '-D -p udp --orig-dst 198.51.100.1 --dst-nat 10.0.0.1',
        '-D -p udp --orig-port-dst 30053 --dst-nat 10.0.0.1',
      ],
    },
    {
      name: 'a node port begins to mean something',
      before: [],
      after: portsOf(['10.0.0.1'], { nodePort: 30_053 }),
      calls: ['-D -p udp --orig-port-dst 30053'],
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
