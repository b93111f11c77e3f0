// What sig-apps requires of jobs and cron jobs.
import assert from 'node:assert/strict';
import { realClock } from '../../machinery/clock.ts';
import { ApiWatch, isOf, seenSince } from './api-watch.ts';
import { requirements, type Space } from './cluster.ts';
import { conditionOf, controllerOf, gone, labelled, namesOf, patch, query, runningPods, update } from './objects.ts';
import { batch, busybox, core, script } from './workloads.ts';

const now = () => new Date(realClock.now()).toISOString().replace(/\.\d+/, '');

/** What the containers of the jobs do. `/data` is the node's or the pod's own. */
const behaviors = {
  notTerminate: 'trap "exit 0" TERM; sleep 1000000 & wait',
  fail: 'exit 1',
  succeed: 'exit 0',
  failOnce: 'if [ -r /data/foo ]; then exit 0; else touch /data/foo; exit 1; fi',
  failOddSucceedEven: 'if [ $(expr $JOB_COMPLETION_INDEX % 2) -ne 0 ]; then exit 1; else exit 0; fi',
  notTerminateOncePerIndex: `f=/data/foo-$JOB_COMPLETION_INDEX; if [ -r $f ]; then exit 0; else touch $f; sleep 1000000; fi`,
};

interface JobShape {
  restartPolicy?: string;
  parallelism?: number;
  completions?: number;
  /** A folder of the node for `/data`. */
  folder?: string;
}

const jobOf = (
  name: string,
  behavior: keyof typeof behaviors,
  { restartPolicy = 'Never', parallelism = 2, completions = 4, folder }: JobShape = {},
  spec: object = {},
): any => ({
  metadata: { name },
  spec: {
    parallelism,
    completions,
    backoffLimit: 6,
    template: {
      metadata: { labels: { job: name } },
      spec: {
        restartPolicy,
        containers: [
          script(behaviors[behavior], { volumeMounts: [{ name: 'data', mountPath: '/data' }], securityContext: {} }),
        ],
        volumes: [
          folder
            ? { name: 'data', hostPath: { path: folder, type: 'DirectoryOrCreate' } }
            : { name: 'data', emptyDir: {} },
        ],
      },
    },
    ...spec,
  },
});
/** Without the limit for all: it would stand beside the one for each index. */
const perIndex = (backoffLimitPerIndex: number, more: object = {}) => ({
  backoffLimit: undefined,
  backoffLimitPerIndex,
  completionMode: 'Indexed',
  ...more,
});

const jobsOf = (space: Space) => space.path(batch, 'jobs');
const create = (space: Space, job: any) => space.ask('POST', jobsOf(space), { body: job });
const podsOf = async (space: Space, name: string): Promise<any[]> =>
  (await space.get(`${space.path(core, 'pods')}${query(labelled({ 'batch.kubernetes.io/job-name': name }))}`)).items;

/** Waits until a job has a condition, for a reason. */
const untilCondition = (space: Space, name: string, type: string, reason?: string) =>
  space.until(`job ${name} is ${type}`, `${jobsOf(space)}/${name}`, (job) => {
    const condition = conditionOf(job, type);
    return condition?.status === 'True' && (reason === undefined || condition.reason === reason);
  });

/** Waits until a job is complete: its reason, and how many pods succeeded. */
async function untilComplete(space: Space, name: string, completions: number, reason = 'CompletionsReached') {
  const job = await untilCondition(space, name, 'Complete', reason);
  assert.equal(conditionOf(job, 'SuccessCriteriaMet').status, 'True');
  assert.equal(job.status.succeeded, completions);
  assert.deepEqual([job.status.active ?? 0, job.status.ready, job.status.terminating], [0, 0, 0]);
  assert.ok(job.status.completionTime >= job.status.startTime);
  return job;
}

async function untilFailed(space: Space, name: string, reason: string) {
  await untilCondition(space, name, 'FailureTarget', reason);
  const job = await untilCondition(space, name, 'Failed', reason);
  assert.deepEqual([job.status.active ?? 0, job.status.ready, job.status.terminating], [0, 0, 0]);
  assert.equal(job.status.completionTime, undefined);
  return job;
}

const cronJobOf = (name: string, concurrencyPolicy: string, command: string, spec: object = {}, labels = {}): any => ({
  metadata: { name, labels },
  spec: {
    schedule: '*/1 * * * ?',
    concurrencyPolicy,
    jobTemplate: {
      spec: {
        parallelism: 1,
        completions: 1,
        backoffLimit: 1,
        template: {
          spec: {
            restartPolicy: 'OnFailure',
            containers: [
              {
                name: 'c',
                image: busybox,
                command: command.split(' '),
                volumeMounts: [{ mountPath: '/data', name: 'data' }],
              },
            ],
            volumes: [{ name: 'data', emptyDir: {} }],
            terminationGracePeriodSeconds: 0,
          },
        },
      },
    },
    ...spec,
  },
});
const cronJobsOf = (space: Space) => space.path(batch, 'cronjobs');
const untilActive = (space: Space, name: string, what: string, check: (active: any[], cronJob: any) => boolean) =>
  space.until(what, `${cronJobsOf(space)}/${name}`, (cronJob) => check(cronJob.status.active ?? [], cronJob));
const isActive = ({ status }: any) => !status.conditions?.some((one: any) => /^(Complete|Failed)$/.test(one.type));
const activeJobs = async (space: Space) => namesOf({ items: (await space.get(jobsOf(space))).items.filter(isActive) });

/** A cron job is removed with its jobs and their pods. */
async function removeCronJob(space: Space, name: string): Promise<void> {
  await space.ask('DELETE', `${cronJobsOf(space)}/${name}`, { body: { propagationPolicy: 'Background' } });
  await gone(space, `${cronJobsOf(space)}/${name}`);
  await space.until('its jobs are gone', jobsOf(space), ({ items }) =>
    items.every((job: any) => controllerOf(job)?.name !== name),
  );
}

requirements({ name: 'conf-jobs', sig: 'sig-apps', images: ['busybox'] }, (requirement) => {
  requirement('CronJob should not schedule jobs when suspended [Slow]', async (space) => {
    const body = cronJobOf('suspended', 'Allow', 'sleep 300', { suspend: true });
    const { metadata } = await space.ask('POST', cronJobsOf(space), { body });
    await space.ask('POST', cronJobsOf(space), { body: cronJobOf('beside', 'Allow', 'true') });
    // The one beside it has the same times: when it has started twice, this one has had two occasions.
    let first: string | undefined;
    await untilActive(space, 'beside', 'a second time', (_active, { status }) => {
      first ??= status.lastScheduleTime;
      return status.lastScheduleTime !== first;
    });
    const { status } = await space.get(`${cronJobsOf(space)}/suspended`);
    assert.deepEqual(status, {});
    const { items } = await space.get(jobsOf(space));
    assert.deepEqual(
      items.filter((job: any) => controllerOf(job).uid === metadata.uid),
      [],
    );
    await removeCronJob(space, 'suspended');
  });

  requirement('CronJob should not schedule new jobs when ForbidConcurrent [Slow]', async (space) => {
    await space.ask('POST', cronJobsOf(space), { body: cronJobOf('forbid', 'Forbid', 'sleep 300') });
    const { status } = await untilActive(space, 'forbid', 'a job', (active) => active.length >= 1);
    assert.equal(status.active.length, 1);
    assert.deepEqual(await activeJobs(space), [status.active[0].name]);
    await space.until('the next one is refused', space.path(core, 'events'), ({ items }) =>
      items.some(
        ({ reason, involvedObject }: any) => reason === 'JobAlreadyActive' && involvedObject.name === 'forbid',
      ),
    );
    const later = await space.get(`${cronJobsOf(space)}/forbid`);
    assert.deepEqual(later.status.active, status.active);
    assert.deepEqual(await activeJobs(space), [status.active[0].name]);
    await removeCronJob(space, 'forbid');
  });

  requirement('CronJob should replace jobs when ReplaceConcurrent', async (space) => {
    await space.ask('POST', cronJobsOf(space), { body: cronJobOf('replace', 'Replace', 'sleep 300') });
    const { status } = await untilActive(space, 'replace', 'a job', (active) => active.length >= 1);
    assert.equal(status.active.length, 1);
    const [{ name }] = status.active;
    assert.deepEqual(await activeJobs(space), [name]);
    await space.until('another one in its place', jobsOf(space), ({ items }) => {
      assert.ok(items.filter((job: any) => !job.metadata.deletionTimestamp).length <= 1, 'one at a time');
      return items.length === 1 && items[0].metadata.name !== name;
    });
    await removeCronJob(space, 'replace');
  });

  requirement('CronJob should support CronJob API operations', async (space) => {
    const label = { 'special-label': space.namespace };
    const limits = { successfulJobsHistoryLimit: 1, failedJobsHistoryLimit: 0, schedule: '* */1 * * ?' };
    const template = cronJobOf('test-api', 'Allow', '/bin/true', limits, label);
    const list = `${cronJobsOf(space)}${query(labelled(label))}`;
    const path = `${cronJobsOf(space)}/test-api`;
    const created = await space.ask('POST', cronJobsOf(space), { body: template });
    assert.equal((await space.get(path)).metadata.uid, created.metadata.uid);
    const listed = await space.get(list);
    assert.deepEqual(namesOf(listed), ['test-api']);
    const params = { resourceVersion: listed.metadata.resourceVersion, ...labelled(label) };
    using watch = await ApiWatch.open(space, cronJobsOf(space), params);
    assert.deepEqual(namesOf(await space.get(`${batch}/cronjobs${query(labelled(label))}`)), ['test-api']);
    using everywhere = await ApiWatch.open(space, `${batch}/cronjobs`, params);
    const patched = await patch(space, path, 'merge', { metadata: { annotations: { patched: 'true' } } });
    assert.equal(patched.metadata.annotations.patched, 'true');
    const updated = await update(space, path, ({ metadata }) => (metadata.annotations.updated = 'true'));
    assert.deepEqual(updated.metadata.annotations, { patched: 'true', updated: 'true' });
    for (const each of [watch, everywhere]) {
      await each.until('both annotations', ({ type, object }) => {
        assert.deepEqual([type, object.kind], ['MODIFIED', 'CronJob']);
        return object.metadata.annotations?.patched === 'true' && object.metadata.annotations.updated === 'true';
      });
    }
    const first = now();
    const status = { metadata: { annotations: { patchedstatus: 'true' } }, status: { lastScheduleTime: first } };
    const withStatus = await patch(space, `${path}/status`, 'merge', status);
    assert.equal(withStatus.status.lastScheduleTime, first);
    assert.equal(withStatus.metadata.annotations.patchedstatus, 'true');
    const second = now();
    const changed = await update(space, path, (one) => (one.status.lastScheduleTime = second), '/status');
    assert.equal(changed.status.lastScheduleTime, second);
    assert.equal((await space.get(`${path}/status`)).metadata.uid, created.metadata.uid);
    await space.ask('POST', cronJobsOf(space), { body: cronJobOf('for-removal', 'Allow', '/bin/true', limits, label) });
    await space.ask('DELETE', `${cronJobsOf(space)}/for-removal`);
    assert.equal((await space.request('GET', `${cronJobsOf(space)}/for-removal`)).code, 404);
    await space.ask('DELETE', list);
    assert.deepEqual((await space.get(list)).items, []);
    await watch.until(
      'its end',
      isOf('DELETED', ({ metadata }) => metadata.name === 'test-api'),
    );
  });

  requirement('Job should adopt matching orphans and release non-matching pods', async (space) => {
    const job = await create(space, jobOf('adopt-release', 'notTerminate'));
    const [pod] = await runningPods(space, { job: 'adopt-release' }, 2);
    const path = space.path(core, `pods/${pod.metadata.name}`);
    await update(space, path, ({ metadata }) => delete metadata.ownerReferences);
    const adopted = await space.until('it is adopted', path, controllerOf);
    const owner = { apiVersion: 'batch/v1', kind: 'Job', name: 'adopt-release', uid: job.metadata.uid };
    assert.deepEqual(controllerOf(adopted), { ...owner, controller: true, blockOwnerDeletion: true });
    await update(space, path, ({ metadata }) => delete metadata.labels);
    const released = await space.until('it is released', path, (one) => !controllerOf(one));
    assert.equal(released.metadata.uid, pod.metadata.uid);
    // Another one takes its place.
    const others = await runningPods(space, { job: 'adopt-release' }, 2);
    assert.ok(!others.some(({ metadata }) => metadata.uid === pod.metadata.uid));
    const { status } = await space.get(`${jobsOf(space)}/adopt-release`);
    assert.equal(status.failed ?? 0, 0);
  });

  requirement(
    'Job should allow to use a pod failure policy to ignore failure matching on DisruptionTarget condition',
    async (space) => {
      const onPodConditions = [{ type: 'DisruptionTarget', status: 'True' }];
      const shape = { completions: 2, folder: `/tmp/job-${space.namespace}-disruption` };
      const spec = {
        backoffLimit: 0,
        completionMode: 'Indexed',
        podFailurePolicy: { rules: [{ action: 'Ignore', onPodConditions }] },
      };
      await create(space, jobOf('evicted', 'notTerminateOncePerIndex', shape, spec));
      const pods = await runningPods(space, { job: 'evicted' }, 2);
      for (const { metadata } of pods) {
        const { name, namespace } = metadata;
        const path = space.path(core, `pods/${name}`);
        // What it is to see after its return stands there.
        await space.until(
          'its mark',
          `${path}`,
          () => space.kubectl(['exec', name, '--', 'sh', '-c', 'ls /data/foo-$JOB_COMPLETION_INDEX']).code === 0,
        );
        const body = { apiVersion: 'policy/v1', kind: 'Eviction', metadata: { name, namespace } };
        await space.ask('POST', `${path}/eviction`, { body });
      }
      for (const { metadata } of pods) await gone(space, space.path(core, `pods/${metadata.name}`));
      const { status } = await untilComplete(space, 'evicted', 2);
      assert.equal(status.failed ?? 0, 0);
      assert.equal(status.completedIndexes, '0,1');
    },
  );

  requirement('Job should allow to use the pod failure policy on exit code to fail the job early', async (space) => {
    const rules = [{ action: 'FailJob', onExitCodes: { operator: 'In', values: [1] } }];
    const shape = { folder: `/tmp/job-${space.namespace}-early` };
    await create(space, jobOf('pod-failure-failjob', 'failOnce', shape, { podFailurePolicy: { rules } }));
    const { status } = await untilFailed(space, 'pod-failure-failjob', 'PodFailurePolicy');
    assert.ok(status.failed >= 1);
  });

  requirement('Job should apply changes to a job status', async (space) => {
    const job = await create(space, jobOf('suspend-false-to-true', 'notTerminate'));
    const path = `${jobsOf(space)}/suspend-false-to-true`;
    await runningPods(space, { job: 'suspend-false-to-true' }, 2);
    const type = 'CustomConditionType';
    const first = now();
    const conditions = [{ type, status: 'True', lastProbeTime: null, lastTransitionTime: first }];
    const body = { metadata: { annotations: { patchedstatus: 'true' } }, status: { conditions } };
    const patched = await patch(space, `${path}/status`, 'merge', body);
    assert.equal(conditionOf(patched, type).lastTransitionTime, first);
    assert.equal(patched.metadata.annotations.patchedstatus, 'true');
    const second = now();
    const change = (one: any) => (conditionOf(one, type).lastTransitionTime = second);
    const updated = await update(space, path, change, '/status');
    assert.equal(conditionOf(updated, type).lastTransitionTime, second);
    assert.equal((await space.get(`${path}/status`)).metadata.uid, job.metadata.uid);
    // The controller writes beside it.
    await update(space, path, ({ spec }) => (spec.parallelism = 1));
    const later = await space.until('one pod less', path, ({ status }) => status.active === 1);
    assert.equal(conditionOf(later, type).status, 'True');
  });

  requirement(
    'Job should create pods for an Indexed job with completion indexes and specified hostname',
    async (space) => {
      const show = `${behaviors.succeed.replace('exit 0', 'echo $JOB_COMPLETION_INDEX $(hostname)')}`;
      const job = jobOf('indexed-job', 'succeed', {}, { completionMode: 'Indexed' });
      job.spec.template.spec.containers[0].command = ['sh', '-c', show];
      await create(space, job);
      const { status } = await untilComplete(space, 'indexed-job', 4);
      assert.equal(status.completedIndexes, '0-3');
      const annotation = 'batch.kubernetes.io/job-completion-index';
      const pods = (await podsOf(space, 'indexed-job')).filter((pod) => pod.status.phase === 'Succeeded');
      assert.deepEqual(pods.map(({ metadata }) => metadata.annotations[annotation]).sort(), ['0', '1', '2', '3']);
      for (const { metadata, spec } of pods) {
        const index = metadata.annotations[annotation];
        assert.equal(spec.hostname, `indexed-job-${index}`);
        assert.equal(metadata.labels[annotation], index);
        assert.equal(space.kubectl(['logs', metadata.name]).stdout, `${index} indexed-job-${index}\n`);
      }
    },
  );

  requirement('Job should manage the lifecycle of a job', async (space) => {
    const name = `e2e-${space.namespace}`;
    const label = { 'e2e-job-label': name };
    const before = await space.get(`${jobsOf(space)}${query(labelled(label))}`);
    const job = jobOf(name, 'succeed', {}, { suspend: true });
    job.metadata.labels = label;
    await create(space, job);
    const path = `${jobsOf(space)}/${name}`;
    const since = (object: any) => ({ resourceVersion: object.metadata.resourceVersion, ...labelled(label) });
    const patched = await patch(space, path, 'strategic-merge', { metadata: { labels: { [name]: 'patched' } } });
    assert.equal(patched.metadata.labels[name], 'patched');
    const isPatched = isOf('MODIFIED', ({ metadata }) => metadata.name === name && metadata.labels[name] === 'patched');
    await seenSince(space, jobsOf(space), since(before), 'the label', isPatched);
    await untilCondition(space, name, 'Suspended', 'JobSuspended');
    assert.deepEqual(await podsOf(space, name), []);
    const updated = await update(space, path, (one) => {
      one.spec.suspend = false;
      one.metadata.annotations = { ...one.metadata.annotations, updated: 'true' };
    });
    assert.equal(updated.metadata.annotations.updated, 'true');
    const isUpdated = isOf('MODIFIED', ({ metadata }) => metadata.annotations?.updated === 'true');
    await seenSince(space, jobsOf(space), since(patched), 'the annotation', isUpdated);
    const everywhere = `${batch}/jobs${query(labelled(label))}`;
    assert.deepEqual(namesOf(await space.get(everywhere)), [name]);
    await untilComplete(space, name, 4);
    const body = { propagationPolicy: 'Background' };
    await space.ask('DELETE', `${jobsOf(space)}${query(labelled(label))}`, { body });
    const isDeleted = isOf('DELETED', ({ metadata }) => metadata.labels['e2e-job-label'] === name);
    await seenSince(space, jobsOf(space), since(updated), 'its end', isDeleted);
    assert.deepEqual((await space.get(everywhere)).items, []);
    await space.until('its pods are gone', space.path(core, 'pods'), ({ items }) => items.length === 0);
  });

  requirement(
    'Job should mark indexes as failed when the FailIndex action is matched in podFailurePolicy',
    async (space) => {
      const rules = [{ action: 'FailIndex', onExitCodes: { operator: 'In', values: [1] } }];
      const spec = perIndex(1, { podFailurePolicy: { rules } });
      await create(space, jobOf('matching-fail-index-action', 'failOddSucceedEven', { completions: 2 }, spec));
      const { status } = await untilFailed(space, 'matching-fail-index-action', 'FailedIndexes');
      const { failedIndexes, completedIndexes, failed, succeeded } = status;
      assert.deepEqual([failedIndexes, completedIndexes, failed, succeeded], ['1', '0', 1, 1]);
    },
  );

  requirement(
    'Job should run a job to completion when tasks sometimes fail and are locally restarted',
    async (space) => {
      await create(space, jobOf('fail-once-local', 'failOnce', { restartPolicy: 'OnFailure' }));
      await untilComplete(space, 'fail-once-local', 4);
      const restarts = (await podsOf(space, 'fail-once-local')).map(
        ({ status }) => status.containerStatuses[0].restartCount,
      );
      assert.deepEqual(restarts, [1, 1, 1, 1]);
    },
  );

  requirement(
    'Job should terminate job execution when the number of failed indexes exceeds maxFailedIndexes',
    async (space) => {
      const spec = perIndex(0, { maxFailedIndexes: 0 });
      await create(space, jobOf('with-max-failed-indexes', 'fail', { parallelism: 1 }, spec));
      const { status } = await untilFailed(space, 'with-max-failed-indexes', 'MaxFailedIndexesExceeded');
      assert.deepEqual([status.failedIndexes, status.failed, status.succeeded ?? 0], ['0', 1, 0]);
    },
  );

  // Name, completions, rule, what the pods do, which indexes succeed.
  const policies: [string, number, object, keyof typeof behaviors, string][] = [
    ['Job with successPolicy should succeeded when all indexes succeeded', 2, { succeededCount: 2 }, 'succeed', '0,1'],
    [
      'Job with successPolicy succeededCount rule should succeeded even when some indexes remain pending',
      5,
      { succeededCount: 1 },
      'failOddSucceedEven',
      '0',
    ],
    [
      'Job with successPolicy succeededIndexes rule should succeeded even when some indexes remain pending',
      5,
      { succeededIndexes: '0' },
      'failOddSucceedEven',
      '0',
    ],
  ];
  for (const [name, completions, rule, behavior, completed] of policies) {
    requirement(name, async (space) => {
      const spec = { backoffLimit: 2147483647, completionMode: 'Indexed', successPolicy: { rules: [rule] } };
      await create(space, jobOf('with-success-policy', behavior, { completions }, spec));
      await untilCondition(space, 'with-success-policy', 'SuccessCriteriaMet', 'SuccessPolicy');
      const count = completed.split(',').length;
      const { status } = await untilComplete(space, 'with-success-policy', count, 'SuccessPolicy');
      assert.equal(status.completedIndexes, completed);
      if (behavior === 'succeed') assert.equal(status.failed ?? 0, 0);
    });
  }
});
