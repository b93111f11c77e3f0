// What a driver is asked for a pod's volume, by what the API says of the driver, the claim and the pod.
import assert from 'node:assert/strict';
import { existsSync, mkdirSync, mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { describe, type TestContext, test } from 'node:test';
import { status as RpcStatus } from '@grpc/grpc-js';
import type { PersistentVolume } from '../../api/core/persistentvolume/schema.ts';
import type { PersistentVolumeClaim } from '../../api/core/persistentvolumeclaim/schema.ts';
import type { Volume } from '../../api/core/pod/volume.ts';
import type { CSIDriver } from '../../api/storage/csidriver.ts';
import { openMounts } from '../../host/mounts.ts';
import { silentLogger } from '../../machinery/log.ts';
import type { NodeExpandVolumeRequest, NodePublishVolumeRequest, NodeStageVolumeRequest } from '../../proto/csi.gen.ts';
import type { Init } from '../../proto/message.ts';
import { FakeCsiNode } from '../../test/builders/csi-driver.ts';
import { type MemoryApi, startMemoryApi } from '../../test/builders/memory-api.ts';
import { memoryClient } from '../../test/builders/memory-client.ts';
import { NotYetError, type VolumeContext, type VolumePlugin } from '../volumes/plugin.ts';
import { type CsiPluginDeps, createCsiPlugin } from './csi-plugin.ts';
import { CsiVolumes } from './csi-volumes.ts';
import type { CsiDrivers } from './drivers.ts';
import { sha256 } from './volume-data.ts';

interface Asked {
  stage: Init<NodeStageVolumeRequest>[];
  publish: Init<NodePublishVolumeRequest>[];
  expand: Init<NodeExpandVolumeRequest>[];
}

const persistent = (csi: object = {}, spec: object = {}): PersistentVolume => ({
  metadata: { name: 'pv' },
  spec: {
    capacity: { storage: '1Gi' },
    accessModes: ['ReadWriteOnce'],
    csi: { driver: 'd', volumeHandle: 'h', ...csi },
    ...spec,
  },
  status: {},
});

class Bed {
  readonly asked: Asked = { stage: [], publish: [], expand: [] };
  readonly told: string[] = [];
  expandFailure: Error | undefined;
  readonly refreshes: number[] = [];
  readonly dir = mkdtempSync(join(tmpdir(), 'k8ts-csi-'));
  readonly plugin: VolumePlugin;
  readonly volumes: CsiVolumes;
  readonly fake: FakeCsiNode;
  object: CSIDriver | undefined;
  isRegistered = true;
  reports = 0;

  constructor(t: TestContext, api: MemoryApi, { more = [] as string[], spec = {} as object | null } = {}) {
    t.after(() => rmSync(this.dir, { recursive: true }));
    this.object =
      spec === null ? undefined : ({ metadata: { name: 'd' }, spec: { attachRequired: false, ...spec } } as CSIDriver);
    this.fake = new FakeCsiNode('d', { more });
    const { handlers } = this.fake;
    const node = {
      ...handlers,
      NodeStageVolume: (request: never) => {
        this.asked.stage.push(request);
        return handlers.NodeStageVolume(request);
      },
      NodePublishVolume: (request: never) => {
        this.asked.publish.push(request);
        const { target_path, volume_capability } = request as NodePublishVolumeRequest;
        if (volume_capability?.block) writeFileSync(target_path, '');
        else mkdirSync(target_path, { recursive: true });
        return handlers.NodePublishVolume(request);
      },
      NodeExpandVolume: async (request: NodeExpandVolumeRequest) => {
        this.asked.expand.push(request);
        if (this.expandFailure) throw this.expandFailure;
        return { capacity_bytes: '0' };
      },
    };
    const driver = { ...this.fake.asDriver(), client: { node } as never };
    const unknown = (doing: string) => new Error(`${doing}: not found`);
    const drivers = {
      find: () => (this.isRegistered ? driver : undefined),
      get: (_name: string, doing: string) => {
        if (!this.isRegistered) throw unknown(doing);
        return driver;
      },
      onRegistered: () => undefined,
    } as unknown as CsiDrivers;
    this.volumes = new CsiVolumes({
      rootDir: this.dir,
      drivers,
      mounts: openMounts(),
      log: silentLogger,
      onUse: () => undefined,
    });
    this.plugin = createCsiPlugin({
      client: memoryClient(api),
      events: {
        event: ({ kind }, ...words) => this.told.push([kind, ...words].join(' ')),
      } as CsiPluginDeps['events'],
      nodeName: 'n',
      drivers,
      volumes: this.volumes,
      tokens: {
        get: async (_pod: never, { audience }: { audience: string }) => ({
          value: `token-for-${audience}`,
          expiresAtMs: 3_600_000,
          refreshAtMs: 1_000_000,
        }),
      } as unknown as CsiPluginDeps['tokens'],
      driverObject: () => this.object,
      reportUse: async () => void this.reports++,
    });
  }

  context({ pv, volume = { name: 'v' }, ...more }: Partial<VolumeContext> & { volume?: Volume }): VolumeContext {
    const diskDir = join(this.dir, 'pods/uid/volumes/kubernetes.io~csi', pv?.metadata.name ?? volume.name);
    mkdirSync(dirname(diskDir), { recursive: true });
    return {
      pod: {
        metadata: { name: 'p', namespace: 'default', uid: 'uid' },
        spec: { containers: [], serviceAccountName: 'sa' },
        status: {},
      },
      volume,
      pv,
      isReadOnly: false,
      diskDir,
      nowMs: () => 0,
      refreshAfter: (ms: number) => this.refreshes.push(ms),
      ...more,
    } as VolumeContext;
  }
}

describe('the csi plugin', async () => {
  const api = await startMemoryApi();
  const secret = (name: string) => ({ metadata: { name }, data: { key: Buffer.from(name).toString('base64') } });
  for (const name of ['stage', 'publish', 'inline']) {
    await api.send('POST', '/api/v1/namespaces/default/secrets', { body: secret(name) });
  }

  test('stages and publishes a persistent volume with its secrets, options and settings', async (t) => {
    const bed = new Bed(t, api);
    const ref = (name: string) => ({ namespace: 'default', name });
    const pv = persistent(
      {
        fsType: 'ext4',
        volumeAttributes: { a: '1' },
        nodeStageSecretRef: ref('stage'),
        nodePublishSecretRef: ref('publish'),
      },
      { mountOptions: ['noatime'] },
    );
    const path = await bed.plugin.setUp(bed.context({ pv, isReadOnly: true }));
    assert.equal(path, join(bed.dir, 'pods/uid/volumes/kubernetes.io~csi/pv/mount'));
    const [stage] = bed.asked.stage;
    const [publish] = bed.asked.publish;
    assert.equal(stage!.staging_target_path, join(bed.dir, 'plugins/kubernetes.io/csi/d', sha256('h'), 'globalmount'));
    assert.deepEqual([stage!.secrets, publish!.secrets], [{ key: 'stage' }, { key: 'publish' }]);
    assert.deepEqual(stage!.volume_capability, {
      access_mode: { mode: 'SINGLE_NODE_WRITER' },
      mount: { fs_type: 'ext4', mount_flags: ['noatime'], volume_mount_group: '' },
    });
    assert.deepEqual([publish!.volume_id, publish!.readonly, publish!.volume_context], ['h', true, { a: '1' }]);
    assert.deepEqual(bed.refreshes, []);
    await bed.plugin.setUp(bed.context({ pv }));
    assert.equal(bed.asked.publish.length, 1, 'what this process has published is not published again');
    rmSync(path, { recursive: true });
    await bed.plugin.tearDown!(dirname(path));
    assert.deepEqual([bed.fake.staged.size, bed.fake.published.size], [0, 0]);
  });

  test('a block volume is asked for as a device, belongs to no group, and its file goes with it', async (t) => {
    const bed = new Bed(t, api, { more: ['EXPAND_VOLUME'], spec: { fsGroupPolicy: 'File' } });
    const pv = persistent({}, { volumeMode: 'Block', capacity: { storage: '2Gi' } });
    const claim = {
      metadata: { name: 'block', namespace: 'default' },
      spec: {},
      status: { capacity: { storage: '1Gi' } },
    };
    await api.send('POST', '/api/v1/namespaces/default/persistentvolumeclaims', {
      body: {
        metadata: { name: 'block' },
        spec: { accessModes: ['ReadWriteOnce'], resources: { requests: { storage: '1Gi' } }, volumeMode: 'Block' },
      },
    });
    const path = await bed.plugin.setUp(bed.context({ pv, claim, fsGroup: 4321 }));
    assert.equal(path, join(bed.dir, 'pods/uid/volumes/kubernetes.io~csi/pv/dev'));
    assert.notEqual(statSync(path).gid, 4321);
    const { stage, publish, expand } = bed.asked;
    for (const { volume_capability } of [...stage, ...publish, ...expand]) {
      assert.deepEqual(volume_capability, { access_mode: { mode: 'SINGLE_NODE_WRITER' }, block: {} });
    }
    assert.deepEqual([stage.length, publish[0]?.target_path, expand[0]?.volume_path], [1, path, path]);
    await bed.plugin.tearDown!(dirname(path));
    assert.deepEqual([bed.fake.staged.size, bed.fake.published.size, existsSync(dirname(path))], [0, 0, false]);
  });

  test('an ephemeral volume is published only, under an id of its own, and the driver is told the pod', async (t) => {
    const spec = { volumeLifecycleModes: ['Ephemeral'], podInfoOnMount: true };
    const bed = new Bed(t, api, { spec });
    const volume = {
      name: 'v',
      csi: { driver: 'd', volumeAttributes: { a: '1' }, nodePublishSecretRef: { name: 'inline' } },
    };
    await bed.plugin.setUp(bed.context({ volume }));
    const [publish] = bed.asked.publish;
    assert.equal(bed.asked.stage.length, 0);
    assert.equal(publish!.volume_id, `csi-${sha256('uidv')}`);
    assert.deepEqual([publish!.staging_target_path, publish!.secrets], ['', { key: 'inline' }]);
    assert.deepEqual(publish!.volume_context, {
      a: '1',
      'csi.storage.k8s.io/pod.name': 'p',
      'csi.storage.k8s.io/pod.namespace': 'default',
      'csi.storage.k8s.io/pod.uid': 'uid',
      'csi.storage.k8s.io/serviceAccount.name': 'sa',
      'csi.storage.k8s.io/ephemeral': 'true',
    });
  });

  test('tokens go along, in the settings or in the secrets, and are renewed where the driver is called again', async (t) => {
    const tokens = JSON.stringify({ vault: { token: 'token-for-vault', expirationTimestamp: '1970-01-01T01:00:00Z' } });
    const key = 'csi.storage.k8s.io/serviceAccount.tokens';
    const spec = { tokenRequests: [{ audience: 'vault' }], requiresRepublish: true };
    const bed = new Bed(t, api, { spec });
    const pv = persistent();
    await bed.plugin.setUp(bed.context({ pv }));
    await bed.plugin.setUp(bed.context({ pv }));
    assert.deepEqual(
      bed.asked.publish.map((p) => p.volume_context),
      [{ [key]: tokens }, { [key]: tokens }],
    );
    assert.deepEqual(bed.refreshes.slice(0, 2), [1_000_000, 60_000]);
    const hidden = new Bed(t, api, { spec: { ...spec, serviceAccountTokenInSecrets: true } });
    await hidden.plugin.setUp(hidden.context({ pv }));
    assert.deepEqual(
      [hidden.asked.publish[0]!.volume_context, hidden.asked.publish[0]!.secrets],
      [{}, { [key]: tokens }],
    );
  });

  const refusals: [string, object | null, Partial<VolumeContext>, RegExp][] = [
    [
      'without an object',
      null,
      { volume: { name: 'v', csi: { driver: 'd' } } },
      /volume mode "Ephemeral" not supported by driver d \(no CSIDriver object\)$/,
    ],
    [
      'for claims only',
      { volumeLifecycleModes: ['Persistent'] },
      { volume: { name: 'v', csi: { driver: 'd' } } },
      /volume mode "Ephemeral" not supported by driver d \(only supports \["Persistent"\]\)$/,
    ],
    [
      'for pods only',
      { volumeLifecycleModes: ['Ephemeral'] },
      { pv: persistent() },
      /volume mode "Persistent" not supported/,
    ],
  ];
  for (const [name, spec, context, text] of refusals) {
    test(`refused: a driver ${name}`, async (t) => {
      const bed = new Bed(t, api, { spec });
      await assert.rejects(bed.plugin.setUp(bed.context(context)), text);
      assert.deepEqual(bed.volumes.inUse(), []);
    });
  }

  test('a driver that is not there is waited for without a trace on disk', async (t) => {
    const bed = new Bed(t, api);
    bed.isRegistered = false;
    const step = 'MountVolume.MountDevice failed';
    await assert.rejects(bed.plugin.setUp(bed.context({ pv: persistent() })), { step });
    assert.deepEqual(bed.volumes.inUse(), []);
  });

  test('where the driver attaches, the attachment comes first, and what it told goes along', async (t) => {
    const bed = new Bed(t, api, { spec: { attachRequired: true } });
    const pv = persistent();
    await assert.rejects(bed.plugin.setUp(bed.context({ pv })), NotYetError);
    assert.deepEqual([bed.reports, bed.volumes.inUse().length, bed.asked.stage.length], [1, 1, 0]);
    const name = `csi-${sha256('hdn')}`;
    const attachments = '/apis/storage.k8s.io/v1/volumeattachments';
    const spec = { attacher: 'd', nodeName: 'n', source: { persistentVolumeName: 'pv' } };
    const made = await api.send('POST', attachments, { body: { metadata: { name }, spec } });
    await assert.rejects(bed.plugin.setUp(bed.context({ pv })), NotYetError);
    const status = { attached: true, attachmentMetadata: { device: 'x' } };
    await api.send('PUT', `${attachments}/${name}/status`, { body: { ...made, status } });
    await bed.plugin.setUp(bed.context({ pv }));
    assert.deepEqual(
      [bed.asked.stage[0]!.publish_context, bed.asked.publish[0]!.publish_context],
      [{ device: 'x' }, { device: 'x' }],
    );
  });

  describe('the group of a pod', { skip: process.getuid?.() !== 0 && 'needs root' }, () => {
    const ext4 = { fsType: 'ext4' };
    const many = { accessModes: ['ReadWriteMany'] };
    const table: [string, object, PersistentVolume, boolean, object?][] = [
      ['File', { fsGroupPolicy: 'File' }, persistent(), true],
      ['None', { fsGroupPolicy: 'None' }, persistent(ext4), false],
      ['by default with a file system', {}, persistent(ext4), true],
      ['by default without', {}, persistent(), false],
      ['by default with many writers', {}, persistent(ext4, many), false],
      ['read-only', { fsGroupPolicy: 'File' }, persistent(), false, { isReadOnly: true }],
    ];
    for (const [name, spec, pv, isGiven, more] of table) {
      test(`${isGiven ? 'gets' : 'does not get'} the volume: ${name}`, async (t) => {
        const bed = new Bed(t, api, { spec });
        const path = await bed.plugin.setUp(bed.context({ pv, fsGroup: 4711, ...more }));
        assert.equal(statSync(path).gid, isGiven ? 4711 : 0);
      });
    }

    test('is the driver’s to set where it can', async (t) => {
      const bed = new Bed(t, api, { spec: { fsGroupPolicy: 'File' }, more: ['VOLUME_MOUNT_GROUP'] });
      const path = await bed.plugin.setUp(bed.context({ pv: persistent(), fsGroup: 4711 }));
      assert.equal(bed.asked.publish[0]!.volume_capability!.mount!.volume_mount_group, '4711');
      assert.equal(statSync(path).gid, 0);
    });
  });

  test('a volume that is larger than its claim knows is grown, and the claim is told', async (t) => {
    const bed = new Bed(t, api, { more: ['EXPAND_VOLUME'] });
    const claims = '/api/v1/namespaces/default/persistentvolumeclaims';
    const spec = { accessModes: ['ReadWriteOnce'], volumeName: 'pv', resources: { requests: { storage: '2Gi' } } };
    const made = await api.send('POST', claims, { body: { metadata: { name: 'c' }, spec } });
    const time = '2026-01-01T00:00:00Z';
    const pending = { type: 'FileSystemResizePending', status: 'True', lastProbeTime: time, lastTransitionTime: time };
    const status = {
      phase: 'Bound',
      capacity: { storage: '1Gi' },
      conditions: [pending],
      allocatedResources: { storage: '2Gi' },
      allocatedResourceStatuses: { storage: 'NodeResizePending' },
    };
    const claim: PersistentVolumeClaim = await api.send('PUT', `${claims}/c/status`, { body: { ...made, status } });
    const pv = persistent({}, { capacity: { storage: '2Gi' } });
    bed.expandFailure = Object.assign(new Error(), { code: RpcStatus.FAILED_PRECONDITION, details: 'in use' });
    await bed.plugin.setUp(bed.context({ pv, claim }));
    assert.deepEqual(bed.told, []);
    const read = (): Promise<PersistentVolumeClaim> => api.send('GET', `${claims}/c`);
    const stateOf = ({ status: { conditions = [], allocatedResourceStatuses } = {} }: PersistentVolumeClaim) => [
      conditions.map(({ type, message }) => [type, message]),
      allocatedResourceStatuses?.storage,
    ];
    const said = (colon: string, code: string) =>
      `failed to expand pvc with Expander.NodeExpand failed to expand the volume ${colon}rpc error: code = ${code} desc = in use`;
    const inUse = await read();
    assert.deepEqual(stateOf(inUse), [
      [
        ['FileSystemResizePending', undefined],
        ['NodeResizeError', said(': ', 'FailedPrecondition')],
      ],
      'NodeResizeInProgress',
    ]);
    await bed.plugin.setUp(bed.context({ pv, claim: inUse }));
    assert.deepEqual(await read(), inUse, 'told once');
    for (const [code, state] of [
      [RpcStatus.UNAVAILABLE, stateOf(inUse)],
      [
        RpcStatus.OUT_OF_RANGE,
        [
          [
            ['FileSystemResizePending', undefined],
            ['NodeResizeError', said('', 'OutOfRange')],
          ],
          'NodeResizeInfeasible',
        ],
      ],
    ] as const) {
      bed.expandFailure = Object.assign(new Error(), { code, details: 'in use' });
      await assert.rejects(bed.plugin.setUp(bed.context({ pv, claim: inUse })), /in use/);
      assert.deepEqual(stateOf(await read()), state);
    }
    bed.asked.expand.length = 0;
    await bed.plugin.setUp(bed.context({ pv, claim: await read() }));
    assert.equal(bed.asked.expand.length, 0, 'nobody asked for another try');
    bed.expandFailure = undefined;
    bed.refreshes.length = 0;
    await bed.plugin.setUp(bed.context({ pv, claim }));
    const told = 'Normal FileSystemResizeSuccessful MountVolume.NodeExpandVolume succeeded for volume "pv" n';
    assert.deepEqual(bed.told, [`Pod ${told}`, `PersistentVolumeClaim ${told}`]);
    assert.equal(bed.asked.expand[0]!.capacity_range!.required_bytes, String(2 ** 31));
    const after = await read();
    assert.deepEqual(after.status?.capacity, { storage: '2Gi' });
    assert.deepEqual([after.status?.conditions ?? [], after.status?.allocatedResourceStatuses ?? {}], [[], {}]);
    assert.deepEqual(bed.refreshes, [60_000]);
    await bed.plugin.setUp(bed.context({ pv, claim: after }));
    assert.equal(bed.asked.expand.length, 1);
  });
});
