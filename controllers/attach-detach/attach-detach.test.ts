// The controller around the plan: in which order it writes, and what it leaves alone.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Node } from '../../api/core/node.ts';
import { NodeKind } from '../../api/core/node.ts';
import { PersistentVolumeKind } from '../../api/core/persistentvolume.ts';
import { PersistentVolumeClaimKind } from '../../api/core/persistentvolumeclaim.ts';
import { PodKind } from '../../api/core/pod.ts';
import { CSIDriverKind } from '../../api/storage/csidriver.ts';
import { VolumeAttachmentKind } from '../../api/storage/volumeattachment.ts';
import type { ControllerContext } from '../../client/controller.ts';
import type { Kind } from '../../machinery/kind.ts';
import { FakeClock } from '../../test/builders/fake-clock.ts';
import { FedInformer } from '../../test/builders/fed-informer.ts';
import { pod } from '../../test/builders/scheduling.ts';
import { boundClaim, refTo, volume } from '../../test/builders/storage.ts';
import { attachDetachController } from './attach-detach.ts';
import { attachmentName } from './plan.ts';

const csi = (handle: string) => ({ hostPath: undefined, csi: { driver: 'csi.example.com', volumeHandle: handle } });
const v = volume('v', { ...csi('h'), ...refTo('c') }, {}, 'Bound');
const attachment = (name: string, nodeName: string) => ({
  metadata: { name, uid: `uid-${name}` },
  spec: { attacher: 'csi.example.com', nodeName, source: { persistentVolumeName: 'v' } },
  status: { attached: true },
});

function world() {
  const done: string[] = [];
  const informers = new Map<Kind<any>, FedInformer<any>>(
    [NodeKind, PodKind, PersistentVolumeKind, PersistentVolumeClaimKind, CSIDriverKind, VolumeAttachmentKind].map(
      (kind: Kind<any>) => [kind, new FedInformer<any>()],
    ),
  );
  const clients = new Map<Kind<any>, object>([
    [NodeKind, { patch: async (_: object, { status }: any) => done.push(`listed ${status.volumesAttached.length}`) }],
    [
      VolumeAttachmentKind,
      {
        create: async ({ spec }: any) => done.push(`create on ${spec.nodeName}`),
        delete: async ({ name }: { name: string }) => done.push(`delete ${name === 'mine' ? name : 'ours'}`),
      },
    ],
  ]);
  const context = {
    clock: new FakeClock(),
    informer: (kind: Kind) => informers.get(kind)!,
    resource: (kind: Kind) => clients.get(kind)!,
    recorder: () => ({ event: () => undefined }),
  } as unknown as ControllerContext;
  const deps = attachDetachController.deps(context, () => undefined);
  const put = (kind: Kind<any>, ...objects: object[]) => {
    for (const object of objects) informers.get(kind)!.put(object);
  };
  put(PersistentVolumeKind, v);
  put(PersistentVolumeClaimKind, boundClaim('c', 'v'));
  return { done, deps, put };
}

const nodeOf = (change: object = {}, status: object = {}) =>
  ({
    metadata: {
      name: 'n',
      annotations: { 'volumes.kubernetes.io/controller-managed-attach-detach': 'true' },
      ...change,
    },
    spec: {},
    status,
  }) as unknown as Node;

test('it attaches for pods with a node that have not ended, and only what its driver wants attached', async () => {
  const rows: [change: (w: ReturnType<typeof world>) => void, node: Node, want: string[]][] = [
    [({ put }) => put(PodKind, pod('p').claims('c').on('n').build()), nodeOf(), ['create on n']],
    [({ put }) => put(PodKind, pod('p').claims('c').build()), nodeOf(), []],
    [({ put }) => put(PodKind, pod('p').claims('c').on('m').build()), nodeOf(), []],
    [
      ({ put }) => put(PodKind, { ...pod('p').claims('c').on('n').build(), status: { phase: 'Succeeded' } }),
      nodeOf(),
      [],
    ],
    [({ put }) => put(PodKind, pod('p').claims('c').on('n').build()), nodeOf({ annotations: {} }), []],
    [
      ({ put }) => {
        put(PodKind, pod('p').claims('c').on('n').build());
        put(CSIDriverKind, { metadata: { name: 'csi.example.com' }, spec: { attachRequired: false } });
      },
      nodeOf(),
      [],
    ],
    [
      ({ put }) => {
        put(PodKind, pod('p').claims('c').on('n').build());
        put(PersistentVolumeClaimKind, boundClaim('c', 'w')); // another volume, which is not there
      },
      nodeOf(),
      [],
    ],
  ];
  for (const [change, node, want] of rows) {
    const w = world();
    change(w);
    await attachDetachController.reconcile(node, w.deps);
    assert.deepEqual(w.done, want);
  }
});

test('a node hears that a volume goes before it goes', async () => {
  const w = world();
  w.put(VolumeAttachmentKind, attachment(attachmentName(v, 'n'), 'n'), attachment('mine', 'n'));
  const listed = { volumesAttached: [{ name: 'kubernetes.io/csi/csi.example.com^h', devicePath: '' }] };
  await attachDetachController.reconcile(nodeOf({}, listed), w.deps);
  assert.deepEqual(w.done, ['listed 0', 'delete ours']);
});

test('what was attached to a node that is gone is detached, but for what users have made', async () => {
  const w = world();
  w.put(VolumeAttachmentKind, attachment(attachmentName(v, 'n'), 'n'), attachment('mine', 'n'));
  await attachDetachController.forget!('n', w.deps);
  assert.deepEqual(w.done, ['delete ours']);
});
