// What sig-apps requires of deployments and disruption budgets.
import assert from 'node:assert/strict';
import { ApiWatch, isOf, seenSince } from './api-watch.ts';
import { requirements, type Space } from './cluster.ts';
import { conditionOf, controllerOf, labelled, namesOf, patch, query, runningPods, update } from './objects.ts';
import { scales } from './subresources.ts';
import { apps, busybox, core, nginx, pod, sleeper, templateOf, workload } from './workloads.ts';

const revision = 'deployment.kubernetes.io/revision';
const hashLabel = 'pod-template-hash';
const deployments = (space: Space) => space.path(apps, 'deployments');
const sets = (space: Space) => space.path(apps, 'replicasets');
const pods = (space: Space) => space.path(core, 'pods');
const web = { name: 'httpd', image: nginx };

/** A replica set of a web server that a deployment will find. */
async function startReplicaSet(space: Space, name: string, pod: string, annotations = {}): Promise<void> {
  const labels = { name: pod, pod: 'httpd' };
  const body = workload(name, labels, { replicas: 1, template: templateOf(labels, web) }, { labels, annotations });
  await space.ask('POST', sets(space), { body });
  await runningPods(space, { name: pod }, 1);
}

const deploymentOf = (name: string, pod: string, container: any, spec: object = {}): any => {
  const labels = { name: pod };
  const own = { replicas: 1, strategy: { type: 'RollingUpdate' }, template: templateOf(labels, container) };
  return workload(name, labels, { ...own, ...spec });
};

/** The replica sets of a deployment: the one of its template, as clients find it, and the others. */
async function setsOf(space: Space, deployment: any): Promise<{ current: any; old: any[] }> {
  const all = await space.get(`${sets(space)}${query(labelled(deployment.spec.selector.matchLabels))}`);
  const own = all.items.filter((one: any) => controllerOf(one)?.uid === deployment.metadata.uid);
  const templateOfSet = ({ spec }: any) => {
    const { [hashLabel]: _hash, ...labels } = spec.template.metadata.labels;
    return { ...spec.template, metadata: { ...spec.template.metadata, labels } };
  };
  const isCurrent = (one: any) => JSON.stringify(templateOfSet(one)) === JSON.stringify(deployment.spec.template);
  return { current: own.find(isCurrent), old: own.filter((one: any) => !isCurrent(one)) };
}

/** Waits until a deployment and its replica set have a revision and an image. */
async function untilRevision(space: Space, name: string, number: string, image: string): Promise<any> {
  const deployment = await space.until(
    `revision ${number}`,
    `${deployments(space)}/${name}`,
    ({ metadata }) => metadata.annotations?.[revision] === number,
  );
  const { current } = await setsOf(space, deployment);
  assert.equal(current.metadata.annotations[revision], number);
  assert.equal(current.spec.template.metadata.labels[hashLabel], current.metadata.labels[hashLabel]);
  assert.deepEqual(
    [deployment, current].map(({ spec }) => spec.template.spec.containers[0].image),
    [image, image],
  );
  return current;
}

/** Waits until a deployment is complete. `check` looks at it each time. */
const untilComplete = (space: Space, name: string, check: (deployment: any) => void = () => undefined): Promise<any> =>
  space.until(`${name} is complete`, `${deployments(space)}/${name}`, (deployment) => {
    check(deployment);
    const { metadata, spec, status } = deployment;
    const counts = [status.updatedReplicas, status.replicas, status.availableReplicas];
    return status.observedGeneration >= metadata.generation && counts.every((count) => count === spec.replicas);
  });

requirements({ name: 'conf-deployments', sig: 'sig-apps', images: ['busybox', 'nginx'] }, (requirement) => {
  requirement('Deployment Deployment should have a working scale subresource', async (space) => {
    const body = deploymentOf('test-new-deployment', 'httpd', web);
    await space.ask('POST', deployments(space), { body });
    await runningPods(space, { name: 'httpd' }, 1);
    await space.until('it counts', `${deployments(space)}/test-new-deployment`, ({ status }) => status.replicas === 1);
    await scales(space, `${deployments(space)}/test-new-deployment`, { name: 'httpd' });
  });

  requirement('Deployment RollingUpdateDeployment should delete old pods and create new ones', async (space) => {
    // More than a number of JavaScript holds.
    const annotations = { [revision]: '3546343826724305832' };
    await startReplicaSet(space, 'test-rolling-update-controller', 'sample-pod', annotations);
    const name = 'test-rolling-update-deployment';
    await space.ask('POST', deployments(space), { body: deploymentOf(name, 'sample-pod', sleeper()) });
    await untilRevision(space, name, '3546343826724305833', busybox);
    const deployment = await untilComplete(space, name);
    const { current, old } = await setsOf(space, deployment);
    assert.deepEqual(namesOf({ items: old }), ['test-rolling-update-controller']);
    assert.deepEqual([old[0].spec.replicas, current.spec.replicas], [0, 1]);
    const { reason } = conditionOf(
      await space.until(
        'the condition',
        `${deployments(space)}/${name}`,
        (one) => conditionOf(one, 'Progressing')?.reason === 'NewReplicaSetAvailable',
      ),
      'Progressing',
    );
    assert.equal(reason, 'NewReplicaSetAvailable');
    const [left] = await runningPods(space, { name: 'sample-pod' }, 1);
    assert.equal(left.spec.containers[0].image, busybox);
  });

  requirement('Deployment deployment should delete old replica sets', async (space) => {
    await startReplicaSet(space, 'test-cleanup-controller', 'cleanup-pod');
    const { metadata } = await space.get(pods(space));
    using watch = await ApiWatch.open(space, pods(space), { resourceVersion: metadata.resourceVersion });
    const body = deploymentOf('test-cleanup-deployment', 'cleanup-pod', sleeper(), { revisionHistoryLimit: 0 });
    const deployment = await space.ask('POST', deployments(space), { body });
    await untilComplete(space, 'test-cleanup-deployment');
    await space.until('the old one is gone', sets(space), ({ items }) => items.length === 1);
    const { old } = await setsOf(space, await space.get(`${deployments(space)}/${deployment.metadata.name}`));
    assert.deepEqual(old, []);
    // The old one made none when it was given the label: all that came until its pod was gone.
    await watch.until(
      'the pod of the old one is gone',
      isOf('DELETED', ({ spec }) => spec.containers[0].name === 'httpd'),
    );
    const added = watch.told.filter(({ type }) => type === 'ADDED');
    assert.deepEqual(
      added.map(({ object }) => object.spec.containers[0].name),
      ['app'],
    );
  });

  requirement('Deployment deployment should support rollover', async (space) => {
    await startReplicaSet(space, 'test-rollover-controller', 'rollover-pod');
    const oldPath = `${sets(space)}/test-rollover-controller`;
    await space.until('the old one is ready', oldPath, ({ status }) => status.readyReplicas === 1);
    const name = 'test-rollover-deployment';
    const path = `${deployments(space)}/${name}`;
    const nowhere = 'registry.invalid/gb-redisslave:nonexistent';
    const strategy = { type: 'RollingUpdate', rollingUpdate: { maxUnavailable: 0, maxSurge: 1 } };
    const body = deploymentOf(
      name,
      'rollover-pod',
      { name: 'redis-slave', image: nowhere },
      { strategy, minReadySeconds: 10 },
    );
    await space.ask('POST', deployments(space), { body });
    await space.until(
      'it scales',
      path,
      ({ metadata, status }) => status.observedGeneration >= metadata.generation && status.updatedReplicas >= 1,
    );
    const stuck = await untilRevision(space, name, '1', nowhere);
    const counts = async (of: string) => {
      const { spec, status } = await space.get(of);
      return [spec.replicas, status.replicas];
    };
    const stuckPath = `${sets(space)}/${stuck.metadata.name}`;
    for (const one of [oldPath, stuckPath]) assert.deepEqual(await counts(one), [1, 1]);
    const updated = await update(space, path, ({ spec }) => {
      spec.template.spec.containers = [sleeper({ name: 'agnhost' })];
    });
    await space.until('it is seen', path, ({ status }) => status.observedGeneration >= updated.metadata.generation);
    await untilRevision(space, name, '2', busybox);
    await untilComplete(space, name, ({ status }) => {
      assert.ok((status.availableReplicas ?? 0) >= 1, `as many as must be available: ${JSON.stringify(status)}`);
      assert.ok(status.replicas <= 2, `no more than one beyond: ${JSON.stringify(status)}`);
    });
    for (const one of [oldPath, stuckPath]) assert.deepEqual(await counts(one), [0, 0]);
  });

  requirement('Deployment should run the lifecycle of a Deployment', async (space) => {
    const name = 'test-deployment';
    const labels = { 'test-deployment-static': 'true' };
    const list = deployments(space);
    const path = `${list}/${name}`;
    const since = (object: any) => ({ resourceVersion: object.metadata.resourceVersion, ...labelled(labels) });
    const everywhere = `${apps}/deployments${query(labelled(labels))}`;
    let from = since(await space.get(everywhere));
    const template = templateOf(labels, { name, image: nginx });
    const made = workload(name, labels, { replicas: 2, template }, { labels });
    const isIt = ({ metadata }: any) => metadata.name === name && metadata.labels['test-deployment-static'] === 'true';
    const ready =
      (count: number, image: string) =>
      ({ object }: any) =>
        isIt(object) &&
        object.status.readyReplicas === count &&
        object.spec.template.spec.containers[0].image === image;
    await space.ask('POST', list, { body: made });
    await seenSince(space, list, from, 'it is added', isOf('ADDED', isIt));
    await seenSince(space, list, from, 'all are ready', ready(2, nginx));
    const container = { name, image: busybox, command: ['/bin/sleep', '100000'] };
    const patchedSpec = {
      replicas: 1,
      template: { spec: { TerminationGracePeriodSeconds: 0, containers: [container] } },
    };
    await patch(space, path, 'strategic-merge', {
      metadata: { labels: { 'test-deployment': 'patched' } },
      spec: patchedSpec,
    });
    await seenSince(space, list, from, 'it is changed', isOf('MODIFIED', isIt));
    await seenSince(space, list, from, 'one of the other image is ready', ready(1, busybox));
    const listed = await space.get(everywhere);
    assert.deepEqual(
      listed.items.map(({ metadata }: any) => [metadata.namespace, metadata.name]),
      [[space.namespace, name]],
    );
    from = since(listed);
    // Replaced without a version, and with what a client of Go adds.
    const body = structuredClone(made);
    Object.assign(body, { kind: 'Deployment', apiVersion: 'apps/v1', status: {} });
    body.metadata = { ...body.metadata, creationTimestamp: null, labels: { ...labels, 'test-deployment': 'updated' } };
    body.spec.strategy = {};
    await space.ask('PUT', path, { body });
    await seenSince(space, list, from, 'it is replaced', isOf('MODIFIED', isIt));
    const check = async () => {
      const { spec, metadata } = await space.get(`${path}/status`);
      assert.deepEqual(
        [spec.template.spec.containers[0].image, metadata.labels['test-deployment']],
        [nginx, 'updated'],
      );
    };
    await check();
    await seenSince(space, list, from, 'both are ready', ready(2, nginx));
    const status = { metadata: { labels: { 'test-deployment': 'patched-status' } }, status: { readyReplicas: 0 } };
    const contentType = 'application/strategic-merge-patch+json';
    const refused = await space.request('PATCH', `${path}/status`, { body: status, contentType });
    assert.deepEqual([refused.code, refused.body.details.causes[0].field], [422, 'status.availableReplicas']);
    Object.assign(status.status, { availableReplicas: 0, unavailableReplicas: 2 });
    const answer = await patch(space, `${path}/status`, 'strategic-merge', status);
    assert.equal(answer.status.readyReplicas ?? 0, 0);
    await seenSince(space, list, since(answer), 'the controller puts it right', ready(2, nginx));
    // A status has no say in labels.
    await check();
    await space.ask('DELETE', `${list}${query(labelled(labels))}`, { body: { gracePeriodSeconds: 0 } });
    await seenSince(space, list, from, 'its end', isOf('DELETED', isIt));
    await space.until('its pods are gone', pods(space), ({ items }) => items.length === 0);
  });

  declareBudgets(requirement);
});

type Declare = Parameters<Parameters<typeof requirements>[1]>[0];

const policy = '/apis/policy/v1';
const budgets = (space: Space) => space.path(policy, 'poddisruptionbudgets');
const chosen = { foo: 'bar' };

/** Creates a budget and waits until the controller has seen it. */
async function createBudget(space: Space, name: string, minAvailable: number | string, labels = {}): Promise<any> {
  const body = { metadata: { name, labels }, spec: { selector: { matchLabels: chosen }, minAvailable } };
  const created = await space.ask('POST', budgets(space), { body });
  assert.equal(created.metadata.generation, 1);
  return untilProcessed(space, name);
}

const untilProcessed = (space: Space, name: string) =>
  space.until(
    'it is processed',
    `${budgets(space)}/${name}`,
    ({ metadata, status }) => status.observedGeneration >= metadata.generation,
  );

async function startPods(space: Space, count: number): Promise<void> {
  for (let i = 0; i < count; i++) {
    await space.ask('POST', pods(space), { body: pod(`pod-${i}`, sleeper(), { metadata: { labels: chosen } }) });
  }
  await runningPods(space, chosen, count);
}

function declareBudgets(requirement: Declare): void {
  requirement(
    'DisruptionController Listing PodDisruptionBudgets for all namespaces should list and delete a collection of PodDisruptionBudgets',
    async (space) => {
      const labels = { foo_pdb: space.namespace };
      const selector = query(labelled(labels));
      const other = `${space.namespace}-2`;
      await space.ask('POST', `${core}/namespaces`, { body: { metadata: { name: other } } });
      await createBudget(space, 'foo', 2, labels);
      await createBudget(space, 'foo2', '1%', labels);
      const body = { metadata: { name: 'foo3', labels }, spec: { selector: { matchLabels: chosen }, minAvailable: 2 } };
      await space.ask('POST', `${policy}/namespaces/${other}/poddisruptionbudgets`, { body });
      const everywhere = `${policy}/poddisruptionbudgets${selector}`;
      assert.deepEqual(namesOf(await space.get(everywhere)), ['foo', 'foo2', 'foo3']);
      assert.deepEqual(namesOf(await space.get(`${budgets(space)}${selector}`)), ['foo', 'foo2']);
      await space.ask('DELETE', budgets(space), { body: {} });
      assert.deepEqual(namesOf(await space.get(everywhere)), ['foo3']);
      await space.ask('DELETE', `${core}/namespaces/${other}`);
    },
  );

  requirement('DisruptionController should block an eviction until the PDB is updated to allow it', async (space) => {
    const path = `${budgets(space)}/foo`;
    await createBudget(space, 'foo', 3);
    const body = workload('rs', chosen, { replicas: 3, template: templateOf(chosen, sleeper()) });
    await space.ask('POST', sets(space), { body });
    const running = async () => {
      const [first] = await runningPods(space, chosen, 3);
      const { name, namespace } = first.metadata;
      const eviction = { apiVersion: 'policy/v1', kind: 'Eviction', metadata: { name, namespace } };
      return () => space.request('POST', `${pods(space)}/${name}/eviction`, { body: eviction });
    };
    const untilHealthy = () =>
      space.until(
        'it knows them all',
        path,
        ({ metadata, status }) => status.observedGeneration >= metadata.generation && status.currentHealthy === 3,
      );
    const isRefused = ({ code, body: { reason, details } }: any) => {
      assert.deepEqual([code, reason], [429, 'TooManyRequests']);
      assert.deepEqual(
        details.causes.map((cause: any) => cause.reason),
        ['DisruptionBudget'],
      );
    };
    const evict = await running();
    isRefused(await evict());
    await update(space, path, ({ spec }) => (spec.minAvailable = 2));
    await runningPods(space, chosen, 3);
    await untilHealthy();
    assert.equal((await evict()).code, 201);
    await runningPods(space, chosen, 3);
    await untilHealthy();
    const patched = await patch(space, path, 'merge', { spec: { minAvailable: null, maxUnavailable: 0 } });
    assert.deepEqual([patched.spec.minAvailable, patched.spec.maxUnavailable], [undefined, 0]);
    const again = await running();
    isRefused(await again());
    await space.ask('DELETE', path);
    assert.equal((await space.request('GET', path)).code, 404);
    assert.equal((await again()).code, 201);
  });

  requirement('DisruptionController should create a PodDisruptionBudget', async (space) => {
    const path = `${budgets(space)}/foo`;
    await createBudget(space, 'foo', '1%');
    const updated = await update(space, path, ({ spec }) => (spec.minAvailable = '2%'));
    assert.equal(updated.spec.minAvailable, '2%');
    await untilProcessed(space, 'foo');
    const patched = await patch(space, path, 'merge', { spec: { minAvailable: '3%' } });
    assert.deepEqual([patched.spec.minAvailable, patched.metadata.generation], ['3%', 3]);
    await untilProcessed(space, 'foo');
    await space.ask('DELETE', path);
    assert.equal((await space.request('GET', path)).code, 404);
  });

  requirement('DisruptionController should observe PodDisruptionBudget status updated', async (space) => {
    await createBudget(space, 'foo', 1);
    await startPods(space, 3);
    const { status } = await space.until(
      'disruptions are allowed',
      `${budgets(space)}/foo`,
      (one) => one.status.disruptionsAllowed === 2,
    );
    const { currentHealthy, desiredHealthy, expectedPods } = status;
    assert.deepEqual([currentHealthy, desiredHealthy, expectedPods], [3, 1, 3]);
    const { reason } = conditionOf({ status }, 'DisruptionAllowed');
    assert.equal(reason, 'SufficientPods');
  });

  requirement('DisruptionController should update/patch PodDisruptionBudget status', async (space) => {
    const path = `${budgets(space)}/foo`;
    await createBudget(space, 'foo', 1);
    await startPods(space, 3);
    const disruptedPods = {
      'pod-0': '2026-11-26T10:00:00Z',
      'pod-1': '2026-11-26T10:00:00Z',
      'pod-2': '2026-11-26T10:00:00Z',
    };
    const updated = await update(space, path, ({ status }) => (status.disruptedPods = disruptedPods), '/status');
    assert.deepEqual(updated.status.disruptedPods, disruptedPods);
    const patched = await patch(space, `${path}/status`, 'merge', { status: { disruptedPods: null } });
    assert.equal(patched.status.disruptedPods, undefined);
    await space.until(
      'it counts again',
      path,
      ({ status }) => status.disruptionsAllowed === 2 && status.currentHealthy === 3,
    );
  });
}
