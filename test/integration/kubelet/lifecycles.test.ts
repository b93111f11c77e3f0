// Recorded lifecycles of Kubernetes, replayed on a whole cluster: each ends in the same phase,
// conditions, container states, reasons and events, and gets there the same way.
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { needsRoot } from '../cli/k8ts-command.ts';
import { LifecycleCluster } from '../recorded/lifecycle-cluster.ts';
import { noRecordings, readRecordings } from '../recorded/recording.ts';
import { Replay, watchedPaths } from '../recorded/replay.ts';
import { steps } from './lifecycle-steps.ts';

const skip = needsRoot || noRecordings;

/** The lifecycles of single pods. Those of controllers are replayed with the controllers. */
const replayed = [
  'exit0-always exit0-onfailure exit1-onfailure exit0-never exit1-never init-ok init-fail-never init-fail-always',
  'sidecar sidecar-main-completes sidecar-crash multi-one-completed multi-one-failed-all-done',
  'liveness-exec probe-failure-messages startup-pending readiness-flip readiness-gates',
  'poststart-fail poststart-fail-never prestop-then-kill prestop-fail',
  'delete-term-exits delete-force delete-pending-unscheduled',
  'image-pull-backoff image-never image-invalid-name init-image-pull command-not-found-always workingdir-is-file',
  'missing-configmap-env missing-configmap-key missing-secret-volume missing-configmap-volume hostpath-type-mismatch',
  'optional-sources runasnonroot-root-image runasnonroot-ok termination-message-file termination-message-fallback',
  'unschedulable-cpu unschedulable-memory-and-cpu unschedulable-extended unschedulable-antiaffinity-hostport',
  'unschedulable-podaffinity unschedulable-topologyspread missing-pvc unbound-pvc',
  'rejected-outofcpu rejected-outofmemory rejected-nodeaffinity rejected-sysctl nodename-unknown',
  'ephemeral-container resize-cpu resize-memory resize-errors static-pod',
  'host-network cgroup-limits logs-and-exec-errors container-view crashloop-timeline',
]
  .join(' ')
  .split(' ');

describe('recorded lifecycles', { skip, concurrency: 12 }, () => {
  const recordings = skip ? [] : readRecordings();
  const chosen = replayed.map((name) => recordings.find((r) => r.name === name)!);
  let cluster: LifecycleCluster;

  before(async () => {
    cluster = new LifecycleCluster('lives');
    await cluster.start(chosen, [watchedPaths.PersistentVolumeClaim!]);
  });

  after(() => cluster?.[Symbol.dispose]());

  for (const [i, name] of replayed.entries()) {
    test(name, async () => {
      assert.ok(chosen[i], `${name} is not in the reference`);
      const replay = new Replay(chosen[i], cluster);
      const run = steps[name];
      if (run) await run(replay);
      else {
        replay.create();
        await replay.untilRecorded();
      }
      await replay.untilRecordedEvents();
      await replay.untilRecordedTransitions();
    });
  }
});
