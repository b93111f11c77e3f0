import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { Endpoints } from '../../api/core/endpoints.ts';
import type { EndpointSlice } from '../../api/discovery/endpointslice.ts';
import { service } from '../../test/builders/workload.ts';
import { endpointSliceMirroringController, isMirrored, planMirror } from './mirroring.ts';

const endpoints = (subsets: object[] = [], metadata: object = {}) =>
  ({ metadata: { name: 'svc', namespace: 'default', uid: 'uid-e', ...metadata }, subsets }) as Endpoints;
const at = (...ips: string[]) => ips.map((ip) => ({ ip }));
const http = { name: 'http', port: 80, protocol: 'TCP' };
const dns = { name: 'dns', port: 53, protocol: 'UDP' };

const unselected = service({ selector: undefined });

describe('isMirrored()', () => {
  const leads = { annotations: { 'control-plane.alpha.kubernetes.io/leader': '{}' } };
  const label = (value: string) => ({ labels: { 'endpointslice.kubernetes.io/skip-mirror': value } });
  const rows = [
    { name: 'of a service without a selector', of: endpoints(), by: unselected, want: true },
    { name: 'not without a service', of: endpoints(), by: undefined, want: false },
    { name: 'not of a service that selects pods', of: endpoints(), by: service(), want: false },
    { name: 'not those that say so', of: endpoints([], label('true')), by: unselected, want: false },
    { name: 'only true says so', of: endpoints([], label('yes')), by: unselected, want: true },
    { name: 'not locks of elections', of: endpoints([], leads), by: unselected, want: false },
  ];
  for (const { name, of, by, want } of rows) test(name, () => assert.equal(isMirrored(of, by), want));
});

/** What the server would hold after a plan. */
let serial = 0;
const stored = (slice: EndpointSlice): EndpointSlice => ({
  ...slice,
  metadata: { ...slice.metadata, name: `${slice.metadata.generateName}${serial++}`, resourceVersion: '1' },
});
const show = (slices: readonly EndpointSlice[]) =>
  slices.map(({ addressType, endpoints, ports }) => {
    const ips = (endpoints ?? []).map((e) => `${e.addresses?.[0]}${e.conditions?.ready ? '' : '-'}`);
    return `${addressType} ${ips} ${(ports ?? []).map((port) => port.port)}`;
  });

describe('planMirror()', () => {
  const create = (of: Endpoints) => planMirror(of, []).plan.create;
  const rows = [
    {
      name: 'a slice for the ports and the family; not ready trumps ready; no port is none',
      subsets: [
        { addresses: at('10.0.0.10', 'FD00::1'), notReadyAddresses: at('10.0.0.9'), ports: [http] },
        { notReadyAddresses: at('10.0.0.10'), ports: [http] },
        { addresses: at('10.0.0.7') },
      ],
      want: ['IPv4 10.0.0.9-,10.0.0.10- 80', 'IPv6 fd00::1 80', 'IPv4 10.0.0.7 '],
    },
    {
      name: 'ports of the same addresses are together, in whatever subsets they were written',
      subsets: [
        { addresses: at('10.0.0.1'), ports: [http] },
        { addresses: at('10.0.0.1'), ports: [dns] },
      ],
      want: ['IPv4 10.0.0.1 53,80'],
    },
    { name: 'nothing', subsets: [], want: [] },
  ];
  for (const { name, subsets, want } of rows) {
    test(name, () => assert.deepEqual(show(create(endpoints(subsets))).sort(), want.sort()));
  }

  test('labels, annotations, owner and what is known of an address', () => {
    const targetRef = { kind: 'Pod', name: 'p' };
    const address = { ip: '10.0.0.1', hostname: 'h', nodeName: 'n', targetRef };
    const annotations = {
      'endpoints.kubernetes.io/last-change-trigger-time': 't',
      'kubectl.kubernetes.io/last-applied-configuration': '{}',
      own: '1',
    };
    const [slice] = create(
      endpoints([{ addresses: [address], ports: [{ port: 80, protocol: 'TCP' }] }], {
        labels: { l: '1' },
        annotations,
      }),
    );
    assert.deepEqual(slice, {
      metadata: {
        generateName: 'svc-',
        namespace: 'default',
        ownerReferences: [
          {
            apiVersion: 'v1',
            kind: 'Endpoints',
            name: 'svc',
            uid: 'uid-e',
            controller: true,
            blockOwnerDeletion: true,
          },
        ],
        labels: {
          l: '1',
          'endpointslice.kubernetes.io/managed-by': 'endpointslicemirroring-controller.k8s.io',
          'kubernetes.io/service-name': 'svc',
        },
        annotations: { own: '1' },
      },
      addressType: 'IPv4',
      endpoints: [{ addresses: ['10.0.0.1'], conditions: { ready: true }, hostname: 'h', targetRef, nodeName: 'n' }],
      ports: [{ name: '', port: 80, protocol: 'TCP' }],
    });
  });

  const first = [{ addresses: at('10.0.0.1'), ports: [http] }];
  const changes = [
    { name: 'the same writes nothing', to: endpoints(first), update: [], deleted: 0 },
    {
      name: 'another address is an update',
      to: endpoints([{ addresses: at('10.0.0.2'), ports: [http] }]),
      update: ['IPv4 10.0.0.2 80'],
      deleted: 0,
    },
    {
      name: 'with other ports the slice stays',
      to: endpoints([{ addresses: at('10.0.0.1'), ports: [dns] }]),
      update: ['IPv4 10.0.0.1 53'],
      deleted: 0,
    },
    {
      name: 'labels and annotations follow',
      to: endpoints(first, { annotations: { own: '2' } }),
      update: ['IPv4 10.0.0.1 80'],
      deleted: 0,
    },
    { name: 'without an address the slice goes', to: endpoints(), update: [], deleted: 1 },
  ];
  for (const { name, to, update, deleted } of changes) {
    test(name, () => {
      const present = create(endpoints(first)).map(stored);
      const { plan } = planMirror(to, present);
      assert.deepEqual([show(plan.create), show(plan.update), plan.delete.length], [[], update, deleted]);
      assert.deepEqual(
        plan.update.map((slice) => slice.metadata.name),
        present.slice(0, update.length).map((slice) => slice.metadata.name),
      );
    });
  }
});

test('a thousand addresses of a subset are mirrored, ready ones first; an event tells of the others', async () => {
  const many = Array.from({ length: 1_100 }, (_, i) => `10.1.${i >> 8}.${i & 255}`);
  const subject = endpoints([
    { addresses: at(...many.slice(600)), notReadyAddresses: at(...many.slice(0, 600)), ports: [http] },
  ]);
  const said: string[] = [];
  const written: number[] = [];
  const deps = {
    services: { get: () => unselected },
    own: {
      of: () => [],
      awaitedMs: () => 0,
      write: async ({ create }: { create: EndpointSlice[] }) =>
        written.push(...create.map((s) => s.endpoints!.filter((e) => e.conditions!.ready).length)),
    },
    say: (_: object, _type: string, reason: string, message: string) => said.push(`${reason}: ${message}`),
  } as unknown as Parameters<typeof endpointSliceMirroringController.reconcile>[1];
  await endpointSliceMirroringController.reconcile(subject, deps);
  assert.equal(planMirror(subject, []).plan.create[0]?.endpoints?.length, 1_000);
  assert.deepEqual(written, [500]);
  assert.deepEqual(said, [
    'TooManyAddressesToMirror: A max of 1000 addresses can be mirrored to EndpointSlices per Endpoints subset. 100 addresses were skipped',
  ]);
});
