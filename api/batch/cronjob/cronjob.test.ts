import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { cellsOf, createRefusals, makeObject, updateRefusals } from '../../../test/builders/kind-rules.ts';
import { CronJobKind as kind } from '../cronjob.ts';
import { parseSchedule } from './schedule.ts';

const container = { name: 'c', image: 'nginx:1' };
const template = { spec: { restartPolicy: 'Never', containers: [container] } };
const spec = { schedule: '*/5 * * * *', jobTemplate: { spec: { template } } };

test('defaults go no deeper than the pods of its jobs', () => {
  const made = makeObject(kind, { spec }).spec;
  assert.deepEqual(
    [made.concurrencyPolicy, made.suspend, made.successfulJobsHistoryLimit, made.failedJobsHistoryLimit],
    ['Allow', false, 3, 1],
  );
  assert.deepEqual(Object.keys(made.jobTemplate.spec), ['template']);
  assert.equal(made.jobTemplate.spec.template.spec.dnsPolicy, 'ClusterFirst');
});

describe('a schedule', () => {
  const days = (text: string) => {
    const schedule = parseSchedule(text);
    assert.ok('minutes' in schedule);
    const { minutes, hours, daysOfMonth, months, daysOfWeek, anyDayOfMonth, anyDayOfWeek } = schedule;
    const short = (values: readonly number[]) => (values.length > 10 ? values.length : values);
    return [minutes, hours, daysOfMonth, months, daysOfWeek].map(short).concat([+anyDayOfMonth, +anyDayOfWeek]);
  };
  const table: [string, unknown[]][] = [
    ['* * * * *', [60, 24, 31, 12, [0, 1, 2, 3, 4, 5, 6], 1, 1]],
    ['0,30 8-10/2 1 jan,DEC mon-fri', [[0, 30], [8, 10], [1], [1, 12], [1, 2, 3, 4, 5], 0, 0]],
    ['5/20 ? */16 * 6', [[5, 25, 45], 24, [1, 17], 12, [6], 0, 0]],
    ['  1   2 3  4 5 ', [[1], [2], [3], [4], [5], 0, 0]],
    ['@weekly', [[0], [0], 31, 12, [0], 1, 0]],
    ['TZ=UTC 0 0 1 1 *', [[0], [0], [1], [1], [0, 1, 2, 3, 4, 5, 6], 0, 1]],
  ];
  for (const [text, want] of table) test(text, () => assert.deepEqual(days(text), want));

  test('an interval is whole seconds, at least one', () => {
    assert.deepEqual(parseSchedule('@every 1h30m'), { everyMs: 5_400_000 });
    assert.deepEqual(parseSchedule('@every 10ms'), { everyMs: 1000 });
  });

  const refused: [string, string][] = [
    ['', 'empty spec string'],
    ['* * * *', 'expected exactly 5 fields, found 4: [* * * *]'],
    ['0 0 * * * *', 'expected exactly 5 fields, found 6: [0 0 * * * *]'],
    ['61 * * * *', 'end of range (61) above maximum (59): 61'],
    ['* * 0 * *', 'beginning of range (0) below minimum (1): 0'],
    ['* * * * 7', 'end of range (7) above maximum (6): 7'],
    ['5-1 * * * *', 'beginning of range (5) beyond end of range (1): 5-1'],
    ['1-2-3 * * * *', 'too many hyphens: 1-2-3'],
    ['1/2/3 * * * *', 'too many slashes: 1/2/3'],
    ['*/0 * * * *', 'step of range should be a positive number: */0'],
    ['x * * * *', 'failed to parse int from x: strconv.Atoi: parsing "x": invalid syntax'],
    ['@sometimes', 'unrecognized descriptor: @sometimes'],
    ['@every x', 'failed to parse duration @every x: time: invalid duration "x"'],
    ['TZ=UTC', 'expected exactly 5 fields, found 0: []'],
  ];
  for (const [text, want] of refused) {
    test(`refused: ${text}`, () => assert.throws(() => parseSchedule(text), { message: want }));
  }

  test('a long one is read in no time', () => {
    assert.throws(() => parseSchedule(`${'1-2,'.repeat(100_000)}99 * * * *`), /end of range \(99\) above maximum/);
  });
});

describe('refused', () => {
  const long = 'n'.repeat(53);
  const table: [string, any, string[]][] = [
    ['fine', { spec: { ...spec, timeZone: 'Europe/Vienna' } }, []],
    ['an alias of a zone', { spec: { ...spec, timeZone: 'US/Eastern' } }, []],
    ['no schedule', { spec: { ...spec, schedule: '' } }, ['spec.schedule: Required value']],
    [
      'zone in the schedule',
      { spec: { ...spec, schedule: 'CRON_TZ=UTC * * * * *' } },
      [
        'spec.schedule: Invalid value: "CRON_TZ=UTC * * * * *": cannot use TZ or CRON_TZ in schedule, use timeZone field instead',
      ],
    ],
    [
      'no such zone',
      { spec: { ...spec, timeZone: 'Europe/Pariss' } },
      ['spec.timeZone: Invalid value: "Europe/Pariss": unknown time zone Europe/Pariss'],
    ],
    [
      'zone in another spelling',
      { spec: { ...spec, timeZone: 'europe/vienna' } },
      ['spec.timeZone: Invalid value: "europe/vienna": unknown time zone europe/vienna'],
    ],
    [
      'an offset',
      { spec: { ...spec, timeZone: '+01' } },
      ['spec.timeZone: Invalid value: "+01": unknown time zone +01'],
    ],
    [
      'the zone of whoever runs it',
      { spec: { ...spec, timeZone: 'Local' } },
      [
        'spec.timeZone: Invalid value: "Local": timeZone must be an explicit time zone as defined in https://www.iana.org/time-zones',
      ],
    ],
    [
      'empty zone',
      { spec: { ...spec, timeZone: '' } },
      ['spec.timeZone: Invalid value: "": timeZone must be nil or non-empty string'],
    ],
    [
      'long name',
      { metadata: { name: long }, spec },
      [`metadata.name: Invalid value: "${long}": must be no more than 52 characters`],
    ],
    [
      'numbers and words',
      { spec: { ...spec, startingDeadlineSeconds: -1, failedJobsHistoryLimit: -1, concurrencyPolicy: 'X' } },
      [
        'spec.startingDeadlineSeconds: Invalid value: -1: must be greater than or equal to 0',
        'spec.concurrencyPolicy: Unsupported value: "X": supported values: "Allow", "Forbid", "Replace"',
        'spec.failedJobsHistoryLimit: Invalid value: -1: must be greater than or equal to 0',
      ],
    ],
    [
      'a job with a selector of its own',
      {
        spec: {
          ...spec,
          jobTemplate: { spec: { template, manualSelector: true, selector: { matchLabels: { a: 'b' } } } },
        },
      },
      [
        'spec.jobTemplate.spec.selector: Invalid value: {"matchLabels":{"a":"b"}}: `selector` will be auto-generated',
        'spec.jobTemplate.spec.manualSelector: Unsupported value: true: supported values: "nil", "false"',
      ],
    ],
    [
      'pods that never end',
      { spec: { ...spec, jobTemplate: { spec: { template: { spec: { containers: [container] } } } } } },
      ['spec.jobTemplate.spec.template.spec.restartPolicy: Required value: valid values: "OnFailure", "Never"'],
    ],
  ];
  for (const [name, body, want] of table) test(name, () => assert.deepEqual(createRefusals(kind, body), want));
});

test('a zone that was in the schedule may stay there, alone', () => {
  const old = { spec: { ...spec, schedule: 'TZ=UTC * * * * *' } };
  const change = (body: object, to: object) => updateRefusals(kind, body, (next) => Object.assign(next.spec, to));
  assert.deepEqual(change(old, { suspend: true }), []);
  assert.deepEqual(change(old, { timeZone: 'UTC' }), [
    'spec.schedule: Invalid value: "TZ=UTC * * * * *": cannot use both timeZone field and TZ or CRON_TZ in schedule',
  ]);
  assert.deepEqual(change({ spec }, { schedule: 'TZ=UTC * * * * *' }), [
    'spec.schedule: Invalid value: "TZ=UTC * * * * *": cannot use TZ or CRON_TZ in schedule, use timeZone field instead',
  ]);
});

test('columns and warning', () => {
  const object = makeObject(kind, { spec });
  const status = { active: [{}], lastScheduleTime: '2026-01-01T00:08:00Z' };
  assert.deepEqual(cellsOf(kind, { ...object, status }), [
    '*/5 * * * *',
    '<none>',
    'False',
    1,
    '2m',
    '10m',
    'c',
    'nginx:1',
    '<none>',
  ]);
  assert.match(
    kind.warnings!({ ...object, metadata: { name: 'a.b' } }).join(),
    /^metadata.name: .* a DNS label is recommended: \[must not contain dots\]$/,
  );
  assert.deepEqual(kind.warnings!(object), []);
});
