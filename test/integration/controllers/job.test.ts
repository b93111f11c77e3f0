// Jobs to their end: statuses, conditions and events as recorded from Kubernetes.
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { batch, core, startWorkloadCluster, type WorkloadCluster } from '../../environment/workload-cluster.ts';

const job = (spec: object) => ({
  metadata: { name: 'j' },
  spec: { template: { spec: { restartPolicy: 'Never', containers: [{ name: 'c', image: 'ok' }] } }, ...spec },
});
const template = (image: string) => ({ spec: { restartPolicy: 'Never', containers: [{ name: 'c', image }] } });
const show = (status: any) => {
  const { conditions, startTime, completionTime, ...counts } = status;
  assert.ok(startTime);
  return {
    ...counts,
    conditions: conditions.map((c: any) => `${c.type} ${c.reason} ${c.message}`),
    done: Boolean(completionTime),
  };
};
const settled = { ready: 0, terminating: 0, uncountedTerminatedPods: {} };

describe('job controller', () => {
  let cluster: WorkloadCluster;
  before(async () => {
    cluster = await startWorkloadCluster(({ metadata, spec }) => {
      const image = spec.containers?.[0]?.image;
      const index = metadata.annotations?.['batch.kubernetes.io/job-completion-index'];
      if (image === 'runs') return 'ready';
      return image === 'fails' || (image === 'fails-1' && index === '1') ? 'failed' : 'succeeded';
    });
  });
  after(() => cluster[Symbol.asyncDispose]());

  const run = async (ns: string, spec: object) => {
    await cluster.namespace(ns);
    await cluster.post(`${batch}/${ns}/jobs`, job(spec));
  };
  const finish = async (ns: string) =>
    show(
      (
        await cluster.until(`${batch}/${ns}/jobs/j`, ({ status }) =>
          status?.conditions?.some((c: any) => c.type === 'Complete' || c.type === 'Failed'),
        )
      ).status,
    );
  const untracked = (ns: string) =>
    cluster.until(`${core}/${ns}/pods`, ({ items }) => items.every((p: any) => !p.metadata.finalizers));

  test('two completions, one at a time', async () => {
    await run('success', { completions: 2, parallelism: 1 });
    const reached = 'CompletionsReached Reached expected number of succeeded pods';
    assert.deepEqual(await finish('success'), {
      ...settled,
      succeeded: 2,
      conditions: [`SuccessCriteriaMet ${reached}`, `Complete ${reached}`],
      done: true,
    });
    const { items } = await untracked('success');
    assert.equal(items.length, 2);
    assert.deepEqual(await cluster.events('success', 'Job'), [
      'SuccessfulCreate Created pod: j-H',
      'SuccessfulCreate Created pod: j-H',
      'Completed Job completed',
    ]);
  });

  test('too many failures', async () => {
    await run('failure', { backoffLimit: 0, template: template('fails') });
    const exceeded = 'BackoffLimitExceeded Job has reached the specified backoff limit';
    assert.deepEqual(await finish('failure'), {
      ...settled,
      failed: 1,
      conditions: [`FailureTarget ${exceeded}`, `Failed ${exceeded}`],
      done: false,
    });
    assert.deepEqual(await cluster.events('failure', 'Job'), ['SuccessfulCreate Created pod: j-H', exceeded]);
  });

  test('a deadline', async () => {
    await run('deadline', { activeDeadlineSeconds: 1, template: template('runs') });
    const exceeded = 'DeadlineExceeded Job was active longer than specified deadline';
    assert.deepEqual(await finish('deadline'), {
      ...settled,
      failed: 1,
      conditions: [`FailureTarget ${exceeded}`, `Failed ${exceeded}`],
      done: false,
    });
    assert.deepEqual(await cluster.events('deadline', 'Job'), [
      'SuccessfulCreate Created pod: j-H',
      'SuccessfulDelete Deleted pod: j-H',
      exceeded,
    ]);
  });

  test('indexes of which one fails', async () => {
    const indexed = { completionMode: 'Indexed', completions: 3, parallelism: 3, backoffLimitPerIndex: 0 };
    await run('indexed', { ...indexed, template: template('fails-1') });
    const failed = 'FailedIndexes Job has failed indexes';
    assert.deepEqual(await finish('indexed'), {
      ...settled,
      succeeded: 2,
      failed: 1,
      completedIndexes: '0,2',
      failedIndexes: '1',
      conditions: [`FailureTarget ${failed}`, `Failed ${failed}`],
      done: false,
    });
    const { items } = await untracked('indexed');
    const [pod] = items.filter((p: any) => p.metadata.generateName === 'j-1-');
    assert.deepEqual(pod.metadata.annotations, {
      'batch.kubernetes.io/job-completion-index': '1',
      'batch.kubernetes.io/job-index-failure-count': '0',
    });
    assert.equal(pod.metadata.labels['batch.kubernetes.io/job-completion-index'], '1');
    assert.equal(pod.spec.hostname, 'j-1');
  });

  test('a failure that the policy takes for final', async () => {
    const rules = [{ action: 'FailJob', onExitCodes: { operator: 'In', values: [1] } }];
    await run('policy', { podFailurePolicy: { rules }, template: template('fails') });
    const { conditions, failed } = await finish('policy');
    assert.equal(failed, 1);
    assert.match(
      conditions[1],
      /^Failed PodFailurePolicy Container c for pod policy\/j-[a-z0-9]+ failed with exit code 1 matching FailJob rule at index 0$/,
    );
  });

  test('a pod that its job left behind, or a job replaced at once, can be deleted', async () => {
    await run('orphan', { template: template('runs') });
    const running = await cluster.until(`${core}/orphan/pods`, ({ items }) => items[0]?.status.phase === 'Running');
    await cluster.delete(`${batch}/orphan/jobs/j`, { propagationPolicy: 'Orphan' });
    await cluster.untilGone(`${batch}/orphan/jobs/j`);
    await cluster.delete(`${core}/orphan/pods/${running.items[0].metadata.name}`);
    await cluster.until(`${core}/orphan/pods`, ({ items }) => items.length === 0);

    await run('replaced', { template: template('runs'), parallelism: 3, completions: 3 });
    await cluster.until(`${core}/replaced/pods`, ({ items }) => items.length > 0);
    await cluster.delete(`${batch}/replaced/jobs/j`, { propagationPolicy: 'Background' });
    await cluster.post(`${batch}/replaced/jobs`, job({ template: template('ok') }));
    await finish('replaced');
    await cluster.until(`${core}/replaced/pods`, ({ items }) => items.length === 1);
  });

  test('suspend and resume', async () => {
    await run('suspend', { template: template('runs') });
    await cluster.until(`${batch}/suspend/jobs/j`, (j) => j.status?.ready === 1);
    await cluster.patch(`${batch}/suspend/jobs/j`, { spec: { suspend: true } });
    const isSuspended = (j: any) => j.status.conditions?.[0]?.status === 'True' && !j.status.active;
    const suspended = await cluster.until(`${batch}/suspend/jobs/j`, isSuspended);
    assert.equal(suspended.status.failed, undefined);
    await cluster.until(`${core}/suspend/pods`, ({ items }) => items.length === 0);
    await cluster.patch(`${batch}/suspend/jobs/j`, { spec: { suspend: false } });
    await cluster.until(`${batch}/suspend/jobs/j`, (j) => j.status.ready === 1);
    assert.deepEqual(
      (await cluster.events('suspend', 'Job')).map((e) => e.split(' ')[0]),
      ['SuccessfulCreate', 'SuccessfulDelete', 'Suspended', 'SuccessfulCreate', 'Resumed'],
    );
    await cluster.delete(`${batch}/suspend/jobs/j`, { propagationPolicy: 'Background' });
    await cluster.until(`${core}/suspend/pods`, ({ items }) => items.length === 0);
    assert.deepEqual(cluster.failures, []);
  });
});
