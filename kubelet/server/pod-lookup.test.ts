import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { ContainerStatus } from '../../api/core/pod/container-status.ts';
import type { Pod } from '../../api/core/pod.ts';
import { parseLogOptions } from './logs-route.ts';
import { chooseLogContainer } from './pod-lookup.ts';

const pod: Pod = { metadata: { name: 'p' }, spec: { containers: [{ name: 'c' }] }, status: {} };
const ended = (id: string) => ({ terminated: { exitCode: 1, containerID: `k8ts://${id}` } });
const waiting = (reason: string) => ({ waiting: { reason } });
const statusOf = (state: object, lastState: object = {}): ContainerStatus => ({
  name: 'c',
  image: '',
  imageID: '',
  ready: false,
  restartCount: 0,
  containerID: 'k8ts://now',
  state,
  lastState,
});

const cases: {
  name: string;
  status: ContainerStatus | undefined;
  previous?: boolean;
  want?: string;
  error?: string;
}[] = [
  { name: 'running', status: statusOf({ running: {} }), want: 'now' },
  { name: 'ended', status: statusOf(ended('now')), want: 'now' },
  {
    name: 'between two tries the last one is shown',
    status: statusOf(waiting('CrashLoopBackOff'), ended('then')),
    want: 'then',
  },
  { name: 'the previous one', status: statusOf({ running: {} }, ended('then')), previous: true, want: 'then' },
  {
    name: 'no previous one',
    status: statusOf({ running: {} }),
    previous: true,
    error: 'previous terminated container "c" in pod "p" not found',
  },
  {
    name: 'not started',
    status: statusOf(waiting('ContainerCreating')),
    error: 'container "c" in pod "p" is waiting to start: ContainerCreating',
  },
  {
    name: 'no image',
    status: statusOf(waiting('ImagePullBackOff')),
    error: 'container "c" in pod "p" is waiting to start: trying and failing to pull image',
  },
  { name: 'nothing known', status: undefined, error: 'container "c" in pod "p" is not available' },
];

describe('chooseLogContainer', () => {
  for (const { name, status, previous = false, want, error } of cases) {
    test(name, () => {
      const choose = () => chooseLogContainer(pod, status, 'c', previous);
      if (error) assert.throws(choose, { code: 400, message: error });
      else assert.equal(choose(), want);
    });
  }
});

test('options of a log request', () => {
  const query = new URLSearchParams(
    'follow=true&tailLines=3&sinceSeconds=10&timestamps=true&limitBytes=5&stream=Stderr',
  );
  assert.deepEqual(parseLogOptions(query, 60_000), {
    follow: true,
    tailLines: 3,
    sinceMs: 50_000,
    timestamps: true,
    limitBytes: 5,
    stream: 'stderr',
  });
  assert.throws(() => parseLogOptions(new URLSearchParams('tailLines=x'), 0), { code: 400 });
});
