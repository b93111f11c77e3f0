// What the definitions of snapshots refuse, as the API server reads them.
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { refusalsBy } from '../../test/builders/snapshots.ts';
import { snapshotDefinitions } from './snapshot-definitions.ts';

const [classes, snapshots, contents] = snapshotDefinitions.map(({ spec }) =>
  refusalsBy(spec.versions[0]!.schema.openAPIV3Schema),
);

describe('snapshots are refused', () => {
  const ofClaim = { source: { persistentVolumeClaimName: 'c' } };
  const ofContent = { source: { volumeSnapshotContentName: 'c' } };
  const ref = { name: 's', namespace: 'ns' };
  const content = { driver: 'd', deletionPolicy: 'Delete', volumeSnapshotRef: ref };
  const ofVolume = { ...content, source: { volumeHandle: 'v' }, sourceVolumeMode: 'Block' };
  const one = 'exactly one of volumeSnapshotContentName and persistentVolumeClaimName must be set';
  const both = 'both spec.volumeSnapshotRef.name and spec.volumeSnapshotRef.namespace must be set';
  const rows: [name: string, of: typeof snapshots, object: object, old: object | undefined, want: string[]][] = [
    ['none', snapshots, { spec: ofClaim }, undefined, []],
    ['without a source', snapshots, { spec: { source: {} } }, undefined, [one]],
    ['of two sources', snapshots, { spec: { source: { ...ofClaim.source, ...ofContent.source } } }, undefined, [one]],
    [
      'of a class without a name',
      snapshots,
      { spec: { ...ofClaim, volumeSnapshotClassName: '' } },
      undefined,
      ['volumeSnapshotClassName must not be the empty string when set'],
    ],
    [
      'of another claim than before',
      snapshots,
      { spec: { source: { persistentVolumeClaimName: 'd' } } },
      { spec: ofClaim },
      ['persistentVolumeClaimName is immutable'],
    ],
    [
      'of another source than before',
      snapshots,
      { spec: ofContent },
      { spec: ofClaim },
      ['persistentVolumeClaimName is required once set'],
    ],
    ['no content', contents, { spec: ofVolume }, { spec: ofVolume }, []],
    ['a content for nobody', contents, { spec: { ...ofVolume, volumeSnapshotRef: { name: 's' } } }, undefined, [both]],
    [
      'a content of no source',
      contents,
      { spec: { ...content, source: {} } },
      undefined,
      ['exactly one of volumeHandle and snapshotHandle must be set'],
    ],
    [
      'a content of another mode',
      contents,
      { spec: { ...ofVolume, sourceVolumeMode: 'Filesystem' } },
      { spec: ofVolume },
      ['sourceVolumeMode is immutable'],
    ],
    [
      'a content of no mode any longer',
      contents,
      { spec: { ...content, source: ofVolume.source } },
      { spec: ofVolume },
      ['sourceVolumeMode is required once set'],
    ],
    [
      'no content whose snapshot is taken, and gone',
      contents,
      { spec: ofVolume, status: { snapshotHandle: 'b' } },
      { spec: ofVolume, status: { snapshotHandle: 'a' } },
      [],
    ],
    ['a class without a policy', classes, { driver: 'd' }, undefined, ['Required value']],
  ];
  for (const [name, validator, object, old, want] of rows) {
    test(name, () => {
      const named = (of: object) => ({ metadata: { name: 'x' }, ...of });
      const errors = validator!(named(object), old && named(old));
      assert.deepEqual(
        errors.map((detail) => want.find((text) => detail.includes(text)) ?? detail),
        want,
      );
    });
  }
});
