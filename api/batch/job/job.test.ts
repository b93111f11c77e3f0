import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import {
  assertLines,
  createRefusals,
  makeObject,
  statusRefusals,
  updateRefusals,
} from '../../../test/builders/kind-rules.ts';
import { JobKind as kind } from '../job.ts';

const container = { name: 'c', image: 'nginx:1' };
const template = { spec: { restartPolicy: 'Never', containers: [container] } };
const job = (spec: object, metadata: object = {}) => ({ metadata, spec: { template, ...spec } });
const indexed = (spec: object = {}) => job({ completionMode: 'Indexed', completions: 5, ...spec });
const failing = (rule: object, spec: object = {}) =>
  job({ podFailurePolicy: { rules: [{ action: 'FailJob', ...rule }] }, ...spec });
const succeeding = (rule: object) => indexed({ successPolicy: { rules: [rule] } });
const exit = (onExitCodes: object) => failing({ onExitCodes: { operator: 'In', values: [1], ...onExitCodes } });
const rule = 'spec.podFailurePolicy.rules[0]';
const success = 'spec.successPolicy.rules[0]';
const mismatch = 'spec.template.metadata.labels: Invalid value: ';

describe('refused', () => {
  const table: [string, object, (string | RegExp)[]][] = [
    ['fine', indexed({ parallelism: 100_000, managedBy: 'example.com/foo' }), []],
    [
      'managed by a bare word',
      job({ managedBy: 'a b' }),
      ['spec.managedBy: Invalid value: "a b": must be a domain-prefixed path (such as "acme.io/foo")'],
    ],
    [
      'managed by a long name',
      job({ managedBy: `example.com/${'x'.repeat(60)}` }),
      ['spec.managedBy: Too long: may not be more than 63 bytes'],
    ],
    [
      'names of pods that are too long for hosts',
      { ...indexed(), metadata: { name: 'x'.repeat(62) } },
      [/^metadata\.name: Invalid value: "x+": will not able to create pod with invalid DNS label: x+-4$/],
    ],
    [
      'failed indexes without a limit for each',
      indexed({ maxFailedIndexes: 1 }),
      ['spec.backoffLimitPerIndex: Required value: when maxFailedIndexes is specified'],
    ],
    [
      'more failed indexes than indexes',
      indexed({ maxFailedIndexes: 6, backoffLimitPerIndex: 1 }),
      ['spec.maxFailedIndexes: Invalid value: 6: must be less than or equal to completions'],
    ],
    [
      'many completions, each with its limit',
      indexed({ completions: 100_001, parallelism: 10_001, backoffLimitPerIndex: 1 }),
      [
        'spec.maxFailedIndexes: Required value: must be specified when completions is above 100000',
        'spec.parallelism: Invalid value: 10001: must be less than or equal to 10000 when completions are above 100000 and used with backoff limit per index',
      ],
    ],
    [
      'too many failed indexes of many',
      indexed({ completions: 1_000_000, backoffLimitPerIndex: 1, maxFailedIndexes: 100_001 }),
      [
        'spec.maxFailedIndexes: Invalid value: 100001: must be less than or equal to 100000',
        'spec.maxFailedIndexes: Invalid value: 100001: must be less than or equal to 10000 when completions are above 100000 and used with backoff limit per index',
      ],
    ],
    [
      'no action',
      failing({ action: '', onExitCodes: { operator: 'In', values: [1] } }),
      [`${rule}.action: Required value: valid values: ["Count" "FailIndex" "FailJob" "Ignore"]`],
    ],
    [
      'no operator',
      exit({ operator: '' }),
      [`${rule}.onExitCodes.operator: Required value: valid values: ["In" "NotIn"]`],
    ],
    [
      'a container without a name',
      exit({ containerName: '' }),
      [
        `${rule}.onExitCodes.containerName: Invalid value: "": must be one of the container or initContainer names in the pod template`,
      ],
    ],
    [
      'both codes and conditions',
      failing({ onExitCodes: { operator: 'In', values: [1] }, onPodConditions: [{ type: 'DisruptionTarget' }] }),
      [`${rule}: Invalid value: specifying both OnExitCodes and OnPodConditions is not supported`],
    ],
    [
      'too many conditions',
      failing({ onPodConditions: Array.from({ length: 21 }, (_, i) => ({ type: `T${i}` })) }),
      [`${rule}.onPodConditions: Too many: 21: must have at most 20 items`],
    ],
    [
      'pods are replaced before they have failed',
      failing({ onPodConditions: [{ type: 'X' }] }, { podReplacementPolicy: 'TerminatingOrFailed' }),
      ['spec.podReplacementPolicy: Unsupported value: "TerminatingOrFailed": supported values: "Failed"'],
    ],
    [
      'an empty replacement policy',
      job({ podReplacementPolicy: '' }),
      ['spec.podReplacementPolicy: Unsupported value: "": supported values: "Failed", "TerminatingOrFailed"'],
    ],
    [
      'indexes that are none',
      succeeding({ succeededIndexes: 'invalid-format' }),
      [
        `${success}.succeededIndexes: Invalid value: "invalid-format": error parsing succeededIndexes: cannot convert string to integer for index: "invalid"`,
      ],
    ],
    [
      'indexes beyond the last',
      succeeding({ succeededIndexes: '3-5' }),
      [`${success}.succeededIndexes: Invalid value: "3-5": error parsing succeededIndexes: too large index: "5"`],
    ],
    [
      'indexes that fall',
      succeeding({ succeededIndexes: '3,1' }),
      [
        `${success}.succeededIndexes: Invalid value: "3,1": error parsing succeededIndexes: non-increasing order, previous: 3, current: 1`,
      ],
    ],
    [
      'a run of three ends',
      succeeding({ succeededIndexes: '0-1-2' }),
      [
        `${success}.succeededIndexes: Invalid value: "0-1-2": error parsing succeededIndexes: the fragment "0-1-2" violates the requirement that an index interval can have at most two parts separated by '-'`,
      ],
    ],
    [
      'more successes than indexes',
      succeeding({ succeededCount: 6, succeededIndexes: '0-2' }),
      [
        `${success}.succeededCount: Invalid value: 6: must be less than or equal to 5 (the number of specified completions)`,
        `${success}.succeededCount: Invalid value: 6: must be less than or equal to 3 (the number of indexes in the specified succeededIndexes field)`,
      ],
    ],
    [
      'very long indexes',
      succeeding({ succeededIndexes: '1'.repeat(65_537) }),
      [`${success}.succeededIndexes: Too long: may not be more than 65536 bytes`, /cannot convert string to integer/],
    ],
    [
      'labels of its own in the place of generated ones',
      job({ template: { ...template, metadata: { labels: { 'controller-uid': 'u' } } } }),
      [/^spec\.template\.metadata\.labels\[controller-uid\]: Invalid value: \{"batch.*\}: must be '0{8}-/],
    ],
    [
      'a selector for other pods',
      job({ selector: { matchLabels: { 'batch.kubernetes.io/controller-uid': 'u' } } }),
      [/^spec\.selector: Invalid value: .*`selector` not auto-generated$/, new RegExp(`^${mismatch}`)],
    ],
    ['a selector by the name of the job', job({ selector: { matchLabels: { 'job-name': 'x' } } }), []],
  ];
  for (const [name, body, want] of table) test(name, () => assertLines(createRefusals(kind, body), want));
});

describe('changes', () => {
  const affinity = (parts: object) => (next: any) => Object.assign(next.spec.template.spec, { affinity: parts });
  const nodeAffinity = {
    requiredDuringSchedulingIgnoredDuringExecution: {
      nodeSelectorTerms: [{ matchFields: [{ key: 'metadata.name', operator: 'In', values: ['n'] }] }],
    },
  };
  const podAffinity = {
    preferredDuringSchedulingIgnoredDuringExecution: [
      { weight: 1, podAffinityTerm: { topologyKey: 'a', labelSelector: { matchLabels: { a: 'b' } } } },
    ],
  };
  const resources = (next: any) =>
    Object.assign(next.spec.template.spec.containers[0], { resources: { requests: { cpu: '1' } } });
  const image = (next: any) => Object.assign(next.spec.template.spec.containers[0], { image: 'other' });
  const near = job({ suspend: true, template: { spec: { ...template.spec, affinity: { podAffinity } } } });
  const suspended = job({ suspend: true });
  const startTime = '2026-01-01T00:00:00Z';
  const hasStopped = { startTime, conditions: [{ type: 'Suspended', status: 'True' }] };
  const immutable = [/^spec\.template: Invalid value: .*field is immutable$/];
  const table: [string, object, (next: any) => void, RegExp[], object?][] = [
    ['resources while suspended', suspended, resources, []],
    ['resources while it runs', job({}), resources, immutable],
    ['resources while pods end', suspended, resources, immutable, { active: 1 }],
    ['resources once its pods are gone', suspended, resources, [], hasStopped],
    ['resources before it has stopped', suspended, resources, immutable, { startTime }],
    ['an image while suspended', suspended, image, immutable],
    ['where nodes are', near, affinity({ podAffinity, nodeAffinity }), []],
    ['where pods are', near, affinity({}), immutable],
    [
      'no more completions',
      indexed(),
      (next) => delete next.spec.completions,
      [/^spec\.completions: Required value: when completion mode is Indexed$/],
    ],
  ];
  for (const [name, body, change, want, status] of table) {
    test(name, () => assertLines(updateRefusals(kind, body, change, status), want));
  }
});

describe('a status', () => {
  const on = (...types: string[]) => types.map((type) => ({ type, status: 'True' }));
  const [startTime, completionTime] = ['2026-01-01T00:01:00Z', '2026-01-01T00:02:00Z'];
  const complete = { startTime, completionTime, conditions: on('SuccessCriteriaMet', 'Complete') };
  const failed = { startTime, conditions: on('FailureTarget', 'Failed') };
  const conditions = (detail: string) => [`status.conditions: Invalid value: cannot ${detail}`];
  const perIndex = indexed({ backoffLimitPerIndex: 1 });
  const table: [string, object, object, object, string[]][] = [
    ['complete', job({}), {}, complete, []],
    ['failed', job({}), {}, failed, []],
    [
      'counts below zero',
      job({}),
      {},
      { active: -1, ready: -1, terminating: -1 },
      [
        'status.active: Invalid value: -1: must be greater than or equal to 0',
        'status.ready: Invalid value: -1: must be greater than or equal to 0',
        'status.terminating: Invalid value: -1: must be greater than or equal to 0',
      ],
    ],
    [
      'pods that wait twice',
      job({}),
      {},
      { uncountedTerminatedPods: { succeeded: ['a', ''], failed: ['a'] } },
      [
        'status.uncountedTerminatedPods.succeeded[1]: Invalid value: "": must not be empty',
        'status.uncountedTerminatedPods.failed[0]: Duplicate value: "a"',
      ],
    ],
    [
      'complete and failed',
      job({}),
      { ...complete, conditions: on('SuccessCriteriaMet') },
      { ...complete, conditions: on('Complete', 'Failed', 'FailureTarget') },
      [
        ...conditions('set Complete=True and Failed=true conditions'),
        ...conditions('set Complete=True and FailureTarget=true conditions'),
        ...conditions('set Complete=True condition without the SuccessCriteriaMet=true condition'),
        ...conditions('disable the SuccessCriteriaMet=True condition'),
      ],
    ],
    [
      'an end that was not announced',
      job({}),
      {},
      { ...failed, conditions: on('Failed') },
      conditions('set Failed=True condition without the FailureTarget=true condition'),
    ],
    [
      'no time of completion',
      job({}),
      {},
      { ...complete, completionTime: undefined },
      ['status.completionTime: Required value: completionTime is required for Complete jobs'],
    ],
    [
      'completed before the start',
      job({}),
      {},
      { ...complete, completionTime: '2026-01-01T00:00:00Z' },
      ['status.completionTime: Invalid value: "2026-01-01T00:00:00Z": completionTime cannot be set before startTime'],
    ],
    [
      'completed without an end',
      job({}),
      {},
      { completionTime },
      [
        `status.completionTime: Invalid value: "${completionTime}": cannot set completionTime when there is no Complete=True condition`,
      ],
    ],
    [
      'never started',
      job({}),
      {},
      { ...failed, startTime: undefined },
      ['status.startTime: Required value: startTime is required for finished job'],
    ],
    [
      'pods of a finished job',
      job({}),
      {},
      { ...failed, active: 1, terminating: 1, uncountedTerminatedPods: { failed: ['a'] } },
      [
        'status.active: Invalid value: 1: active>0 is invalid for finished job',
        'status.uncountedTerminatedPods: Invalid value: {"failed":["a"]}: uncountedTerminatedPods needs to be empty for finished job',
        'status.terminating: Invalid value: 1: terminating>0 is invalid for finished job',
      ],
    ],
    [
      'indexes beyond the last',
      perIndex,
      {},
      { completedIndexes: '5', failedIndexes: '1,1' },
      [
        'status.completedIndexes: Invalid value: "5": error parsing completedIndexes: too large index: "5"',
        'status.failedIndexes: Invalid value: "1,1": error parsing failedIndexes: non-increasing order, previous: 1, current: 1',
      ],
    ],
    [
      'indexes of both sorts',
      perIndex,
      {},
      { completedIndexes: '0,2-4', failedIndexes: '1,3' },
      ['status.failedIndexes: Invalid value: "1,3": failedIndexes and completedIndexes overlap at index: 3'],
    ],
    ['what was wrong before', perIndex, { completedIndexes: '5' }, { completedIndexes: '5', active: 1 }, []],
    [
      'indexes of a job without',
      job({ completions: 1 }),
      {},
      { completedIndexes: '0', failedIndexes: '' },
      [
        'status.completedIndexes: Invalid value: "0": cannot set non-empty completedIndexes when non-indexed completion mode',
        'status.failedIndexes: Invalid value: "": cannot set non-null failedIndexes when backoffLimitPerIndex is null',
      ],
    ],
    [
      'more ready than active',
      job({}),
      {},
      { active: 1, ready: 2 },
      ['status.ready: Invalid value: 2: cannot set more ready pods than active'],
    ],
    [
      'fewer than before',
      job({}),
      { failed: 2, succeeded: 2 },
      { failed: 1, succeeded: 1 },
      [
        'status.failed: Invalid value: 1: cannot decrease the failed counter',
        'status.succeeded: Invalid value: 1: cannot decrease the succeeded counter',
      ],
    ],
    ['fewer successes of a job that shrinks', indexed({ parallelism: 5 }), { succeeded: 2 }, { succeeded: 1 }, []],
    [
      'an end that is taken back',
      job({}),
      failed,
      { startTime },
      [
        ...conditions('disable the terminal Failed=True condition'),
        ...conditions('disable the terminal FailureTarget=True condition'),
      ],
    ],
    [
      'another completion',
      job({}),
      complete,
      { ...complete, completionTime: '2026-01-01T00:03:00Z' },
      ['status.completionTime: Invalid value: "2026-01-01T00:03:00Z": completionTime cannot be mutated'],
    ],
    [
      'another start',
      job({}),
      { startTime },
      { startTime: completionTime },
      [`status.startTime: Invalid value: "${completionTime}": field is immutable for unsuspended job once set`],
    ],
    [
      'another start, when it goes on',
      job({}),
      { startTime, conditions: on('Suspended') },
      { startTime: completionTime, conditions: [{ type: 'Suspended', status: 'False' }] },
      [],
    ],
  ];
  for (const [name, body, old, next, want] of table) {
    test(name, () => assert.deepEqual(statusRefusals(kind, body, next, old), want));
  }
});

test('labels that its author gave the pods stay', () => {
  const { spec } = makeObject(kind, job({ template: { ...template, metadata: { labels: { 'job-name': 'y' } } } }));
  assert.equal(spec.template.metadata.labels['job-name'], 'y');
});
