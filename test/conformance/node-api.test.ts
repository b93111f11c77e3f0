// What sig-node requires of the API: the lives of its objects, and of nodes that are tainted.
import assert from 'node:assert/strict';
import { ApiWatch } from './api-watch.ts';
import type { Space } from './cluster.ts';
import { type Crud, crud } from './crud.ts';
import { create, hasEnded, nodeRequirements, pod, podPath, shell, start, stays } from './node.ts';
import { conditionOf, isReady, namesOf, newer, refused, selector, update } from './objects.ts';

const base64 = (text: string) => Buffer.from(text).toString('base64');
const mergePatch = { contentType: 'application/merge-patch+json' };

nodeRequirements('conf-node-api', ['busybox'], (requirement) => {
  requirement('ConfigMap should run through a ConfigMap lifecycle', async (space) => {
    const path = space.path('/api/v1', 'configmaps');
    const static_ = 'test-configmap-static=true';
    await create(space, 'configmaps', {
      metadata: { name: 'map', labels: { 'test-configmap-static': 'true' } },
      data: { valueName: 'value' },
    });
    assert.equal((await space.get(`${path}/map`)).data.valueName, 'value');
    const patch = { metadata: { labels: { 'test-configmap': 'patched' } }, data: { valueName: 'value1' } };
    await space.ask('PATCH', `${path}/map`, { body: patch });
    const { items } = await space.get(`/api/v1/configmaps?${selector(static_)}`);
    const found = items.find(({ metadata }: any) => metadata.namespace === space.namespace);
    assert.deepEqual(found.data, { valueName: 'value1' });
    assert.deepEqual(found.metadata.labels, { 'test-configmap-static': 'true', 'test-configmap': 'patched' });
    await space.ask('DELETE', `${path}?${selector(static_)}`);
    assert.deepEqual((await space.get(`${path}?${selector(static_)}`)).items, []);
    assert.deepEqual(namesOf(await space.get(path)), ['kube-root-ca.crt']);
  });

  requirement('ConfigMap should update ConfigMap successfully [NodeConformance]', async (space) => {
    const made = await create(space, 'configmaps', { metadata: { name: 'map' }, data: { key: 'value' } });
    const path = space.path('/api/v1', 'configmaps/map');
    const data = { key: 'value-2', more: 'yes' };
    await space.ask('PUT', path, { body: { ...made, data } });
    assert.deepEqual((await space.get(path)).data, data);
    await refused(space, 'PUT', path, 409, { body: { ...made, data: {} } });
    assert.deepEqual((await space.get(path)).data, data);
  });

  requirement('Secrets should fail to create secret due to empty secret key', async (space) => {
    const path = space.path('/api/v1', 'secrets');
    const body = { metadata: { name: 'empty-key' }, data: { '': base64('value-1\n') } };
    const message = await refused(space, 'POST', path, 422, { body });
    assert.match(message, /Secret "empty-key" is invalid: data\[\]: Invalid value: ""/);
    await refused(space, 'GET', `${path}/empty-key`, 404);
  });

  requirement('Secrets should patch a secret', async (space) => {
    const path = space.path('/api/v1', 'secrets');
    const constant = selector('testsecret-constant=true');
    await create(space, 'secrets', {
      metadata: { name: 'patched', labels: { 'testsecret-constant': 'true' } },
      data: { key: base64('value') },
      type: 'Opaque',
    });
    const everywhere = () => space.get(`/api/v1/secrets?${constant}`);
    const isThere = ({ items }: any) => items.some(({ metadata }: any) => metadata.namespace === space.namespace);
    assert.ok(isThere(await everywhere()));
    const body = { metadata: { labels: { testsecret: 'true' } }, data: { key: base64('value1') } };
    await space.ask('PATCH', `${path}/patched`, { body });
    const { data, metadata } = await space.get(`${path}/patched`);
    assert.equal(data.key, base64('value1'));
    assert.equal(metadata.labels.testsecret, 'true');
    await space.ask('DELETE', `${path}?${selector('testsecret=true')}`);
    assert.ok(!isThere(await everywhere()));
  });

  requirement('Lease lease API should be available', async (space) => {
    const version = '/apis/coordination.k8s.io/v1';
    const leases = space.path(version, 'leases');
    const time = (second: number) => `2026-11-26T13:00:${second}.123456Z`;
    const spec = {
      holderIdentity: 'holder',
      leaseDurationSeconds: 30,
      acquireTime: time(10),
      renewTime: time(15),
      leaseTransitions: 0,
    };
    const lease = await create(space, 'leases', { metadata: { name: 'lease' }, spec }, version);
    const current = async () => (await space.get(`${leases}/lease`)).spec;
    assert.deepEqual(await current(), spec);
    const second = { ...spec, holderIdentity: 'holder2', acquireTime: time(20), renewTime: time(25) };
    const changed = { ...second, leaseDurationSeconds: 45, leaseTransitions: 1 };
    await space.ask('PUT', `${leases}/lease`, { body: { ...lease, spec: changed } });
    assert.deepEqual(await current(), changed);
    const part = { holderIdentity: 'holder3', leaseDurationSeconds: 60, acquireTime: time(50), leaseTransitions: 2 };
    await space.ask('PATCH', `${leases}/lease`, { body: { spec: part } });
    assert.deepEqual(await current(), { ...changed, ...part });
    const labels = { deletecollection: 'true' };
    const other = await create(space, 'leases', { metadata: { generateName: 'lease-', labels }, spec }, version);
    assert.deepEqual(namesOf(await space.get(leases)), ['lease', other.metadata.name].sort());
    await space.ask('DELETE', `${leases}?${selector('deletecollection=true')}`);
    assert.deepEqual(namesOf(await space.get(leases)), ['lease']);
    await space.ask('DELETE', `${leases}/lease`);
    await refused(space, 'GET', `${leases}/lease`, 404);
    const bad = { metadata: { name: 'bad' }, spec: { leaseDurationSeconds: 0 } };
    await refused(space, 'POST', leases, 422, { body: bad });
  });

  requirement('Node Lifecycle should run through the lifecycle of a node', async (space) => {
    const name = `e2e-fake-node-${space.namespace}`;
    const path = `/api/v1/nodes/${name}`;
    const condition = { type: 'Ready', status: 'True', reason: 'E2E', message: 'Set from e2e test' };
    const body = {
      metadata: { name },
      spec: { unschedulable: true },
      status: { phase: 'Running', conditions: [condition] },
    };
    const created = await space.ask('POST', '/api/v1/nodes', { body });
    assert.equal(created.metadata.name, name);
    assert.match(created.metadata.resourceVersion, /^\d+$/);
    const got = await space.get(path);
    assert.equal(got.status.conditions[0].message, 'Set from e2e test');
    const patched = await space.ask('PATCH', path, { body: { metadata: { labels: { [name]: 'patched' } } } });
    assert.equal(patched.metadata.labels[name], 'patched');
    assert.ok(newer(patched, created));
    assert.deepEqual(namesOf(await space.get(`/api/v1/nodes?${selector(`${name}=patched`)}`)), [name]);
    const updated = await update(space, path, ({ metadata }) => Object.assign(metadata.labels, { [name]: 'updated' }));
    assert.equal(updated.metadata.labels[name], 'updated');
    assert.deepEqual(namesOf(await space.get(`/api/v1/nodes?${selector(`${name}=patched`)}`)), []);
    await space.ask('DELETE', path);
    await space.until('the node is gone', '/api/v1/nodes', (list) => !namesOf(list).includes(name));
    await refused(space, 'GET', path, 404);
  });

  const template = (name: string, labels: Record<string, string>, annotations = {}) => ({
    metadata: { name, labels, annotations },
    template: { spec: { containers: [{ name: 'nginx', image: 'nginx:1.7.9' }] } },
  });

  requirement('PodTemplates should run the lifecycle of PodTemplates', async (space) => {
    const path = space.path('/api/v1', 'podtemplates');
    const everywhere = `/api/v1/podtemplates?${selector('podtemplate-static=true')}`;
    const mine = ({ items }: any) => items.filter(({ metadata }: any) => metadata.namespace === space.namespace);
    await create(space, 'podtemplates', template('nginx-pod-template', { 'podtemplate-static': 'true' }));
    assert.equal(mine(await space.get(everywhere)).length, 1);
    const body = { metadata: { labels: { podtemplate: 'patched' } } };
    await space.ask('PATCH', `${path}/nginx-pod-template`, { body });
    const { metadata } = await space.get(`${path}/nginx-pod-template`);
    assert.equal(metadata.labels.podtemplate, 'patched');
    await space.ask('DELETE', `${path}/nginx-pod-template`);
    assert.equal(mine(await space.get(everywhere)).length, 0);
    await refused(space, 'GET', `${path}/nginx-pod-template`, 404);
  });

  requirement('PodTemplates should delete a collection of pod templates', async (space) => {
    const path = space.path('/api/v1', 'podtemplates');
    const set = selector('podtemplate-set=true');
    const names = ['test-podtemplate-1', 'test-podtemplate-2', 'test-podtemplate-3'];
    for (const name of names) await create(space, 'podtemplates', template(name, { 'podtemplate-set': 'true' }));
    await create(space, 'podtemplates', template('other', {}));
    assert.deepEqual(namesOf(await space.get(`${path}?${set}`)), names);
    await space.ask('DELETE', `${path}?${set}`);
    await space.until('the set is gone', `${path}?${set}`, ({ items }) => items.length === 0);
    assert.deepEqual(namesOf(await space.get(path)), ['other']);
  });

  requirement('PodTemplates should replace a pod template', async (space) => {
    const made = await create(space, 'podtemplates', template('replaced', { e2e: space.namespace }));
    const path = space.path('/api/v1', 'podtemplates/replaced');
    const metadata = { ...made.metadata, annotations: { updated: 'true' } };
    const replaced = await space.ask('PUT', path, { body: { ...made, metadata } });
    assert.equal(replaced.metadata.annotations.updated, 'true');
    assert.deepEqual((await space.get(path)).template, made.template);
  });

  const classes = '/apis/node.k8s.io/v1/runtimeclasses';
  const makeClass = async (space: Space, more: object = {}) => {
    const name = `class-${space.namespace}`;
    await space.ask('POST', classes, { body: { metadata: { name }, handler: 'test-handler', ...more } });
    return name;
  };
  const ofClass = (runtimeClassName: string) => pod('of-class', shell('true'), { runtimeClassName });
  const rejected = async (space: Space, name: string) => {
    const pods = space.path('/api/v1', 'pods');
    const message = await refused(space, 'POST', pods, 403, { body: ofClass(name) });
    assert.equal(message, `pods "of-class" is forbidden: pod rejected: RuntimeClass "${name}" not found`);
    assert.deepEqual(namesOf(await space.get(pods)), []);
  };

  requirement('RuntimeClass should reject a Pod requesting a non-existent RuntimeClass [NodeConformance]', (space) =>
    rejected(space, `${space.namespace}-nonexistent`),
  );

  requirement('RuntimeClass should reject a Pod requesting a deleted RuntimeClass [NodeConformance]', async (space) => {
    const name = await makeClass(space);
    await space.ask('DELETE', `${classes}/${name}`);
    await refused(space, 'GET', `${classes}/${name}`, 404);
    await rejected(space, name);
  });

  const isScheduled = (one: any) => conditionOf(one, 'PodScheduled')?.status === 'True';
  for (const [name, podFixed] of [
    [
      'RuntimeClass should schedule a Pod requesting a RuntimeClass and initialize its Overhead [NodeConformance]',
      { cpu: '10m', memory: '1Mi' },
    ],
    ['RuntimeClass should schedule a Pod requesting a RuntimeClass without PodOverhead [NodeConformance]', undefined],
  ] as const) {
    requirement(name, async (space) => {
      const runtimeClass = await makeClass(space, podFixed ? { overhead: { podFixed } } : {});
      const made = await create(space, 'pods', ofClass(runtimeClass));
      assert.deepEqual(made.spec.overhead, podFixed);
      const scheduled = await space.until('the pod is scheduled', podPath(space, 'of-class'), isScheduled);
      assert.equal(scheduled.spec.nodeName, space.node);
      await space.ask('DELETE', `${classes}/${runtimeClass}`);
    });
  }

  requirement('RuntimeClass should support RuntimeClasses API operations', async (space) => {
    const { groups } = await space.get('/apis');
    const group = groups.find(({ name }: any) => name === 'node.k8s.io');
    assert.ok(group.versions.some(({ groupVersion }: any) => groupVersion === 'node.k8s.io/v1'));
    const { versions } = await space.get('/apis/node.k8s.io');
    assert.ok(versions.some(({ version }: any) => version === 'v1'));
    const { resources } = await space.get('/apis/node.k8s.io/v1');
    assert.ok(resources.some(({ name }: any) => name === 'runtimeclasses'));

    const labels = { test: space.namespace };
    const mine = selector(`test=${space.namespace}`);
    const post = (metadata: object) =>
      space.ask('POST', classes, { body: { metadata: { labels, ...metadata }, handler: 'handler' } });
    const first = await post({ generateName: 'e2e-example-' });
    await refused(space, 'POST', classes, 409, {
      body: { metadata: { name: first.metadata.name }, handler: 'handler' },
    });
    const path = `${classes}/${first.metadata.name}`;
    assert.equal((await space.get(path)).metadata.uid, first.metadata.uid);
    await post({ generateName: 'e2e-example-' });
    await post({ generateName: 'e2e-example-' });
    const list = await space.get(`${classes}?${mine}`);
    assert.equal(list.items.length, 3);
    const from = `${mine}&resourceVersion=${list.metadata.resourceVersion}`;
    using watching = await ApiWatch.open(space, `${classes}?${from}`);
    const body = { metadata: { annotations: { patched: 'true' } } };
    const patched = await space.ask('PATCH', path, { ...mergePatch, body });
    assert.equal(patched.metadata.annotations.patched, 'true');
    const change = { ...patched, metadata: { ...patched.metadata, annotations: { patched: 'true', updated: 'true' } } };
    const updated = await space.ask('PUT', path, { body: change });
    assert.equal(updated.metadata.annotations.updated, 'true');
    await watching.next('the patch', ({ type, object }) => type === 'MODIFIED' && object.metadata.annotations.patched);
    await watching.next('the update', ({ type, object }) => type === 'MODIFIED' && object.metadata.annotations.updated);
    await refused(space, 'PUT', path, 422, { body: { ...updated, handler: 'other' } });
    await space.ask('DELETE', path);
    await refused(space, 'GET', path, 404);
    await watching.next(
      'the end',
      ({ type, object }) => type === 'DELETED' && object.metadata.uid === first.metadata.uid,
    );
    assert.equal((await space.get(`${classes}?${mine}`)).items.length, 2);
    await space.ask('DELETE', `${classes}?${mine}`);
    assert.equal((await space.get(`${classes}?${mine}`)).items.length, 0);
  });

  const claimSpec = { devices: { requests: [{ name: 'req-0', exactly: { deviceClassName: 'dra.example.com' } }] } };
  const result = { request: 'req-0', driver: 'dra.example.com', pool: 'pool', device: 'device' };
  const cruds: Record<string, Omit<Crud, 'version' | 'name'>> = {
    '[DRA] CRUD Tests resource.k8s.io/v1 ResourceClaim': {
      resource: 'resourceclaims',
      isNamespaced: true,
      spec: claimSpec,
      status: { allocation: { devices: { results: [result] } } },
    },
    '[DRA] CRUD Tests resource.k8s.io/v1 ResourceClaimTemplate': {
      resource: 'resourceclaimtemplates',
      isNamespaced: true,
      spec: { spec: claimSpec },
    },
    '[DRA] CRUD Tests resource.k8s.io/v1 ResourceSlice': {
      resource: 'resourceslices',
      isNamespaced: false,
      spec: {
        nodeName: 'no-such-node',
        driver: 'dra.example.com',
        pool: { name: 'cluster', resourceSliceCount: 1 },
      },
    },
  };
  for (const [name, one] of Object.entries(cruds)) {
    requirement(name, (space) =>
      crud(space, { version: '/apis/resource.k8s.io/v1', name: `test-${space.namespace}`, ...one }),
    );
  }

  const taint = { key: 'kubernetes.io/e2e-evict-taint-key', value: 'evictTaintVal', effect: 'NoExecute' };
  const tolerating = (name: string, tolerationSeconds: number) => {
    const { effect, key, value } = taint;
    const tolerations = [{ key, operator: 'Equal', value, effect, tolerationSeconds }];
    return pod(name, shell(stays), { tolerations }, { labels: { group: 'taints' } });
  };
  const setTaint = (space: Space, isSet: boolean) =>
    update(space, `/api/v1/nodes/${space.node}`, ({ spec }) => {
      const others = (spec.taints ?? []).filter(({ key }: any) => key !== taint.key);
      spec.taints = isSet ? [...others, taint] : others;
    });

  requirement(
    'NoExecuteTaintManager Multiple Pods [Serial] evicts pods with minTolerationSeconds [Disruptive]',
    async (space) => {
      await Promise.all([start(space, tolerating('early', 5)), start(space, tolerating('late', 25))]);
      using watching = await ApiWatch.open(space, `${space.path('/api/v1', 'pods')}?${selector('group=taints')}`);
      try {
        await setTaint(space, true);
        const first = await watching.next('an end', ({ object }) => object.metadata.deletionTimestamp);
        assert.equal(first.object.metadata.name, 'early');
        const told = conditionOf(first.object, 'DisruptionTarget');
        assert.equal(told?.reason, 'DeletionByTaintManager');
        assert.equal(told.message, 'Taint manager: deleting due to NoExecute taint');
        await watching.next(
          'the early one goes',
          ({ type, object }) => type === 'DELETED' && object.metadata.name === 'early',
        );
        const second = await watching.next('the late one goes', ({ type }) => type === 'DELETED');
        assert.equal(second.object.metadata.name, 'late');
      } finally {
        await setTaint(space, false);
      }
    },
  );

  requirement(
    'NoExecuteTaintManager Single Pod [Serial] removing taint cancels eviction [Disruptive]',
    async (space) => {
      const { metadata } = await start(space, tolerating('kept', 10));
      await start(space, pod('bystander', shell('sleep 1000'), { terminationGracePeriodSeconds: 30 }));
      const pods = space.path('/api/v1', 'pods');
      try {
        await setTaint(space, true);
        const bystander = `${pods}/bystander`;
        await space.until('one who tolerates nothing goes', bystander, ({ metadata }) => metadata.deletionTimestamp);
        const cancelled = `${space.path('/api/v1', 'events')}?fieldSelector=involvedObject.name%3Dkept`;
        await setTaint(space, false);
        await space.until('the cancelled end is told', cancelled, ({ items }) =>
          items.some(({ reason, message }: any) => reason === 'TaintManagerEviction' && /Cancelling/.test(message)),
        );
        // One that may run for longer than the other was tolerated, and ends for that: as long has been waited.
        await create(space, 'pods', pod('clock', shell('sleep 1000'), { activeDeadlineSeconds: 15 }));
        await space.until('the time is over', `${pods}/clock`, hasEnded);
        const kept = await space.get(`${pods}/kept`);
        assert.equal(kept.metadata.uid, metadata.uid);
        assert.ok(isReady(kept) && !kept.metadata.deletionTimestamp);
      } finally {
        await setTaint(space, false);
      }
    },
  );
});
