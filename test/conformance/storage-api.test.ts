// What sig-storage requires of the API.
import assert from 'node:assert/strict';
import { requirements } from './cluster.ts';
import { livesAndDies, supportsAllOperations } from './lifecycle.ts';
import { gone, merge, selecting, update } from './objects.ts';
import { teller } from './volumes.ts';

const storage = '/apis/storage.k8s.io/v1';

requirements({ name: 'conf-storage', sig: 'sig-storage', images: ['busybox'] }, (requirement) => {
  requirement('CSIInlineVolumes should run through the lifecycle of a CSIDriver', async (space) => {
    const drivers = `${storage}/csidrivers`;
    await livesAndDies(space, drivers, {
      spec: { fsGroupPolicy: 'ReadWriteOnceWithFSType', volumeLifecycleModes: ['Persistent', 'Ephemeral'] },
    });
    const names = ['x', 'y'].map((end) => `inline-driver-${space.namespace}-${end}`);
    const labels = { inline: space.namespace };
    for (const name of names) {
      const { spec } = await space.ask('POST', drivers, { body: { metadata: { name, labels }, spec: {} } });
      assert.deepEqual(spec, {
        attachRequired: true,
        fsGroupPolicy: 'ReadWriteOnceWithFSType',
        podInfoOnMount: false,
        requiresRepublish: false,
        seLinuxMount: false,
        storageCapacity: false,
        volumeLifecycleModes: ['Persistent'],
      });
    }
    const listed = await space.get(`${drivers}?${selecting(labels)}`);
    assert.deepEqual(
      listed.items.map((one: any) => one.metadata.name),
      names,
    );
    await space.ask('DELETE', `${drivers}/${names[0]}`);
    await gone(space, `${drivers}/${names[0]}`);
    await space.ask('DELETE', `${drivers}?${selecting(labels)}`);
    await gone(space, `${drivers}/${names[1]}`);
  });

  requirement('CSIInlineVolumes should support CSIVolumeSource in Pod API', async (space) => {
    const pods = space.path('/api/v1', 'pods');
    const sources = [
      { driver: 'e2e.example.com' },
      { driver: 'e2e.example.com', fsType: 'ext4', readOnly: true, volumeAttributes: { a: 'b' } },
    ];
    const volumes = Object.fromEntries(sources.map((csi, index) => [`/mnt/vol${index}`, { csi }]));
    const body = teller({ scripts: { c: 'ls /mnt/*' }, volumes });
    const made = await space.ask('POST', pods, { body });
    assert.equal((await space.request('POST', pods, { body })).body.reason, 'AlreadyExists');
    const sourcesOf = (pod: any) => pod.spec.volumes.flatMap(({ csi }: any) => csi ?? []);
    assert.deepEqual(sourcesOf(made), sources);
    const read = await space.get(`${pods}/teller`);
    assert.deepEqual([read.metadata.uid, sourcesOf(read)], [made.metadata.uid, sources]);
    const { items } = await space.get(pods);
    assert.deepEqual(items.map(sourcesOf), [sources]);
    const patch = { metadata: { annotations: { patched: 'true' } } };
    const patched = await space.ask('PATCH', `${pods}/teller`, { body: patch, contentType: merge });
    assert.equal(patched.metadata.annotations.patched, 'true');
    assert.deepEqual(sourcesOf(patched), sources);
    const { code, body: refused } = await space.request('PATCH', `${pods}/teller`, {
      body: { spec: { volumes: [{ name: 'volume-0', csi: { driver: 'other.example.com' } }] } },
    });
    assert.equal(code, 422);
    assert.match(refused.message, /pod updates may not change fields other than/);
    // Its driver is not there: it waits, and can be deleted.
    await space.ask('DELETE', `${pods}/teller`);
    await gone(space, `${pods}/teller`);
  });

  requirement('CSINodes CSI Conformance should run through the lifecycle of a csinode', (space) =>
    livesAndDies(space, `${storage}/csinodes`, {
      spec: { drivers: [{ name: 'e2e-driver', nodeID: 'node-id', topologyKeys: ['e2e/topology'] }] },
    }),
  );

  requirement('CSIStorageCapacity should support CSIStorageCapacities API operations', (space) =>
    supportsAllOperations(space, {
      resource: ['storage.k8s.io', 'v1', 'csistoragecapacities'],
      isNamespaced: true,
      rest: () => ({ storageClassName: 'e2e-class', capacity: '1Gi', nodeTopology: { matchLabels: { zone: 'a' } } }),
    }),
  );

  requirement('StorageClasses CSI Conformance should run through the lifecycle of a StorageClass', (space) =>
    livesAndDies(space, `${storage}/storageclasses`, {
      provisioner: 'e2e-fake-provisioner',
      volumeBindingMode: 'WaitForFirstConsumer',
    }),
  );

  requirement(
    'VolumeAttributesClass [FeatureGate:VolumeAttributesClass] should run through the lifecycle of a VolumeAttributesClass',
    (space) =>
      livesAndDies(space, `${storage}/volumeattributesclasses`, {
        driverName: 'e2e-fake-csi-driver',
        parameters: { foo: 'bar' },
      }),
  );

  requirement('PersistentVolumes CSI Conformance should apply changes to a pv/pvc status', async (space) => {
    const labels = { pool: space.namespace };
    const shared = { accessModes: ['ReadWriteOnce'], storageClassName: `class-${space.namespace}` };
    const csi = { driver: `driver-${space.namespace}`, volumeHandle: 'e2e-status-conformance' };
    const made = await space.ask('POST', '/api/v1/persistentvolumes', {
      body: {
        metadata: { generateName: `${space.namespace}-`, labels },
        spec: { ...shared, capacity: { storage: '1Gi' }, csi, persistentVolumeReclaimPolicy: 'Retain' },
      },
    });
    const claims = space.path('/api/v1', 'persistentvolumeclaims');
    await space.ask('POST', claims, {
      body: {
        metadata: { generateName: 'claim-', labels },
        spec: { ...shared, resources: { requests: { storage: '1Gi' } } },
      },
    });
    const volumes = await space.get(`/api/v1/persistentvolumes?${selecting(labels)}`);
    assert.equal(volumes.items.length, 1);
    const { items } = await space.get(claims);
    assert.equal(items.length, 1);
    const claim = `${claims}/${items[0].metadata.name}`;
    const volume = `/api/v1/persistentvolumes/${made.metadata.name}`;
    assert.match((await space.get(`${claim}/status`)).status.phase, /^(Pending|Bound)$/);
    assert.match((await space.get(`${volume}/status`)).status.phase, /^(Pending|Available|Bound)$/);
    await space.until('the claim is bound', claim, ({ status }) => status.phase === 'Bound');
    await space.until('the volume is bound', volume, ({ status }) => status.phase === 'Bound');

    const condition = { type: 'StatusPatched', status: 'True', reason: 'E2E patchedStatus', message: 'Set by a test' };
    const patchedClaim = await space.ask('PATCH', `${claim}/status`, {
      body: { spec: { volumeName: 'other' }, status: { conditions: [condition] } },
      contentType: merge,
    });
    assert.deepEqual(patchedClaim.status.conditions, [{ ...condition, lastProbeTime: null, lastTransitionTime: null }]);
    assert.equal(patchedClaim.spec.volumeName, made.metadata.name);
    const told = { message: 'StatusPatched', reason: 'E2E patchStatus' };
    const patched = await space.ask('PATCH', `${volume}/status`, { body: { status: told }, contentType: merge });
    assert.deepEqual({ message: patched.status.message, reason: patched.status.reason }, told);

    // As a client in Go has it that says no times.
    const times = { lastProbeTime: null, lastTransitionTime: null };
    const updatedClaim = await update(
      space,
      claim,
      ({ status }) => {
        status.conditions.push({ ...condition, type: 'StatusUpdated', ...times });
      },
      '/status',
    );
    assert.deepEqual(
      updatedClaim.status.conditions.map((one: any) => one.type),
      ['StatusPatched', 'StatusUpdated'],
    );
    const updated = await update(
      space,
      volume,
      ({ status }) => Object.assign(status, { message: 'StatusUpdated', reason: 'E2E updateStatus' }),
      '/status',
    );
    assert.equal(updated.status.message, 'StatusUpdated');
    assert.equal(updated.status.reason, 'E2E updateStatus');
    await space.ask('DELETE', claim);
    await gone(space, claim);
    const released = await space.until('it is released', volume, ({ status }) => status.phase === 'Released');
    assert.equal(released.metadata.deletionTimestamp, undefined);
    await space.ask('DELETE', volume);
    await gone(space, volume);
  });

  requirement('VolumeAttachment Conformance should apply changes to a volumeattachment status', async (space) => {
    const attachments = `${storage}/volumeattachments`;
    const name = `attachment-${space.namespace}`;
    await space.ask('POST', attachments, {
      body: {
        metadata: { name, uid: name },
        spec: {
          attacher: 'e2e-test.storage.k8s.io',
          source: { persistentVolumeName: `pv-${name}` },
          nodeName: space.node,
        },
        status: { attached: false },
      },
    });
    const path = `${attachments}/${name}`;
    const labels = { [name]: 'patched' };
    const patched = await space.ask('PATCH', path, { body: { metadata: { labels } }, contentType: merge });
    assert.equal(patched.metadata.labels[name], 'patched');
    const read = await space.get(`${path}/status`);
    assert.equal(read.status.attached, false);
    const attached = await space.ask('PATCH', `${path}/status`, {
      body: { status: { attached: true } },
      contentType: merge,
    });
    assert.equal(attached.status.attached, true);
    const unaffected = await update(space, path, (object) => Object.assign(object.status, { attached: false }));
    assert.equal(unaffected.status.attached, true);
    const updated = await update(space, path, (object) => Object.assign(object.status, { attached: false }), '/status');
    assert.equal(updated.status.attached, false);
    await space.ask('DELETE', path);
    await gone(space, path);
  });

  requirement('Secrets should be immutable if `immutable` field is set', async (space) => {
    const path = space.path('/api/v1', 'secrets/immutable');
    const base64 = (text: string) => Buffer.from(text).toString('base64');
    await space.ask('POST', space.path('/api/v1', 'secrets'), {
      body: { metadata: { name: 'immutable' }, data: { 'data-1': base64('value-1') } },
    });
    await update(space, path, ({ data }) => Object.assign(data, { 'data-2': base64('value-2') }));
    await update(space, path, (secret) => Object.assign(secret, { immutable: true }));
    const refused = async (field: string, change: (secret: any) => void) => {
      const body = await space.get(path);
      change(body);
      const answer = await space.request('PUT', path, { body });
      assert.equal(answer.code, 422);
      assert.equal(
        answer.body.message,
        `Secret "immutable" is invalid: ${field}: Forbidden: field is immutable when \`immutable\` is set`,
      );
    };
    await refused('data', ({ data }) => Object.assign(data, { 'data-3': base64('value-3') }));
    await refused('immutable', (secret) => Object.assign(secret, { immutable: false }));
    await refused('immutable', (secret) => delete secret.immutable);
    await update(space, path, ({ metadata }) => Object.assign(metadata, { labels: { label1: 'value1' } }));
    const kept = await space.get(path);
    assert.deepEqual([kept.metadata.labels, kept.immutable], [{ label1: 'value1' }, true]);
    assert.deepEqual(kept.data, { 'data-1': base64('value-1'), 'data-2': base64('value-2') });
    await space.ask('DELETE', path);
    assert.equal((await space.request('GET', path)).code, 404);
  });
});
