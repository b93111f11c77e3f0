// Cron jobs that are due, at once: their last time is put back, so that no test waits for a minute to end.
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { batch, startWorkloadCluster, type WorkloadCluster } from '../../environment/workload-cluster.ts';

const template = (labels: object) => ({
  metadata: { labels },
  spec: { restartPolicy: 'Never', containers: [{ name: 'c', image: 'img' }] },
});

describe('cron job controller', () => {
  let cluster: WorkloadCluster;
  before(async () => {
    // Pods of jobs that are to be quick have succeeded at once; others run on.
    cluster = await startWorkloadCluster((pod) => (pod.metadata.labels?.quick ? 'succeeded' : 'ready'));
  });
  after(() => cluster[Symbol.asyncDispose]());

  const pathOf = (ns: string) => `${batch}/${ns}/cronjobs/cj`;
  const create = (ns: string, spec: object, labels: object = {}) =>
    cluster.post(`${batch}/${ns}/cronjobs`, {
      metadata: { name: 'cj' },
      spec: {
        schedule: '* * * * *',
        suspend: true,
        jobTemplate: { metadata: { labels: { made: 'yes' } }, spec: { template: template(labels) } },
        ...spec,
      },
    });
  /** As if it had last been due so long ago; then lets it go. */
  const release = async (ns: string, minutesAgo: number) => {
    const { metadata } = await cluster.get(pathOf(ns));
    const ms = Date.parse(metadata.creationTimestamp) - minutesAgo * 60_000;
    const lastScheduleTime = `${new Date(ms).toISOString().slice(0, 19)}Z`;
    await cluster.patch(`${pathOf(ns)}/status`, { status: { lastScheduleTime } });
    await cluster.patch(pathOf(ns), { spec: { suspend: false } });
  };
  const jobsOf = async (ns: string) => (await cluster.get(`${batch}/${ns}/jobs`)).items;
  const untilSaid = (ns: string, pattern: RegExp) =>
    cluster.until(`/api/v1/namespaces/${ns}/events`, ({ items }) =>
      items?.some((e: any) => pattern.test(`${e.involvedObject.kind} ${e.type} ${e.reason} ${e.message}`)),
    );
  /** A job of the cron job that nobody told the controller of. */
  const postJob = async (ns: string, name: string, labels: object) => {
    const { uid } = (await cluster.get(pathOf(ns))).metadata;
    const owner = { apiVersion: 'batch/v1', kind: 'CronJob', name: 'cj', uid, controller: true };
    const metadata = { name, ownerReferences: [owner] };
    return cluster.post(`${batch}/${ns}/jobs`, { metadata, spec: { template: template(labels) } });
  };

  test('makes the job of the last time that was missed, and sees it end', async () => {
    const ns = await cluster.namespace('due');
    await create(ns, { timeZone: 'Asia/Kolkata' }, { quick: 'yes' });
    await release(ns, 180);
    const { status } = await cluster.until(pathOf(ns), (cron) => cron.status.lastSuccessfulTime && !cron.status.active);
    const [job] = await jobsOf(ns);
    const minute = Date.parse(job.metadata.annotations['batch.kubernetes.io/cronjob-scheduled-timestamp']) / 60_000;
    assert.equal(job.metadata.name, `cj-${minute}`);
    assert.match(job.metadata.annotations['batch.kubernetes.io/cronjob-scheduled-timestamp'], /:00\+05:30$/);
    assert.equal(job.metadata.labels.made, 'yes');
    assert.ok(Date.parse(status.lastScheduleTime) >= minute * 60_000);
    await untilSaid(ns, /^CronJob Warning TooManyMissedTimes too many missed start times\. Set or decrease/);
    await untilSaid(ns, /^CronJob Normal SuccessfulCreate Created job cj-\d+$/);
    await untilSaid(ns, /^CronJob Normal SawCompletedJob Saw completed job: cj-\d+, condition: Complete$/);
  });

  test('a restart goes on where it was: no job is made twice, what runs stays known', async () => {
    const ns = await cluster.namespace('restart');
    await create(ns, { concurrencyPolicy: 'Forbid' });
    await release(ns, 5);
    const { status } = await cluster.until(pathOf(ns), (cron) => cron.status.active?.length === 1);
    await cluster.restartControllers();
    // The minute may have ended: then the policy keeps the next job back.
    await cluster.patch(pathOf(ns), { metadata: { annotations: { look: 'again' } } });
    await cluster.patch(pathOf(ns), { spec: { successfulJobsHistoryLimit: 0 } });
    await postJob(ns, 'done', { quick: 'yes' });
    await cluster.untilGone(`${batch}/${ns}/jobs/done`);
    assert.deepEqual((await cluster.get(pathOf(ns))).status.active, status.active);
    assert.deepEqual(
      (await jobsOf(ns)).map((job: any) => job.metadata.uid),
      status.active.map((one: any) => one.uid),
    );
  });

  for (const policy of ['Forbid', 'Replace'] as const) {
    test(`concurrencyPolicy ${policy}, while a job runs`, async () => {
      const ns = await cluster.namespace(policy.toLowerCase());
      await create(ns, { concurrencyPolicy: policy });
      const { metadata } = await postJob(ns, 'old', {});
      await untilSaid(ns, /^CronJob Warning UnexpectedJob Saw a job that the controller did not create or forgot: old/);
      const active = [{ apiVersion: 'batch/v1', kind: 'Job', name: 'old', namespace: ns, uid: metadata.uid }];
      await cluster.patch(`${pathOf(ns)}/status`, { status: { active } });
      await release(ns, 5);
      if (policy === 'Forbid') {
        await untilSaid(ns, /^CronJob Normal JobAlreadyActive Not starting job because prior execution is running/);
        assert.equal((await jobsOf(ns)).length, 1);
        return;
      }
      await untilSaid(ns, /^CronJob Normal SuccessfulDelete Deleted job old$/);
      await cluster.untilGone(`${batch}/${ns}/jobs/old`);
      const { status } = await cluster.until(pathOf(ns), (cron) => cron.status.active?.[0]?.name.startsWith('cj-'));
      assert.equal(status.active.length, 1);
    });
  }

  test('history is cut to its limits, and jobs go with their cron job', async () => {
    const ns = await cluster.namespace('history');
    await create(ns, { successfulJobsHistoryLimit: 1 });
    for (const name of ['a', 'b', 'c']) {
      await postJob(ns, name, { quick: 'yes' });
      await cluster.until(`${batch}/${ns}/jobs`, ({ items }) =>
        items.every((job: any) => job.status.completionTime !== undefined),
      );
    }
    const { items } = await cluster.until(`${batch}/${ns}/jobs`, (list) => list.items.length === 1);
    assert.equal(items[0].status.succeeded, 1);
    await cluster.delete(pathOf(ns));
    await cluster.until(`${batch}/${ns}/jobs`, (list) => list.items.length === 0);
    assert.deepEqual(cluster.failures, []);
  });
});
