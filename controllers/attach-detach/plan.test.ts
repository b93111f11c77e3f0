// What is attached and detached, and what nodes and pods are told.
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { Node } from '../../api/core/node.ts';
import type { VolumeAttachment } from '../../api/storage/volumeattachment.ts';
import { pod } from '../../test/builders/scheduling.ts';
import { refTo, volume } from '../../test/builders/storage.ts';
import { type AttachPlan, attachmentName, type NodeState, planAttachments } from './plan.ts';

const driver = 'csi.example.com';
const v = volume('v', { hostPath: undefined, csi: { driver, volumeHandle: 'h' }, ...refTo('c') }, {}, 'Bound');
const shared = { ...v, spec: { ...v.spec, accessModes: ['ReadWriteMany' as const] } };
const id = 'kubernetes.io/csi/csi.example.com^h';
const p = pod('p').claims('c').on('n').build();

/** `n` attached, `n.` asked for, `n!` failed, `n-` being detached; `mine` made by a user. */
function attachment(text: string): VolumeAttachment {
  const [, nodeName = '', state] = /^(\w+)(\W?)$/.exec(text)!;
  const status = { attached: state !== '.' && state !== '!', ...(state === '!' && { attachError: { message: 'no' } }) };
  const deletionTimestamp = state === '-' ? { deletionTimestamp: '2026-01-01T00:00:00Z' } : {};
  const name = nodeName === 'mine' ? 'mine' : attachmentName(v, nodeName);
  const spec = { attacher: driver, nodeName, source: { persistentVolumeName: 'v' } };
  return { metadata: { name, ...deletionTimestamp }, spec, status } as unknown as VolumeAttachment;
}

interface Row {
  /** Attachments, to `n` and to others. */
  there?: string;
  wanted?: boolean;
  inUse?: boolean;
  listed?: boolean;
  node?: object;
  state?: Partial<NodeState>;
}

const conditions = (status: string) => ({ status: { conditions: [{ type: 'Ready', status }] } });

function planOf({ there = '', wanted = true, inUse = false, listed = false, node = {}, state = {} }: Row): AttachPlan {
  const all = there.split(' ').filter(Boolean).map(attachment);
  const { status, ...rest } = { ...conditions('True'), ...node } as any;
  const volumesAttached = listed ? [{ name: id, devicePath: '' }] : [];
  return planAttachments({
    node: {
      metadata: { name: 'n' },
      spec: {},
      ...rest,
      status: { ...status, volumesAttached, volumesInUse: inUse ? [id] : [] },
    } as unknown as Node,
    wanted: wanted ? [{ volume: v, pods: [p] }] : [],
    attachments: all.filter(({ spec }) => ['n', 'mine'].includes(spec.nodeName)),
    attachmentsOf: () => all,
    usersOf: () => [p],
    findVolume: () => v,
    unwantedSinceMs: () => 0,
    nowMs: 0,
    ...state,
  });
}

/** `+n` is created, `-n` deleted, `listed` in the node's status. */
function show({ create, delete: gone, volumesAttached, againInMs }: AttachPlan): string {
  return [
    ...create.map(({ spec }) => `+${spec.nodeName}`),
    ...gone.map(({ spec }) => `-${spec.nodeName}`),
    ...volumesAttached.map(({ name }) => (name === id ? 'listed' : name)),
    ...(againInMs === undefined ? [] : [`again in ${againInMs}`]),
  ].join(' ');
}

describe('planAttachments()', () => {
  const outOfService = { spec: { taints: [{ key: 'node.kubernetes.io/out-of-service', effect: 'NoExecute' }] } };
  const cases: [name: string, row: Row, want: string][] = [
    ['a pod comes', {}, '+n'],
    ['not attached yet', { there: 'n.' }, ''],
    ['attached', { there: 'n' }, 'listed'],
    ['being detached: it must go first', { there: 'n-' }, ''],
    ['the pod is gone', { there: 'n', wanted: false, listed: true }, '-n'],
    ['the pod is gone before it was attached', { there: 'n.', wanted: false }, '-n'],
    ['the pod is gone, but the node has it mounted', { there: 'n', wanted: false, inUse: true }, 'listed'],
    [
      'the same, and the node is silent',
      { there: 'n', wanted: false, inUse: true, node: conditions('Unknown'), state: { nowMs: 60_000 } },
      'listed again in 300000',
    ],
    [
      'the same, and it has been for long',
      { there: 'n', wanted: false, inUse: true, node: conditions('Unknown'), state: { nowMs: 360_000 } },
      '-n',
    ],
    ['the same, and it is out of service', { there: 'n', wanted: false, inUse: true, node: outOfService }, '-n'],
    ['a node comes back while it is wanted', { there: 'n', node: conditions('Unknown'), inUse: true }, 'listed'],
    ['on its way already', { there: 'n-', wanted: false }, ''],
    ['made by a user', { there: 'mine', wanted: false }, ''],
    ['the volume is elsewhere', { there: 'm' }, ''],
    ['the volume is elsewhere and here', { there: 'm n' }, 'listed'],
    ['for many nodes', { there: 'm', state: { wanted: [{ volume: shared, pods: [p] }] } }, '+n'],
  ];
  for (const [name, row, want] of cases) test(name, () => assert.equal(show(planOf(row)), want));
});

test('pods are told what became of their volumes', () => {
  const failed = 'FailedAttachVolume';
  const multi = 'Multi-Attach error for volume "v" Volume is';
  const on = (node: string, name: string, namespace = 'default') => {
    const it = pod(name).on(node).build();
    return { ...it, metadata: { ...it.metadata, namespace } };
  };
  const rows: [Row, string[]][] = [
    [{ there: 'n' }, ['SuccessfulAttachVolume AttachVolume.Attach succeeded for volume "v" ']],
    [{ there: 'n', listed: true }, []],
    [{ there: 'n!' }, [`${failed} AttachVolume.Attach failed for volume "v" : no`]],
    [{ there: 'm' }, [`${failed} ${multi} already exclusively attached to one node and can't be attached to another`]],
    [{ there: 'm', state: { usersOf: () => [on('m', 'q'), p] } }, [`${failed} ${multi} already used by pod(s) q`]],
    [
      { there: 'm', state: { usersOf: () => [on('m', 'q', 'x')] } },
      [`${failed} ${multi} already used by 1 pod(s) in different namespaces`],
    ],
    [
      { there: 'm', state: { usersOf: () => [on('m', 'q'), on('m', 'r', 'x')] } },
      [`${failed} ${multi} already used by pod(s) q and 1 pod(s) in different namespaces`],
    ],
  ];
  for (const [row, want] of rows) {
    assert.deepEqual(
      planOf(row).events.map(({ reason, message }) => `${reason} ${message}`),
      want,
    );
  }
});
