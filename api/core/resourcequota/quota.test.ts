import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import {
  cellsOf,
  createRefusals,
  makeObject,
  statusRefusals,
  updateRefusals,
} from '../../../test/builders/kind-rules.ts';
import { ResourceQuotaKind as kind } from '../resourcequota.ts';

const hard = { pods: '4', 'requests.cpu': '1' };
const scopeOf = (scopeName: string, operator: string, values?: string[]) => ({
  scopeSelector: { matchExpressions: [{ scopeName, operator, ...(values && { values }) }] },
});

describe('refused', () => {
  const at = 'spec.scopeSelector.matchExpressions';
  const table: [string, object, string[]][] = [
    [
      'fine',
      {
        hard: {
          ...hard,
          'count/deployments.apps': '2',
          'requests.nvidia.com/gpu': '1',
          'requests.hugepages-2Mi': '4Mi',
          'gold.storageclass.storage.k8s.io/requests.storage': '1Gi',
          'services.nodeports': '0',
          'limits.ephemeral-storage': '1Gi',
        },
      },
      [],
    ],
    ['priority', { hard, ...scopeOf('PriorityClass', 'In', ['high']) }, []],
    [
      'names',
      { hard: { gpus: '1', storage: '1Gi' } },
      [
        'spec.hard[gpus]: Invalid value: "gpus": must be a standard resource type or fully qualified',
        'spec.hard[gpus]: Invalid value: "gpus": must be a standard resource for quota',
        'spec.hard[storage]: Invalid value: "storage": must be a standard resource for quota',
      ],
    ],
    [
      'amounts',
      { hard: { pods: '1500m', cpu: '-1' } },
      [
        'spec.hard[pods]: Invalid value: "1500m": must be an integer',
        'spec.hard[cpu]: Invalid value: "-1": must be greater than or equal to 0',
      ],
    ],
    [
      'scopes',
      { hard: { pods: '1', services: '1' }, scopes: ['BestEffort', 'NotBestEffort', 'X'] },
      [
        'spec.scopes: Invalid value: ["BestEffort","NotBestEffort","X"]: unsupported scope applied to resource',
        'spec.scopes: Invalid value: ["BestEffort","NotBestEffort","X"]: unsupported scope applied to resource',
        'spec.scopes: Invalid value: ["BestEffort","NotBestEffort","X"]: unsupported scope',
        'spec.scopes: Invalid value: ["BestEffort","NotBestEffort","X"]: conflicting scopes',
      ],
    ],
    [
      'operator of a plain scope',
      { hard, ...scopeOf('Terminating', 'In', ['a']) },
      [
        `${at}.operator: Invalid value: "In": must be 'Exists' when scope is any of ResourceQuotaScopeTerminating, ResourceQuotaScopeNotTerminating, ResourceQuotaScopeBestEffort, ResourceQuotaScopeNotBestEffort or ResourceQuotaScopeCrossNamespacePodAffinity`,
      ],
    ],
    [
      'values',
      { hard, ...scopeOf('PriorityClass', 'In') },
      [
        `${at}.values: Required value: must be at least one value when \`operator\` is 'In' or 'NotIn' for scope selector`,
      ],
    ],
    [
      'what the scope has none of',
      { hard: { cpu: '1' }, ...scopeOf('VolumeAttributesClass', 'Exists') },
      [
        `${at}: Invalid value: {"MatchExpressions":[{"ScopeName":"VolumeAttributesClass","Operator":"Exists","Values":null}]}: unsupported scope applied to resource`,
      ],
    ],
  ];
  for (const [name, spec, want] of table) test(name, () => assert.deepEqual(createRefusals(kind, { spec }), want));
});

test('scopes stay, in any order', () => {
  const old = { spec: { hard: { pods: '1' }, scopes: ['Terminating', 'NotBestEffort'] } };
  const change = (scopes: string[]) => updateRefusals(kind, old, (next) => (next.spec.scopes = scopes));
  assert.deepEqual(change(['NotBestEffort', 'Terminating']), []);
  assert.deepEqual(change(['Terminating']), ['spec.scopes: Invalid value: ["Terminating"]: field is immutable']);
});

test('a status is checked, and none comes with a new quota', () => {
  assert.deepEqual(statusRefusals(kind, { spec: { hard } }, { hard, used: { pods: '-1' } }), [
    'status.used[pods]: Invalid value: "-1": must be greater than or equal to 0',
  ]);
  assert.deepEqual(makeObject(kind, { spec: { hard }, status: { used: { pods: '9' } } }).status, {});
});

test('columns', () => {
  const status = {
    hard: { pods: '4', 'limits.cpu': '2', 'requests.cpu': '1' },
    used: { pods: '1', 'requests.cpu': '500m' },
  };
  assert.deepEqual(cellsOf(kind, { spec: {}, status }), ['pods: 1/4, requests.cpu: 500m/1', 'limits.cpu: 0/2', '10m']);
  assert.deepEqual(cellsOf(kind, { spec: {}, status: {} }), ['', '', '10m']);
});

test('of many wrong scopes some are told of, each time with all', () => {
  const scopes = Array.from({ length: 2000 }, (_, i) => `s${i}`);
  const matchExpressions = Array.from({ length: 2000 }, () => ({ scopeName: 'BestEffort', operator: 'Exists' }));
  assert.equal(createRefusals(kind, { spec: { hard: { cpu: '1' }, scopes } }).length, 10);
  assert.equal(createRefusals(kind, { spec: { hard: { cpu: '1' }, scopeSelector: { matchExpressions } } }).length, 10);
});

test('many scopes and many resources are looked at in linear time', () => {
  const names = Array.from({ length: 20_000 }, (_, i) => [`count/things.example${i}.com`, '1']);
  const expression = { scopeName: 'Terminating', operator: 'Exists' };
  const spec = {
    hard: Object.fromEntries(names),
    scopeSelector: { matchExpressions: Array.from({ length: 20_000 }, () => expression) },
  };
  const start = process.cpuUsage();
  assert.deepEqual(createRefusals(kind, { spec }), []);
  const { user } = process.cpuUsage(start);
  assert.ok(user < 2_000_000, `${user / 1000} ms`);
});
