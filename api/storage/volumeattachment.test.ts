import assert from 'node:assert/strict';
import { test } from 'node:test';
import { cellsOfBody, changeRefusals, createRefusals, statusRefusals } from '../../test/builders/kind-rules.ts';
import { VolumeAttachmentKind } from './volumeattachment.ts';

const attacher = 'csi.example.com';
const attachment = (source: object, more: object = {}) => ({ spec: { attacher, nodeName: 'n1', source, ...more } });
const fine = attachment({ persistentVolumeName: 'pv1' });
const csi = { driver: attacher, volumeHandle: 'v1' };

test('an attachment names a driver, a node and one volume', () => {
  const one = 'must specify exactly one of inlineVolumeSpec and persistentVolumeName';
  const at = 'spec.source.inlineVolumeSpec';
  const inline = (text: string) => `${text}: Forbidden: may not be specified in the context of inline volumes`;
  const table: [object, string[]][] = [
    [fine, []],
    [attachment({ inlineVolumeSpec: { csi, accessModes: ['ReadWriteOnce'] } }), []],
    [attachment({}), [`spec.source: Required value: ${one}`]],
    [attachment({ persistentVolumeName: 'pv1', inlineVolumeSpec: {} }), [`spec.source: Forbidden: ${one}`]],
    [
      attachment({
        inlineVolumeSpec: { capacity: { storage: '1Gi' }, volumeMode: 'Block', accessModes: ['ReadWriteOnce'] },
      }),
      [
        inline(`${at}.capacity`),
        `${at}.csi: Required value: has to be specified in the context of inline volumes`,
        `${at}: Required value: must specify a volume type`,
        inline(`${at}.volumeMode`),
      ],
    ],
    [
      attachment({ persistentVolumeName: 'pv1' }, { attacher: '' }),
      ['spec.attacher: Required value', 'spec.attacher: Required value'],
    ],
  ];
  for (const [body, want] of table) assert.deepEqual(createRefusals(VolumeAttachmentKind, body), want);
});

test('it never changes; what became of it is bounded', () => {
  const [moved] = changeRefusals(VolumeAttachmentKind, fine, attachment({ persistentVolumeName: 'pv2' }));
  assert.match(moved!, /^spec: Invalid value: .*: field is immutable$/);
  const attachError = { errorCode: -1, message: 'x'.repeat(1025) };
  assert.deepEqual(statusRefusals(VolumeAttachmentKind, fine, { attached: false, attachError }), [
    'status.attachError.message: Too long: may not be more than 262144 bytes',
    'status.attachError.errorCode: Invalid value: -1: must be between 0 and 2147483647, inclusive',
  ]);
  assert.deepEqual(cellsOfBody(VolumeAttachmentKind, { ...fine, status: { attached: true } }), [
    attacher,
    'pv1',
    'n1',
    true,
    '10m',
  ]);
});
