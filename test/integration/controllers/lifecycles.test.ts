// Recorded lifecycles of what controllers keep, replayed on a whole cluster: each ends with the
// same objects, spec and status, and events.
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { needsRoot } from '../cli/k8ts-command.ts';
import { LifecycleCluster, namespaceOf } from '../recorded/lifecycle-cluster.ts';
import { noRecordings, readRecordings } from '../recorded/recording.ts';
import { Replay, watchedPaths } from '../recorded/replay.ts';
import { steps } from './lifecycle-steps.ts';

const skip = needsRoot || noRecordings;

/** Side by side. */
const inNamespaces = [
  'job-success job-backofflimit job-onfailure-backofflimit job-indexed job-podfailurepolicy',
  'deployment-progress-deadline deployment-scale-pause-recreate deployment-replicafailure',
  'daemonset statefulset cronjob pdb-eviction service-endpoints namespace-terminating',
]
  .join(' ')
  .split(' ');

/** One after the other: all pods feel what happens to the node, or what it has left; and a pod has to begin within three seconds. */
const onTheNode = [
  'job-deadline resize-deferred preemption',
  'node-object taint-noschedule taint-noexecute kubelet-stopped',
]
  .join(' ')
  .split(' ');

describe('recorded lifecycles of controllers', { skip }, () => {
  const recordings = skip ? [] : readRecordings();
  const recordingOf = (name: string) => recordings.find((r) => r.name === name)!;
  let cluster: LifecycleCluster;

  before(async () => {
    cluster = new LifecycleCluster('keeps');
    const paths = [...Object.values(watchedPaths), '/api/v1/nodes', '/api/v1/namespaces'];
    await cluster.start([...inNamespaces, ...onTheNode].map(recordingOf), paths);
  });

  after(() => cluster?.[Symbol.dispose]());

  const replay = async (name: string) => {
    assert.ok(recordingOf(name), `${name} is not in the reference`);
    const one = new Replay(recordingOf(name), cluster);
    const run = steps[name];
    if (run) await run(one);
    else {
      one.create();
      await one.untilRecorded();
    }
    await one.untilRecordedEvents();
    await one.untilRecordedTransitions();
  };

  describe('in namespaces', { concurrency: 6 }, () => {
    for (const name of inNamespaces) test(name, () => replay(name));
  });

  describe('on the node', { concurrency: 1 }, () => {
    for (const name of onTheNode)
      test(name, async () => {
        try {
          await replay(name);
        } finally {
          // The next one finds the node as this one did.
          const namespace = namespaceOf(recordingOf(name));
          cluster.kubectl.get('delete', 'pods', '--all', '-n', namespace, '--timeout=60s');
        }
      });
  });
});
