// What the comparison of lives lets pass, and what not.
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { compareLives, compareTransitions } from './compare-transitions.ts';

const pending = 'Pending | c=waiting:ContainerCreating | !Ready';
const running = 'Running | c=running ready | Ready';
const ended = 'Running | c=terminated:Completed/0 | !Ready';
const done = 'Succeeded | c=terminated:Completed/0 | !Ready';
const again = 'Running | c=running ready r1 | Ready';
const endedAgain = 'Running | c=terminated:Completed/0 r1 | !Ready';
const waiting = 'Running | c=waiting:CrashLoopBackOff r1 | !Ready';

const cases: { name: string; recorded: string[]; observed: string[]; lasts?: boolean; want: string[] }[] = [
  { name: 'the same', recorded: [pending, running, done], observed: [pending, running, done], want: [] },
  {
    name: 'too short to be told',
    recorded: [pending, running, ended, done],
    observed: [pending, 'Pending | c=terminated:Completed/0 | !Ready', done],
    want: [],
  },
  {
    name: 'too short even for that',
    recorded: ['Pending | c=waiting | !Ready', 'Running | c=terminated:Completed/0 | !Ready', done],
    observed: ['Pending | c=waiting | !Ready', done],
    want: [],
  },
  {
    name: 'ready before it is told to run',
    recorded: ['Pending | c=waiting | !Ready', 'Running | c=running | !Ready', running],
    observed: ['Pending | c=waiting | !Ready', running],
    lasts: true,
    want: [],
  },
  {
    name: 'restarted before the first end is told',
    recorded: [pending, ended, endedAgain],
    observed: [pending, endedAgain],
    lasts: true,
    want: [],
  },
  {
    name: 'long enough, and not told',
    recorded: [pending, running, ended, done],
    observed: [pending, ended, done],
    lasts: true,
    want: [`not seen: ${running}`],
  },
  {
    name: 'a step of one container',
    recorded: ['Pending | a=waiting | b=waiting | !Ready', 'Running | a=running | b=running | Ready'],
    observed: [
      'Pending | a=waiting | b=waiting | !Ready',
      'Running | a=running | b=waiting | !Ready',
      'Running | a=running | b=running | Ready',
    ],
    want: [],
  },
  {
    name: 'a step of one container and some conditions, which a slow machine merges with the next',
    recorded: [
      'Pending | a=waiting | b=waiting | !Initialized,!Ready',
      'Pending | a=running ready | b=waiting | Initialized,!Ready',
      'Running | a=running ready | b=running ready | Initialized,Ready',
    ],
    observed: [
      'Pending | a=waiting | b=waiting | !Initialized,!Ready',
      'Running | a=running ready | b=running ready | Initialized,Ready',
    ],
    lasts: true,
    want: [],
  },
  {
    name: 'something else in between',
    recorded: [pending, running],
    observed: [pending, 'Failed | c=terminated:Error/1 | !Ready', running],
    want: ['not recorded: Failed | c=terminated:Error/1 | !Ready'],
  },
  {
    name: 'not all the way',
    recorded: [pending, running, 'DELETED <- Running'],
    observed: [pending, running],
    want: ['not seen: DELETED <- Running'],
  },
  {
    name: 'watched for a shorter and for a longer time',
    recorded: [running, ended, again, endedAgain, waiting],
    observed: [running, ended, again],
    want: [],
  },
  {
    name: 'back-off told at once',
    recorded: [running, ended, again, endedAgain, waiting],
    observed: [running, ended, again, waiting, 'Running | c=running ready r2 | Ready'],
    want: [],
  },
  {
    name: 'a restart that was not recorded',
    recorded: [pending, running],
    observed: [pending, running, ended],
    want: [`not recorded: ${ended}`],
  },
];

describe('compareTransitions()', () => {
  for (const { name, recorded, observed, lasts = false, want } of cases) {
    test(name, () => {
      const endsAtOnce = () => !lasts;
      assert.deepEqual(compareTransitions({ scenario: 'any', recorded, observed, endsAtOnce }), want);
    });
  }
});

describe('compareLives()', () => {
  const life = { scenario: 'any', recorded: [pending, pending, running, done, running], endsAtOnce: () => false };
  const differences = [
    {
      name: 'alike',
      observed: [
        [pending, running, done],
        [pending, running, done],
      ],
      want: [],
    },
    {
      name: 'one of them goes on',
      observed: [
        [pending, running, done],
        [pending, running],
      ],
      want: [],
    },
    {
      name: 'all of them go on',
      observed: [
        [pending, running],
        [pending, running],
      ],
      want: [`not seen: ${done}`],
    },
    { name: 'nobody', observed: [], want: ['no such pod'] },
  ];
  for (const { name, observed, want } of differences)
    test(name, () => assert.deepEqual(compareLives(life, observed), want));
});
