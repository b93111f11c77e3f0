// Flow schemas and priority levels: what is refused, what is filled in, the cells of the columns.
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { decodeValue } from '../../machinery/decode.ts';
import { deepFreeze } from '../../machinery/json.ts';
import type { Kind } from '../../machinery/kind.ts';
import { FlowSchemaKind } from './flowschema.ts';
import { mandatoryFlowSchemas, mandatoryPriorityLevels } from './mandatory.ts';
import { PriorityLevelConfigurationKind } from './prioritylevelconfiguration.ts';

function make(kind: Kind, spec: object, name = 'x'): any {
  const draft = decodeValue(kind.storage.schema, { metadata: { name }, spec }).value;
  kind.storage.setDefaults?.(draft);
  return deepFreeze(draft);
}
const refusals = (kind: Kind, spec: object, name?: string) =>
  kind.validate!(make(kind, spec, name)).map((e) => `${e.field}: ${e.detail}`);
const row = (kind: Kind, spec: object) =>
  kind.columns!.filter((c) => c.name !== 'Age').map((c) => c.cell(make(kind, spec), { nowMs: 0 }));

const rule = { verbs: ['get'], apiGroups: [''], resources: ['pods'], namespaces: ['*'] };
const rules = { subjects: [{ kind: 'User', user: { name: 'u' } }], resourceRules: [rule] };
const schema = (more: object = {}) => ({ priorityLevelConfiguration: { name: 'p' }, rules: [rules], ...more });
const withRules = (more: object) => schema({ rules: [{ ...rules, ...more }] });
const queuing = { queues: 64, handSize: 6, queueLengthLimit: 50 };
const limited = (more: object = {}) => ({
  type: 'Limited',
  limited: { limitResponse: { type: 'Queue', queuing }, ...more },
});

describe('a flow schema is refused', () => {
  const table: [string, object, string[]][] = [
    ['never, when it is fine', schema(), []],
    [
      'no level, first of all',
      schema({ priorityLevelConfiguration: {}, matchingPrecedence: 1 }),
      [
        "spec.matchingPrecedence: Invalid value: 1: only the schema named 'exempt' may have matchingPrecedence 1",
        'spec.priorityLevelConfiguration.name: Required value: must reference a priority level',
      ],
    ],
    [
      'precedence and method',
      schema({ matchingPrecedence: 10001, distinguisherMethod: { type: 'X' } }),
      [
        'spec.matchingPrecedence: Invalid value: 10001: must not be greater than 10000',
        'spec.distinguisherMethod.type: Unsupported value: {"Type":"X"}: supported values: "ByNamespace", "ByUser"',
      ],
    ],
    [
      'nobody and nothing',
      schema({ rules: [{}] }),
      [
        'spec.rules[0].subjects: Required value: subjects must contain at least one value',
        'spec.rules[0]: Required value: at least one of resourceRules and nonResourceRules has to be non-empty',
      ],
    ],
    [
      'subjects',
      withRules({
        subjects: [
          { kind: 'ServiceAccount', serviceAccount: { name: '*' }, user: { name: 'u' } },
          { kind: 'Robot' },
          { kind: 'Group' },
        ],
      }),
      [
        'spec.rules[0].subjects[0].serviceAccount.namespace: Required value: must specify namespace for service account',
        "spec.rules[0].subjects[0].user: Forbidden: user is forbidden when subject kind is not 'User'",
        'spec.rules[0].subjects[1].kind: Unsupported value: "Robot": supported values: "Group", "ServiceAccount", "User"',
        "spec.rules[0].subjects[2].group: Required value: group is required when subject kind is 'Group'",
      ],
    ],
    [
      'lists',
      withRules({ resourceRules: [{ verbs: ['fly'], apiGroups: ['*', ''], resources: [], namespaces: [] }] }),
      [
        'spec.rules[0].resourceRules[0].verbs: Unsupported value: ["fly"]: supported values: "create", "delete", "deletecollection", "get", "list", "patch", "proxy", "update", "watch"',
        `spec.rules[0].resourceRules[0].apiGroups: Invalid value: ["*",""]: if '*' is present, must not specify other api groups`,
        'spec.rules[0].resourceRules[0].resources: Required value: resource rules must supply at least one resource',
        'spec.rules[0].resourceRules[0].namespaces: Required value: resource rules that are not cluster scoped must supply at least one namespace',
      ],
    ],
    [
      'paths',
      withRules({ nonResourceRules: [{ verbs: ['get'], nonResourceURLs: ['a', '/a b', '/a//b', '/a*', '/a/*'] }] }),
      [
        'spec.rules[0].nonResourceRules[0].nonResourceURLs[0]: Invalid value: "a": must start with slash',
        'spec.rules[0].nonResourceRules[0].nonResourceURLs[1]: Invalid value: "/a b": must not contain white-space',
        'spec.rules[0].nonResourceRules[0].nonResourceURLs[2]: Invalid value: "/a//b": must not contain double slash',
        'spec.rules[0].nonResourceRules[0].nonResourceURLs[3]: Invalid value: "/a*": wildcard can only do suffix matching',
      ],
    ],
  ];
  for (const [what, spec, errors] of table) test(what, () => assert.deepEqual(refusals(FlowSchemaKind, spec), errors));
});

describe('a priority level is refused', () => {
  const table: [string, object, string[]][] = [
    ['never, when it is fine', limited(), []],
    [
      'exempt under another name',
      { type: 'Exempt' },
      ["spec.type: Invalid value: \"Exempt\": type must be 'Exempt' if and only if name is 'exempt'"],
    ],
    ['no limit', { type: 'Limited' }, ['spec.limited: Required value: must not be empty when type is Limited']],
    ['unknown', { type: 'X' }, ['spec.type: Unsupported value: "X": supported values: "Exempt", "Limited"']],
    [
      'shares',
      limited({ nominalConcurrencyShares: -1, lendablePercent: 101, borrowingLimitPercent: -1 }),
      [
        'spec.limited.nominalConcurrencyShares: Invalid value: -1: must be a non-negative integer',
        'spec.limited.lendablePercent: Invalid value: 101: must be between 0 and 100, inclusive',
        'spec.limited.borrowingLimitPercent: Invalid value: -1: if specified, must be a non-negative integer',
      ],
    ],
    [
      'queues that reject',
      limited({ limitResponse: { type: 'Reject', queuing } }),
      ['spec.limited.limitResponse.queuing: Forbidden: must be nil if limited.limitResponse.type is not Limited'],
    ],
    [
      'a large hand',
      limited({ limitResponse: { type: 'Queue', queuing: { ...queuing, queues: 4 } } }),
      ['spec.limited.limitResponse.queuing.handSize: Invalid value: 6: should not be greater than queues (4)'],
    ],
    [
      'more entropy than a hash has',
      limited({ limitResponse: { type: 'Queue', queuing: { ...queuing, handSize: 11 } } }),
      [
        'spec.limited.limitResponse.queuing.handSize: Invalid value: 11: required entropy bits of deckSize 64 and handSize 11 should not be greater than 60',
      ],
    ],
  ];
  for (const [what, spec, errors] of table) {
    test(what, () => assert.deepEqual(refusals(PriorityLevelConfigurationKind, spec), errors));
  }
});

describe('what must be what it is', () => {
  test('is taken as it is, and not otherwise', () => {
    const levels = PriorityLevelConfigurationKind;
    for (const [name, spec] of Object.entries(mandatoryFlowSchemas)) {
      assert.deepEqual(refusals(FlowSchemaKind, spec, name), []);
      const [error] = refusals(FlowSchemaKind, { ...spec, rules: [] }, name);
      assert.match(error ?? '', new RegExp(`^spec: Invalid value: .*: spec of '${name}' must equal the fixed value$`));
    }
    for (const [name, spec] of Object.entries(mandatoryPriorityLevels)) {
      assert.deepEqual(refusals(levels, spec, name), []);
    }
    const open = { type: 'Exempt', exempt: { nominalConcurrencyShares: 7, lendablePercent: 10 } };
    assert.deepEqual(refusals(levels, open, 'exempt'), [], 'shares of the exempt level are free');
    const [error] = refusals(levels, limited(), 'catch-all');
    assert.match(error ?? '', /spec of 'catch-all' must equal the fixed value$/);
  });
});

test('defaults and columns', () => {
  const level = make(PriorityLevelConfigurationKind, {
    type: 'Limited',
    limited: { limitResponse: { type: 'Queue', queuing: {} } },
  });
  assert.deepEqual(level.spec.limited, {
    nominalConcurrencyShares: 30,
    lendablePercent: 0,
    limitResponse: { type: 'Queue', queuing: { queues: 64, handSize: 8, queueLengthLimit: 50 } },
  });
  assert.equal(make(FlowSchemaKind, schema()).spec.matchingPrecedence, 1000);
  assert.deepEqual(row(PriorityLevelConfigurationKind, limited()), ['Limited', 30, 64, 6, 50]);
  assert.deepEqual(row(PriorityLevelConfigurationKind, { type: 'Exempt' }), ['Exempt', ...Array(4).fill('<none>')]);
  assert.deepEqual(row(FlowSchemaKind, schema()), ['p', 1000, '<none>', '?']);
});
