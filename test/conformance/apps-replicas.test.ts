// What sig-apps requires of replica sets, replication controllers and the history of daemon sets.
import assert from 'node:assert/strict';
import { isOf, seenSince } from './api-watch.ts';
import { requirements, type Space } from './cluster.ts';
import { controllerOf, gone, isReady, labelled, namesOf, patch, query, runningPods, update } from './objects.ts';
import { scales, statusConditions } from './subresources.ts';
import { apps, busybox, core, nginx, pod, server, sleeper, templateOf, workload } from './workloads.ts';

const sets = (space: Space) => space.path(apps, 'replicasets');
const rcs = (space: Space) => space.path(core, 'replicationcontrollers');
const pods = (space: Space) => space.path(core, 'pods');

const replicationController = (name: string, labels: object, replicas: number, container: any = sleeper()): any => ({
  metadata: { name, labels },
  spec: { replicas, selector: labels, template: templateOf(labels, container) },
});

/** A pod whose labels are changed is let go, and another one takes its place. */
async function releases(space: Space, owner: any, labels: Record<string, string>): Promise<void> {
  const [first] = await runningPods(space, labels, 1);
  const path = `${pods(space)}/${first.metadata.name}`;
  await update(space, path, ({ metadata }) => (metadata.labels.name = 'not-matching-name'));
  const released = await space.until('it is released', path, (one) => !controllerOf(one));
  assert.equal(released.metadata.uid, first.metadata.uid);
  assert.equal(released.metadata.deletionTimestamp, undefined);
  const [second] = await runningPods(space, labels, 1);
  assert.equal(controllerOf(second).uid, owner.metadata.uid);
}

/** An ownerless pod that a new owner finds is adopted: no other one is made. */
async function adopts(space: Space, name: string, list: string, owner: any): Promise<any> {
  const labels = { name };
  const orphan = await space.ask('POST', pods(space), { body: pod(name, sleeper({ name }), { metadata: { labels } }) });
  await runningPods(space, labels, 1);
  const created = await space.ask('POST', list, { body: owner });
  const adopted = await space.until('it is adopted', `${pods(space)}/${name}`, controllerOf);
  assert.equal(adopted.metadata.uid, orphan.metadata.uid);
  const { uid, kind } = controllerOf(adopted);
  assert.deepEqual([uid, kind], [created.metadata.uid, created.kind]);
  await space.until('it counts', `${list}/${owner.metadata.name}`, ({ status }) => status.readyReplicas === 1);
  assert.deepEqual(namesOf(await space.get(`${pods(space)}${query(labelled(labels))}`)), [name]);
  return created;
}

requirements({ name: 'conf-replicas', sig: 'sig-apps', images: ['busybox', 'nginx'] }, (requirement) => {
  requirement('ReplicaSet Replace and Patch tests', async (space) => {
    const labels = { name: 'sample-pod', pod: 'httpd' };
    const name = 'test-rs';
    const path = `${sets(space)}/${name}`;
    const before = await space.get(`${apps}/replicasets${query(labelled(labels))}`);
    const params = { resourceVersion: before.metadata.resourceVersion, ...labelled(labels) };
    await space.ask('POST', sets(space), { body: workload(name, labels, { replicas: 1 }, { labels }) });
    await runningPods(space, labels, 1);
    await space.until('it is ready', path, ({ status }) => status.readyReplicas === 1);
    const scale = await space.get(`${path}/scale`);
    assert.deepEqual([scale.spec.replicas, scale.status.replicas], [1, 1]);
    const updated = await update(space, path, ({ spec }) => (spec.replicas = 2));
    assert.equal(updated.spec.replicas, 2);
    await space.until(
      'two are ready',
      path,
      ({ status }) => status.readyReplicas === 2 && status.availableReplicas === 2,
    );
    const body = {
      metadata: { labels: { 'test-rs': 'patched' } },
      spec: {
        replicas: 3,
        template: {
          spec: {
            TerminationGracePeriodSeconds: 0,
            containers: [{ name: 'app', image: busybox, command: ['/bin/sleep', '100000'] }],
          },
        },
      },
    };
    const patched = await patch(space, path, 'strategic-merge', body);
    assert.equal(patched.metadata.labels['test-rs'], 'patched');
    await seenSince(space, sets(space), params, 'three are ready', ({ object: { metadata, spec, status } }) => {
      const isPatched = metadata.name === name && metadata.labels['test-rs'] === 'patched';
      return isPatched && status.readyReplicas === 3 && spec.replicas === 3 && metadata.labels.pod === 'httpd';
    });
  });

  requirement('ReplicaSet Replicaset should have a working scale subresource', async (space) => {
    const labels = { name: 'sample-pod', pod: 'httpd' };
    await space.ask('POST', sets(space), { body: workload('test-rs', labels, { replicas: 1 }) });
    await runningPods(space, labels, 1);
    await space.until('it counts', `${sets(space)}/test-rs`, ({ status }) => status.replicas === 1);
    await scales(space, `${sets(space)}/test-rs`, labels);
  });

  requirement(
    'ReplicaSet should adopt matching pods on creation and release no longer matching pods',
    async (space) => {
      const name = 'pod-adoption-release';
      const template = templateOf({ name }, sleeper({ name }));
      const owner = workload(name, { name }, { replicas: 1, template }, { labels: { name } });
      const created = await adopts(space, name, sets(space), owner);
      await releases(space, created, { name });
    },
  );

  requirement('ReplicaSet should list and delete a collection of ReplicaSets', async (space) => {
    const labels = { 'e2e-replicaset': space.namespace };
    await space.ask('POST', sets(space), { body: workload('test-rs', labels, { replicas: 3 }, { labels }) });
    await runningPods(space, labels, 3);
    for (const list of [`${apps}/replicasets`, sets(space)]) {
      assert.deepEqual(namesOf(await space.get(`${list}${query(labelled(labels))}`)), ['test-rs']);
    }
    await space.ask('POST', sets(space), { body: workload('other', { app: 'other' }, { replicas: 0 }) });
    await space.ask('DELETE', `${sets(space)}${query(labelled(labels))}`);
    assert.deepEqual(namesOf(await space.get(sets(space))), ['other']);
    await space.until('its pods are gone', pods(space), ({ items }) => items.length === 0);
  });

  requirement('ReplicaSet should validate Replicaset Status endpoints', async (space) => {
    const labels = { name: space.namespace, pod: 'httpd' };
    await space.ask('POST', sets(space), { body: workload('test-rs', labels, { replicas: 1 }, { labels }) });
    await runningPods(space, labels, 1);
    await statusConditions(space, sets(space), 'test-rs', labels);
  });

  requirement('ReplicationController should adopt matching pods on creation', async (space) => {
    const name = 'pod-adoption';
    await adopts(space, name, rcs(space), replicationController(name, { name }, 1, sleeper({ name })));
  });

  requirement('ReplicationController should get and update a ReplicationController scale', async (space) => {
    const labels = { name: 'e2e-rc' };
    await space.ask('POST', rcs(space), { body: replicationController('e2e-rc', labels, 1) });
    const path = `${rcs(space)}/e2e-rc`;
    await runningPods(space, labels, 1);
    await space.until('it is ready', path, ({ status }) => status.readyReplicas === 1);
    await scales(space, path, labels);
  });

  requirement('ReplicationController should release no longer matching pods', async (space) => {
    const labels = { name: 'pod-release' };
    const owner = await space.ask('POST', rcs(space), { body: replicationController('pod-release', labels, 1) });
    await releases(space, owner, labels);
  });

  requirement('ReplicationController should serve a basic image on each replica with a public image', async (space) => {
    const labels = { name: 'my-hostname-basic' };
    await space.ask('POST', rcs(space), { body: replicationController('my-hostname-basic', labels, 2, server(9376)) });
    for (const { metadata } of await runningPods(space, labels, 2)) {
      const path = `${pods(space)}/${metadata.name}/proxy/`;
      await space.until('it answers with its name', path, (text) => text.trim() === metadata.name);
    }
  });

  requirement('ReplicationController should test the lifecycle of a ReplicationController', async (space) => {
    const name = 'rc-test';
    const labels = { 'test-rc-static': 'true' };
    const rc = replicationController(name, labels, 1, { name, image: nginx });
    const list = rcs(space);
    const path = `${list}/${name}`;
    const selected = `${core}/replicationcontrollers${query(labelled(labels))}`;
    const before = await space.get(selected);
    const since = { resourceVersion: before.metadata.resourceVersion, ...labelled(labels) };
    await space.ask('POST', list, { body: rc });
    await seenSince(
      space,
      list,
      since,
      'it is added',
      isOf('ADDED', ({ metadata }) => metadata.name === name),
    );
    await seenSince(space, list, since, 'it is ready', ({ object }) => object.status.readyReplicas === 1);
    const patched = await patch(space, path, 'strategic-merge', { metadata: { labels: { 'test-rc': 'patched' } } });
    assert.equal(patched.metadata.labels['test-rc'], 'patched');
    await seenSince(
      space,
      list,
      since,
      'the label',
      isOf('MODIFIED', ({ metadata }) => metadata.labels['test-rc'] === 'patched'),
    );
    const zero = { status: { readyReplicas: 0, availableReplicas: 0 } };
    const status = await patch(space, `${path}/status`, 'strategic-merge', zero);
    assert.equal(status.status.readyReplicas ?? 0, 0);
    const isZero = isOf(
      'MODIFIED',
      (one) => (one.status.readyReplicas ?? 0) === 0 && one.metadata.labels['test-rc'] === 'patched',
    );
    await seenSince(space, list, since, 'none is ready', isZero);
    const read = await space.get(`${path}/status`);
    assert.deepEqual([read.kind, read.status.replicas], ['ReplicationController', 1]);
    // The controller sees to it that the status is true again.
    await space.until('it is ready again', path, (one) => one.status.readyReplicas === 1);
    const scaled = await patch(space, `${path}/scale`, 'strategic-merge', { spec: { replicas: 2 } });
    assert.deepEqual([scaled.kind, scaled.spec.replicas], ['Scale', 2]);
    await seenSince(space, list, since, 'two are ready', ({ object }) => object.status.readyReplicas === 2);
    const whole = { ...rc, kind: 'ReplicationController', apiVersion: 'v1', metadata: { ...rc.metadata } };
    const updated = await space.ask('PUT', path, { body: { ...whole, spec: { ...rc.spec, replicas: 2 } } });
    assert.equal(updated.spec.replicas, 2);
    assert.equal(updated.metadata.labels['test-rc'], undefined);
    await space.until(
      'it has two',
      path,
      (one) => one.status.observedGeneration >= updated.metadata.generation && one.status.readyReplicas === 2,
    );
    const listed = await space.get(selected);
    assert.deepEqual(namesOf(listed), [name]);
    await space.ask('DELETE', `${list}${query(labelled(labels))}`, { body: { gracePeriodSeconds: 0 } });
    await seenSince(
      space,
      list,
      since,
      'its end',
      isOf('DELETED', ({ metadata }) => metadata.name === name),
    );
    // Replication controllers leave their pods behind unless told otherwise.
    const left = await space.until('its pods are let go', pods(space), ({ items }) => !items.some(controllerOf));
    assert.equal(left.items.length, 2);
  });

  declareDaemonSets(requirement);
});

type Declare = Parameters<Parameters<typeof requirements>[1]>[0];

const daemonSets = (space: Space) => space.path(apps, 'daemonsets');
const revisionsOf = (space: Space) => space.path(apps, 'controllerrevisions');
const hashLabel = 'controller-revision-hash';

/** Waits until just one pod of a daemon set is available on the node, and its status says so. */
async function onEveryNode(space: Space, name: string): Promise<any> {
  const path = `${daemonSets(space)}/${name}`;
  const { metadata } = await space.get(path);
  const { items } = await space.until('a pod on each node', pods(space), (list) => {
    const own = list.items.filter(
      (one: any) => controllerOf(one)?.uid === metadata.uid && !one.metadata.deletionTimestamp,
    );
    return own.length === 1 && isReady(own[0]) && own[0].spec.nodeName === space.node;
  });
  await space.until('its status', path, ({ status }) => {
    const { desiredNumberScheduled, currentNumberScheduled, numberReady } = status;
    return desiredNumberScheduled === 1 && currentNumberScheduled === 1 && numberReady === 1;
  });
  return items.find((one: any) => !one.metadata.deletionTimestamp);
}

/** The revision of a set's template: clients find it by the very bytes of its patch. */
async function currentRevision(
  space: Space,
  name: string,
  labels: Record<string, string>,
  count: number,
): Promise<any> {
  const path = `${revisionsOf(space)}${query(labelled(labels))}`;
  const { items } = await space.until(`${count} revisions`, path, (list) => list.items.length === count);
  const { spec } = await space.get(`${daemonSets(space)}/${name}`);
  const isCurrent = ({ data }: any) =>
    JSON.stringify(data) === JSON.stringify(sorted({ spec: { template: { ...spec.template, $patch: 'replace' } } }));
  const found = items.filter(isCurrent);
  assert.equal(found.length, 1, `one of ${JSON.stringify(items)} is ${JSON.stringify(spec.template)}`);
  return found[0];
}

function sorted(value: any): any {
  if (Array.isArray(value)) return value.map(sorted);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(
    Object.keys(value)
      .sort()
      .map((key) => [key, sorted(value[key])]),
  );
}

function declareDaemonSets(requirement: Declare): void {
  const name = 'daemon-set';
  const labels = { 'daemonset-name': name };
  const daemonSet = (spec: object = {}) =>
    workload(name, labels, { template: templateOf(labels, server(9376)), ...spec }, { labels });

  requirement('Daemon set [Serial] should run and stop simple daemon', async (space) => {
    await space.ask('POST', daemonSets(space), { body: daemonSet() });
    const first = await onEveryNode(space, name);
    await space.ask('DELETE', `${pods(space)}/${first.metadata.name}`);
    await gone(space, `${pods(space)}/${first.metadata.name}`);
    const second = await onEveryNode(space, name);
    assert.notEqual(second.metadata.uid, first.metadata.uid);
    await space.ask('DELETE', `${daemonSets(space)}/${name}`, { body: { propagationPolicy: 'Foreground' } });
    await gone(space, `${daemonSets(space)}/${name}`);
    assert.deepEqual((await space.get(pods(space))).items, []);
  });

  requirement(
    'Daemon set [Serial] should update pod when spec was updated and update strategy is RollingUpdate',
    async (space) => {
      await space.ask('POST', daemonSets(space), { body: daemonSet({ updateStrategy: { type: 'RollingUpdate' } }) });
      const first = await onEveryNode(space, name);
      const one = await currentRevision(space, name, labels, 1);
      assert.equal(one.revision, 1);
      assert.equal(first.metadata.labels[hashLabel], one.metadata.labels[hashLabel]);
      const containers = [{ name: 'app', image: nginx, command: null }];
      await patch(space, `${daemonSets(space)}/${name}`, 'strategic-merge', {
        spec: { template: { spec: { containers } } },
      });
      await space.until('its image', pods(space), ({ items }) => {
        const own = items.filter((item: any) => controllerOf(item)?.kind === 'DaemonSet');
        assert.ok(own.filter((item: any) => !isReady(item)).length <= 1, 'one at a time is not available');
        return own.some(({ spec }: any) => spec.containers[0].image === nginx);
      });
      await space.until('the old one is gone', pods(space), ({ items }) => items.length === 1);
      const second = await onEveryNode(space, name);
      assert.equal(second.spec.containers[0].image, nginx);
      const two = await currentRevision(space, name, labels, 2);
      assert.equal(two.revision, 2);
      assert.equal(second.metadata.labels[hashLabel], two.metadata.labels[hashLabel]);
    },
  );

  requirement('Daemon set [Serial] should verify changes to a daemon set status', async (space) => {
    await space.ask('POST', daemonSets(space), { body: daemonSet() });
    await onEveryNode(space, name);
    await statusConditions(space, daemonSets(space), name, labels);
  });

  requirement('ControllerRevision [Serial] should manage the lifecycle of a ControllerRevision', async (space) => {
    const path = `${daemonSets(space)}/${name}`;
    const selected = `${revisionsOf(space)}${query(labelled(labels))}`;
    const untilCount = (count: number) =>
      space.until(`${count} revisions`, selected, ({ items }) => items.length === count);
    await space.ask('POST', daemonSets(space), { body: daemonSet() });
    await onEveryNode(space, name);
    assert.deepEqual(namesOf(await space.get(`${apps}/daemonsets${query(labelled(labels))}`)), [name]);
    const set = await space.get(path);
    const { items } = await space.get(`${apps}/controllerrevisions${query(labelled(labels))}`);
    assert.equal(items.length, 1);
    const [{ kind, uid }] = items[0].metadata.ownerReferences;
    assert.deepEqual([kind, uid], ['DaemonSet', set.metadata.uid]);
    const initial = await space.get(`${revisionsOf(space)}/${items[0].metadata.name}`);
    const own = initial.metadata.name;
    const patched = await patch(space, `${revisionsOf(space)}/${own}`, 'strategic-merge', {
      metadata: { labels: { [own]: 'patched' } },
    });
    assert.equal(patched.metadata.labels[own], 'patched');
    const hash = '5f4d9c7b6d';
    const { annotations, ownerReferences } = initial.metadata;
    const made = await space.ask('POST', revisionsOf(space), {
      body: {
        metadata: { name: `${name}-${hash}`, labels: { ...labels, [hashLabel]: hash }, annotations, ownerReferences },
        data: initial.data,
        revision: initial.revision + 1,
      },
    });
    assert.deepEqual([made.revision, made.data], [2, initial.data]);
    await untilCount(2);
    await space.ask('DELETE', `${revisionsOf(space)}/${own}`);
    const [current] = (await untilCount(1)).items;
    const key = current.metadata.name;
    const updated = await update(
      space,
      `${revisionsOf(space)}/${key}`,
      ({ metadata }) => (metadata.labels[key] = 'updated'),
    );
    assert.equal(updated.metadata.labels[key], 'updated');
    // What a revision holds does not change.
    const body = { ...updated, data: { other: true } };
    const refused = await space.request('PUT', `${revisionsOf(space)}/${key}`, { body });
    assert.deepEqual([refused.code, refused.body.details.causes[0].field], [422, 'data']);
    const template = { spec: { terminationGracePeriodSeconds: 1 } };
    await patch(space, path, 'strategic-merge', { spec: { template }, updateStrategy: { type: 'RollingUpdate' } });
    await untilCount(2);
    await space.ask('DELETE', `${revisionsOf(space)}${query(labelled({ [key]: 'updated' }))}`);
    const [last] = (await untilCount(1)).items;
    assert.equal(last.revision, 3);
  });
}
