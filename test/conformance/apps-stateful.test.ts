// What sig-apps requires of stateful sets.
import assert from 'node:assert/strict';
import { eventually } from '../environment/kubectl.ts';
import { ApiWatch, isOf, seenSince } from './api-watch.ts';
import { requirements, type Space } from './cluster.ts';
import { isReady, labelled, namesOf, patch, query, runningPods, update } from './objects.ts';
import { statusConditions } from './subresources.ts';
import { apps, busybox, core, pod, server, sleeper, templateOf, workload } from './workloads.ts';

const labels = { foo: 'bar', baz: 'blah' };
const hashLabel = 'controller-revision-hash';
const list = (space: Space) => space.path(apps, 'statefulsets');
const pods = (space: Space) => space.path(core, 'pods');
const selected = (space: Space) => `${pods(space)}${query(labelled(labels))}`;

/** Ready as long as its page is there. */
const web = (image = busybox): any => ({
  ...server(80, { name: 'webserver' }),
  image,
  readinessProbe: {
    httpGet: { path: '/index.html', port: 80 },
    timeoutSeconds: 10,
    periodSeconds: 1,
    successThreshold: 1,
    failureThreshold: 1,
  },
});
/** What makes pods unready, and ready again. */
const breaks = 'mv /www/index.html /tmp/';
const mends = 'mv /tmp/index.html /www/';

function move(space: Space, command: string, names: string[]): void {
  for (const name of names) {
    const { code, stderr } = space.kubectl(['exec', name, '--', 'sh', '-c', command]);
    assert.equal(code, 0, stderr);
  }
}

/** A stateful set with its headless service. */
async function start(space: Space, name: string, replicas: number, spec: object = {}): Promise<any> {
  const ports = [{ port: 80, name: 'http', protocol: 'TCP' }];
  const service = { metadata: { name: 'test', labels }, spec: { ports, clusterIP: 'None', selector: labels } };
  await space.ask('POST', space.path(core, 'services'), { body: service });
  const own = {
    replicas,
    serviceName: 'test',
    template: templateOf(labels, web()),
    updateStrategy: { type: 'RollingUpdate' },
  };
  const metadata = { labels: { ...labels, of: space.namespace } };
  return space.ask('POST', list(space), { body: workload(name, labels, { ...own, ...spec }, metadata) });
}

/** Its pods by their ordinals, once there are so many and so many of them are ready. */
async function untilPods(space: Space, count: number, ready = count): Promise<any[]> {
  const { items } = await space.until(`${count} pods, ${ready} of them ready`, selected(space), (found) => {
    const own = found.items.filter(
      ({ metadata, status }: any) => status.phase === 'Running' && !metadata.deletionTimestamp,
    );
    return found.items.length === count && own.length === count && own.filter(isReady).length === ready;
  });
  return items.sort((a: any, b: any) => a.metadata.name.localeCompare(b.metadata.name));
}

/** The set once its controller has seen the last change. */
const observed = (space: Space, name: string, check: (status: any) => boolean = () => true): Promise<any> =>
  space.until(
    `${name} is observed`,
    `${list(space)}/${name}`,
    ({ metadata, status }) => status.observedGeneration >= metadata.generation && check(status),
  );

const revisionsOf = ({ status }: any): string[] => [status.currentRevision, status.updateRevision];
const setImage = (space: Space, name: string, image: string) =>
  update(space, `${list(space)}/${name}`, ({ spec }) => (spec.template.spec.containers[0].image = image));
const shapeOf = (items: any[]) =>
  items.map(({ metadata, spec }) => [spec.containers[0].image, metadata.labels[hashLabel]]);

/** Another name of the same image. */
const otherImage = busybox.replace('docker.io/library/', '');

requirements({ name: 'conf-stateful', sig: 'sig-apps', images: ['busybox', 'nginx'] }, (requirement) => {
  requirement(
    'StatefulSet Basic StatefulSet functionality [StatefulSetBasic] Burst scaling should run to completion even with unhealthy pods [Slow]',
    async (space) => {
      const path = `${list(space)}/ss`;
      await start(space, 'ss', 1, { podManagementPolicy: 'Parallel' });
      await untilPods(space, 1);
      move(space, breaks, ['ss-0']);
      await untilPods(space, 1, 0);
      await observed(space, 'ss', ({ readyReplicas = 0 }) => readyReplicas === 0);
      await update(space, path, ({ spec }) => (spec.replicas = 3));
      await untilPods(space, 3, 2);
      move(space, mends, ['ss-0']);
      await untilPods(space, 3);
      move(space, breaks, ['ss-0', 'ss-1', 'ss-2']);
      await observed(space, 'ss', ({ readyReplicas = 0 }) => readyReplicas === 0);
      await untilPods(space, 3, 0);
      await update(space, path, ({ spec }) => (spec.replicas = 0));
      await space.until('no pod is left', selected(space), ({ items }) => items.length === 0);
      await observed(space, 'ss', ({ replicas }) => replicas === 0);
    },
  );

  requirement(
    'StatefulSet Basic StatefulSet functionality [StatefulSetBasic] Scaling should happen in predictable order and halt if any stateful pod is unhealthy [Slow]',
    async (space) => {
      const path = `${list(space)}/ss`;
      const { metadata } = await space.get(selected(space));
      using watch = await ApiWatch.open(space, pods(space), {
        resourceVersion: metadata.resourceVersion,
        ...labelled(labels),
      });
      await start(space, 'ss', 1);
      await untilPods(space, 1);
      move(space, breaks, ['ss-0']);
      await untilPods(space, 1, 0);
      await observed(space, 'ss', ({ readyReplicas = 0 }) => readyReplicas === 0);
      await update(space, path, ({ spec }) => (spec.replicas = 3));
      await observed(space, 'ss');
      assert.equal((await space.get(selected(space))).items.length, 1);
      move(space, mends, ['ss-0']);
      await untilPods(space, 3);
      move(space, breaks, ['ss-0', 'ss-1', 'ss-2']);
      await observed(space, 'ss', ({ readyReplicas = 0 }) => readyReplicas === 0);
      await untilPods(space, 3, 0);
      await update(space, path, ({ spec }) => (spec.replicas = 0));
      await observed(space, 'ss');
      assert.equal((await space.get(selected(space))).items.length, 3);
      // From above; the lowest goes when it is the only one that is unwell.
      move(space, mends, ['ss-2', 'ss-1']);
      await observed(space, 'ss', ({ replicas }) => replicas === 0);
      await watch.until(
        'the first is gone',
        isOf('DELETED', (one) => one.metadata.name === 'ss-0'),
      );
      checkOrder(watch.told);
    },
  );

  requirement(
    'StatefulSet Basic StatefulSet functionality [StatefulSetBasic] Should recreate evicted statefulset',
    async (space) => {
      const ports = [{ containerPort: 21017, hostPort: 21017, name: 'conflict' }];
      const onNode = { nodeName: space.node };
      await space.ask('POST', pods(space), { body: pod('test-pod', sleeper({ ports }), { spec: onNode }) });
      await space.until('it runs', `${pods(space)}/test-pod`, ({ status }) => status.phase === 'Running');
      const fieldSelector = 'metadata.name=ss-0';
      const { metadata } = await space.get(`${pods(space)}${query({ fieldSelector })}`);
      const from = { resourceVersion: metadata.resourceVersion, fieldSelector };
      await start(space, 'ss', 1, { template: templateOf(labels, sleeper({ ports }), onNode) });
      const deleted = await seenSince(
        space,
        pods(space),
        from,
        'it is deleted',
        isOf('DELETED', () => true),
      );
      const { phase, reason, message } = deleted.object.status;
      assert.deepEqual([phase, reason], ['Failed', 'NodePorts']);
      assert.match(message, /Pod was rejected: Predicate NodePorts failed|Predicate NodePorts failed/);
      await space.ask('DELETE', `${pods(space)}/test-pod`, { body: { gracePeriodSeconds: 0 } });
      const [running] = await runningPods(space, labels, 1);
      assert.equal(running.metadata.name, 'ss-0');
      assert.notEqual(running.metadata.uid, deleted.object.metadata.uid);
    },
  );

  requirement(
    'StatefulSet Basic StatefulSet functionality [StatefulSetBasic] should list, patch and delete a collection of StatefulSets',
    async (space) => {
      const path = `${list(space)}/test-ss`;
      const everywhere = `${apps}/statefulsets${query({ labelSelector: `test-ss=${space.namespace}` })}`;
      await start(space, 'test-ss', 1);
      await untilPods(space, 1);
      const body = {
        metadata: { labels: { 'test-ss': space.namespace } },
        spec: {
          replicas: 2,
          template: {
            spec: {
              TerminationGracePeriodSeconds: 0,
              containers: [{ name: 'webserver', image: otherImage }],
            },
          },
        },
      };
      await patch(space, path, 'strategic-merge', body);
      const set = await space.get(path);
      assert.deepEqual([set.spec.replicas, set.spec.template.spec.containers[0].image], [2, otherImage]);
      await observed(
        space,
        'test-ss',
        ({ readyReplicas, updatedReplicas }) => readyReplicas === 2 && updatedReplicas === 2,
      );
      assert.deepEqual(
        (await untilPods(space, 2)).map(({ spec }) => spec.containers[0].image),
        [otherImage, otherImage],
      );
      assert.deepEqual(namesOf(await space.get(everywhere)), ['test-ss']);
      await space.ask('DELETE', `${list(space)}?labelSelector=test-ss%3D${space.namespace}`, {
        body: { gracePeriodSeconds: 0 },
      });
      assert.deepEqual((await space.get(everywhere)).items, []);
      await space.until('its pods are gone', selected(space), ({ items }) => items.length === 0);
    },
  );

  requirement(
    'StatefulSet Basic StatefulSet functionality [StatefulSetBasic] should perform canary updates and phased rolling updates of template modifications',
    async (space) => {
      const path = `${list(space)}/ss2`;
      const setPartition = (partition: number) =>
        update(
          space,
          path,
          ({ spec }) => (spec.updateStrategy = { type: 'RollingUpdate', rollingUpdate: { partition } }),
        );
      await start(space, 'ss2', 3, { updateStrategy: { type: 'RollingUpdate', rollingUpdate: { partition: 3 } } });
      await untilPods(space, 3);
      const [first, same] = revisionsOf(await observed(space, 'ss2'));
      assert.equal(first, same);
      await setImage(space, 'ss2', otherImage);
      const [current, next] = revisionsOf(await observed(space, 'ss2'));
      assert.equal(current, first);
      assert.notEqual(next, first);
      const old = [busybox, first];
      const updated = [otherImage, next];
      assert.deepEqual(shapeOf(await untilPods(space, 3)), [old, old, old]);
      await setPartition(2);
      const isThird = ({ metadata }: any) => metadata.name === 'ss2-2' && metadata.labels[hashLabel] === next;
      await space.until('the last is updated', selected(space), ({ items }) =>
        items.some((one: any) => isThird(one) && isReady(one)),
      );
      assert.deepEqual(shapeOf(await untilPods(space, 3)), [old, old, updated]);
      // Pods that are deleted in the middle come back as what they were.
      const before = await untilPods(space, 3);
      for (const i of [0, 2]) await space.ask('DELETE', `${pods(space)}/ss2-${i}`, { body: { gracePeriodSeconds: 0 } });
      const uids = [0, 2].map((i) => before[i].metadata.uid);
      await space.until(
        'others are there',
        selected(space),
        ({ items }) => !items.some((one: any) => uids.includes(one.metadata.uid)),
      );
      assert.deepEqual(shapeOf(await untilPods(space, 3)), [old, old, updated]);
      for (const partition of [1, 0]) {
        await setPartition(partition);
        await observed(space, 'ss2', ({ updatedReplicas }) => updatedReplicas === 3 - partition);
        const shapes = shapeOf(await untilPods(space, 3));
        assert.deepEqual(
          shapes,
          [0, 1, 2].map((i) => (i < partition ? old : updated)),
        );
      }
      const [last] = revisionsOf(
        await observed(space, 'ss2', (status) => status.currentRevision === status.updateRevision),
      );
      assert.equal(last, next);
    },
  );

  requirement(
    'StatefulSet Basic StatefulSet functionality [StatefulSetBasic] should perform rolling updates and roll backs of template modifications',
    async (space) => {
      await start(space, 'ss2', 3);
      const names = ['ss2-0', 'ss2-1', 'ss2-2'];
      await untilPods(space, 3);
      const [first, same] = revisionsOf(await observed(space, 'ss2'));
      assert.equal(first, same);
      assert.deepEqual(shapeOf(await untilPods(space, 3)), Array(3).fill([busybox, first]));
      /** Updates with a pod in the middle that is not well until the revision is there. */
      const roll = async (image: string) => {
        move(space, breaks, ['ss2-1']);
        await space.until('one is unready', `${pods(space)}/ss2-1`, (one) => !isReady(one));
        await setImage(space, 'ss2', image);
        const [current, next] = revisionsOf(await observed(space, 'ss2'));
        assert.notEqual(current, next);
        const { metadata } = await space.get(selected(space));
        using watch = await ApiWatch.open(space, pods(space), {
          resourceVersion: metadata.resourceVersion,
          ...labelled(labels),
        });
        await mendIfOld(space, 'ss2-1', next!);
        await observed(space, 'ss2', (status) => status.currentRevision === next && status.updatedReplicas === 3);
        assert.deepEqual(shapeOf(await untilPods(space, 3)), Array(3).fill([image, next]));
        const deleted = watch.told.filter(({ type }) => type === 'DELETED').map(({ object }) => object.metadata.name);
        // The last may have gone before the watch began.
        assert.ok(
          [names.toReversed(), ['ss2-1', 'ss2-0']].some((order) => order.join() === deleted.join()),
          deleted.join(),
        );
        return next;
      };
      const second = await roll(otherImage);
      assert.notEqual(second, first);
      assert.equal(await roll(busybox), first);
      const revisions = await space.get(space.path(apps, 'controllerrevisions'));
      assert.deepEqual(namesOf(revisions), [first, second].sort());
      const numbers = revisions.items.map(({ metadata, revision }: any) => [metadata.name, revision]);
      assert.equal(Object.fromEntries(numbers)[first!], 3);
    },
  );

  requirement(
    'StatefulSet Basic StatefulSet functionality [StatefulSetBasic] should validate Statefulset Status endpoints',
    async (space) => {
      await start(space, 'ss', 1);
      await untilPods(space, 1);
      await statusConditions(space, list(space), 'ss', { of: space.namespace });
    },
  );
});

/** Lets a pod get ready again, unless it is replaced before that. */
const mendIfOld = (space: Space, name: string, next: string) =>
  eventually('it is mended or another one', async () => {
    const { body } = await space.request('GET', `${pods(space)}/${name}`);
    if (body.metadata?.labels?.[hashLabel] === next) return true;
    return space.kubectl(['exec', name, '--', 'sh', '-c', mends]).code === 0 ? true : undefined;
  });

/** Up one after the other, each when those before it were ready; down in the other direction. */
function checkOrder(seen: ApiWatch['told']): void {
  const last = new Map<string, any>();
  const order: string[] = [];
  for (const { type, object } of seen) {
    const { name } = object.metadata;
    if (type === 'ADDED') {
      order.push(`+${name}`);
      assert.ok([...last.values()].every(isReady), `${name} came while another one was unready`);
    }
    if (type === 'DELETED') order.push(`-${name}`);
    if (type === 'DELETED') last.delete(name);
    else last.set(name, object);
  }
  assert.deepEqual(order, ['+ss-0', '+ss-1', '+ss-2', '-ss-2', '-ss-1', '-ss-0']);
}
