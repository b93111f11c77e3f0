// The rules of networking.k8s.io: ingresses and their classes, policies, addresses and their ranges.
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { Kind } from '../../machinery/kind.ts';
import {
  assertLines,
  cellsOfBody,
  changeRefusals,
  createRefusals,
  makeObject,
} from '../../test/builders/kind-rules.ts';
import { IngressKind } from './ingress.ts';
import { IngressClassKind } from './ingressclass.ts';
import { IPAddressKind } from './ipaddress.ts';
import { NetworkPolicyKind } from './networkpolicy.ts';
import { ServiceCIDRKind } from './servicecidr.ts';

const service = { name: 'web', port: { number: 80 } };
const backend = { service };
const paths = (...all: object[]) => ({ http: { paths: all.map((path) => ({ backend, ...path })) } });
const prefix = (path: string) => ({ path, pathType: 'Prefix' });
const parentRef = { resource: 'services', namespace: 'default', name: 'web' };
const peers = (...from: object[]) => ({ spec: { ingress: [{ from }] } });
const ports = (...all: object[]) => ({ spec: { egress: [{ ports: all }] } });

describe('refused', () => {
  const table: [Kind, string, object, (string | RegExp)[]][] = [
    [IngressKind, 'fine', { spec: { rules: [{ host: '*.example.com', ...paths(prefix('/a')) }] } }, []],
    [
      IngressKind,
      'nothing',
      { spec: {} },
      ['spec: Invalid value: null: either `defaultBackend` or `rules` must be specified'],
    ],
    [
      IngressKind,
      'hosts',
      {
        spec: {
          rules: [{ host: '10.0.0.1' }, { host: 'a.*.com' }, { host: 'A' }],
          tls: [{ hosts: ['*'], secretName: '_' }],
        },
      },
      [
        'spec.rules[0].host: Invalid value: "10.0.0.1": must be a DNS name, not an IP address',
        /^spec.rules\[1\].host: Invalid value: "a.\*.com": a wildcard DNS-1123 subdomain must start with '\*\.'.*e.g. '\*.example.com', regex used for validation is '\\\*\\\.\[a-z0-9\]/,
        /^spec.rules\[2\].host: .*a lowercase RFC 1123 subdomain/,
        /^spec.tls\[0\].hosts\[0\]: .*a wildcard/,
        /^spec.tls\[0\].secretName: .*a lowercase RFC 1123 subdomain/,
      ],
    ],
    [
      IngressKind,
      'paths',
      {
        spec: {
          rules: [
            { http: {} },
            paths({}, prefix('a'), prefix('/a//b/..'), { pathType: 'Like' }, { pathType: 'ImplementationSpecific' }),
          ],
        },
      },
      [
        'spec.rules[0].http.paths: Required value',
        'spec.rules[1].http.paths[0].pathType: Required value: pathType must be specified',
        'spec.rules[1].http.paths[1].path: Invalid value: "a": must be an absolute path',
        'spec.rules[1].http.paths[2].path: Invalid value: "/a//b/..": must not contain \'//\'',
        'spec.rules[1].http.paths[2].path: Invalid value: "/a//b/..": cannot end with \'/..\'',
        'spec.rules[1].http.paths[3].pathType: Unsupported value: "Like": supported values: "Exact", "ImplementationSpecific", "Prefix"',
      ],
    ],
    ...(
      [
        [{}, ['spec.defaultBackend: Invalid value: "": resource or service backend is required']],
        [
          { ...backend, resource: { kind: 'A', name: 'b' } },
          ['spec.defaultBackend: Invalid value: "": cannot set both resource and service backends'],
        ],
        [
          { resource: { apiGroup: 'a', name: 'b/c' } },
          [
            'spec.defaultBackend.resource.kind: Required value: kind is required',
            'spec.defaultBackend.resource.name: Invalid value: "b/c": may not contain \'/\'',
          ],
        ],
        [
          { service: {} },
          [
            'spec.defaultBackend.service.name: Required value',
            'spec.defaultBackend: Required value: port name or number is required',
          ],
        ],
        [
          { service: { name: 'web', port: { name: 'http', number: 80 } } },
          ['spec.defaultBackend: Invalid value: "": cannot set both port name & port number'],
        ],
        [
          { service: { name: 'web', port: { number: 70000 } } },
          ['spec.defaultBackend.service.port.number: Invalid value: 70000: must be between 1 and 65535, inclusive'],
        ],
      ] as const
    ).map(([defaultBackend, want]): [Kind, string, object, string[]] => [
      IngressKind,
      `backend ${JSON.stringify(defaultBackend)}`,
      { spec: { defaultBackend } },
      [...want],
    ]),
    [
      IngressKind,
      'two classes',
      {
        metadata: { name: 'x', annotations: { 'kubernetes.io/ingress.class': 'a' } },
        spec: { ingressClassName: 'b', defaultBackend: backend },
      },
      [
        'annotations.kubernetes.io/ingress.class: Invalid value: "a": must match `ingressClassName` when both are specified',
      ],
    ],
    [
      IngressClassKind,
      'fine',
      { spec: { controller: 'example.com/ingress', parameters: { kind: 'A', name: 'b' } } },
      [],
    ],
    [IngressClassKind, 'no controller', { spec: {} }, ['spec.controller: Required value']],
    [
      IngressClassKind,
      'controller',
      { spec: { controller: 'example.com' } },
      ['spec.controller: Invalid value: "example.com": must be a domain-prefixed path (such as "acme.io/foo")'],
    ],
    [
      IngressClassKind,
      'parameters',
      { spec: { controller: 'a.b/{c}', parameters: { kind: 'A', name: 'b', scope: 'Namespace' } } },
      [
        "spec.controller: Invalid value: \"{c}\": Invalid path (regex used for validation is '[A-Za-z0-9/\\-._~%!$&'()*+,;=:]+')",
        "spec.parameters.namespace: Required value: `parameters.scope` is set to 'Namespace'",
      ],
    ],
    [
      IngressClassKind,
      'parameters of the cluster',
      { spec: { controller: 'a.b/c', parameters: { kind: 'A', name: 'b', namespace: 'n' } } },
      ["spec.parameters.namespace: Forbidden: `parameters.scope` is set to 'Cluster'"],
    ],
    [
      NetworkPolicyKind,
      'fine',
      peers({ podSelector: {}, namespaceSelector: {} }, { ipBlock: { cidr: '10.0.0.0/8' } }),
      [],
    ],
    [
      NetworkPolicyKind,
      'peers',
      peers(
        {},
        { podSelector: {}, ipBlock: { cidr: '10.0.0.0/8', except: ['10.0.0.0/8', '11.0.0.0/16', '10.1.2.3/16'] } },
      ),
      [
        'spec.ingress[0].from[0]: Required value: must specify a peer',
        'spec.ingress[0].from[1].ipBlock.except[0]: Invalid value: "10.0.0.0/8": must be a strict subset of `cidr`',
        'spec.ingress[0].from[1].ipBlock.except[1]: Invalid value: "11.0.0.0/16": must be a strict subset of `cidr`',
        'spec.ingress[0].from[1].ipBlock.except[2]: Invalid value: "10.1.2.3/16": must not have bits set beyond the prefix length',
        'spec.ingress[0].from[1]: Forbidden: may not specify both ipBlock and another peer',
      ],
    ],
    [
      NetworkPolicyKind,
      'ports',
      ports({ protocol: 'ICMP' }, { endPort: 2 }, { port: 'http', endPort: 2 }, { port: 3, endPort: 2 }, { port: 0 }),
      [
        'spec.egress[0].ports[0].protocol: Unsupported value: "ICMP": supported values: "TCP", "UDP", "SCTP"',
        'spec.egress[0].ports[1].endPort: Invalid value: 2: may not be specified when `port` is not specified',
        'spec.egress[0].ports[2].endPort: Invalid value: 2: may not be specified when `port` is non-numeric',
        'spec.egress[0].ports[3].endPort: Invalid value: 3: must be greater than or equal to `port`',
        'spec.egress[0].ports[4].port: Invalid value: 0: must be between 1 and 65535, inclusive',
      ],
    ],
    [
      NetworkPolicyKind,
      'directions',
      { spec: { policyTypes: ['Ingress', 'Sideways'] } },
      ['spec.policyTypes[1]: Unsupported value: "Sideways": supported values: "Ingress", "Egress"'],
    ],
    [IPAddressKind, 'fine', { spec: { parentRef } }, []],
    [IPAddressKind, 'no parent', { spec: {} }, ['spec.parentRef: Required value']],
    [
      IPAddressKind,
      'parent',
      { spec: { parentRef: { name: 'a/b' } } },
      ['spec.parentRef.resource: Required value', 'spec.parentRef.name: Invalid value: "a/b": may not contain \'/\''],
    ],
    [ServiceCIDRKind, 'fine', { spec: { cidrs: ['10.0.0.0/8', 'fd00::/112'] } }, []],
    [ServiceCIDRKind, 'none', { spec: {} }, ['spec.cidrs: Required value: at least one CIDR required']],
    [
      ServiceCIDRKind,
      'of one family',
      { spec: { cidrs: ['10.0.0.0/8', '11.0.0.1/8'] } },
      [
        'spec.cidrs[1]: Invalid value: "11.0.0.1/8": must not have bits set beyond the prefix length',
        'spec.cidrs: Invalid value: ["10.0.0.0/8","11.0.0.1/8"]: may specify no more than one IP for each IP family, i.e 192.168.0.0/24 and 2001:db8::/64',
      ],
    ],
  ];
  for (const [kind, name, body, want] of table) {
    test(`${kind.kind}: ${name}`, () => assertLines(createRefusals(kind, body), want));
  }
});

describe('may not change', () => {
  const cidrs = (...all: string[]) => ({ spec: { cidrs: all } });
  const table: [Kind, string, object, object, string[]][] = [
    [
      IngressClassKind,
      'its controller',
      { spec: { controller: 'a.b/c' } },
      { spec: { controller: 'a.b/d' } },
      ['spec.controller: Invalid value: "a.b/d": field is immutable'],
    ],
    [
      IPAddressKind,
      'its parent',
      { spec: { parentRef } },
      { spec: { parentRef: { ...parentRef, name: 'api' } } },
      ['spec.parentRef: Invalid value: {"resource":"services","namespace":"default","name":"api"}: field is immutable'],
    ],
    [ServiceCIDRKind, 'but for a second family', cidrs('10.0.0.0/8'), cidrs('10.0.0.0/8', 'fd00::/112'), []],
    [
      ServiceCIDRKind,
      'its range',
      cidrs('10.0.0.0/8'),
      cidrs('11.0.0.0/8'),
      ['spec.cidrs[0]: Invalid value: "11.0.0.0/8": field is immutable'],
    ],
    [
      ServiceCIDRKind,
      'to fewer',
      cidrs('10.0.0.0/8', 'fd00::/112'),
      cidrs('10.0.0.0/8'),
      ['spec.cidrs: Invalid value: ["10.0.0.0/8"]: field is immutable'],
    ],
  ];
  for (const [kind, name, from, to, want] of table) {
    test(`${kind.kind}: ${name}`, () => assert.deepEqual(changeRefusals(kind, from, to), want));
  }
});

test('a policy restricts what comes in, and what goes out where it says something of that', () => {
  const typesOf = (spec: object) => makeObject(NetworkPolicyKind, { spec }).spec.policyTypes;
  assert.deepEqual([{}, { ingress: [{}] }, { egress: [{}] }, { egress: [{}], policyTypes: ['Egress'] }].map(typesOf), [
    ['Ingress'],
    ['Ingress'],
    ['Ingress', 'Egress'],
    ['Egress'],
  ]);
  const made = makeObject(NetworkPolicyKind, ports({ port: 53 }));
  assert.deepEqual(made.spec.egress[0].ports, [{ port: 53, protocol: 'TCP' }]);
});

test('the annotation of old is answered with a warning, once', () => {
  const old = { metadata: { annotations: { 'kubernetes.io/ingress.class': 'a' } }, spec: {} };
  const text = 'annotation "kubernetes.io/ingress.class" is deprecated, please use \'spec.ingressClassName\' instead';
  assert.deepEqual([IngressKind.warnings!(old), IngressKind.warnings!(old, old)], [[text], []]);
});

describe('columns', () => {
  const rules = ['a', 'b', 'c', 'd', 'e'].map((host) => ({ host }));
  const status = { loadBalancer: { ingress: [{ ip: '10.0.0.2' }, { ip: '10.0.0.1' }, { hostname: 'lb' }] } };
  const table: [Kind, object, unknown[]][] = [
    [IngressKind, { spec: { defaultBackend: backend } }, ['<none>', '*', '', '80', '10m']],
    [
      IngressKind,
      { spec: { ingressClassName: 'nginx', rules, tls: [{}] }, status },
      ['nginx', 'a,b,c + 2 more...', '10.0.0.1,10.0.0.2,lb', '80, 443', '10m'],
    ],
    [IngressClassKind, { spec: { controller: 'a.b/c' } }, ['a.b/c', '<none>', '10m']],
    [
      IngressClassKind,
      { spec: { controller: 'a.b/c', parameters: { apiGroup: 'g.io', kind: 'Settings', name: 's' } } },
      ['a.b/c', 'Settings.g.io/s', '10m'],
    ],
    [NetworkPolicyKind, { spec: {} }, ['<none>', '10m']],
    [NetworkPolicyKind, { spec: { podSelector: { matchLabels: { app: 'web' } } } }, ['app=web', '10m']],
    [IPAddressKind, { spec: { parentRef } }, ['services/default/web']],
    [
      IPAddressKind,
      { spec: { parentRef: { group: 'Gateway.io', resource: 'gateways', name: 'g' } } },
      ['gateways.gateway.io/g'],
    ],
    [ServiceCIDRKind, { spec: { cidrs: ['10.0.0.0/8', 'fd00::/112'] } }, ['10.0.0.0/8,fd00::/112', '10m']],
  ];
  for (const [kind, body, want] of table) {
    test(`${kind.kind} ${want[0]}`, () => assert.deepEqual(cellsOfBody(kind, body), want));
  }
});
