// Volumes of pods that are claims, or make some.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createRefusals } from '../../../test/builders/kind-rules.ts';
import { PodKind } from '../pod.ts';

const claim = { accessModes: ['ReadWriteOnce'], resources: { requests: { storage: '1Gi' } } };
const ephemeral = (spec: object, metadata: object = {}) => ({ ephemeral: { volumeClaimTemplate: { metadata, spec } } });
const refused = (...volumes: object[]) => {
  const spec = { containers: [{ name: 'c', image: 'i' }], volumes };
  return createRefusals(PodKind, { metadata: { name: 'p' }, spec });
};

test('a claim is named, and one that is made is checked', () => {
  assert.deepEqual(
    refused(
      { name: 'a', persistentVolumeClaim: { claimName: 'c' } },
      { name: 'b', ...ephemeral(claim, { labels: { a: 'b' } }) },
    ),
    [],
  );
  assert.deepEqual(refused({ name: 'a', persistentVolumeClaim: {} }), [
    'spec.volumes[0].persistentVolumeClaim.claimName: Required value',
  ]);
  const at = 'spec.volumes[0].ephemeral.volumeClaimTemplate';
  assert.deepEqual(refused({ name: 'a', ephemeral: {} }), [`${at}: Required value`]);
  assert.deepEqual(refused({ name: 'a', ...ephemeral({}, { name: 'mine', labels: { '': 'x' } }) }), [
    `${at}.metadata.labels: Invalid value: "": name part must be non-empty`,
    `${at}.metadata.labels: Invalid value: "": name part must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character (e.g. 'MyName',  or 'my.name',  or '123-abc', regex used for validation is '([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]')`,
    `${at}.metadata.name: Forbidden: cannot be set`,
    `${at}.spec.accessModes: Required value: at least 1 access mode is required`,
    `${at}.spec.resources[storage]: Required value`,
  ]);
});

test('a claim that is made belongs to one volume', () => {
  assert.deepEqual(
    refused({ name: 'b', ...ephemeral(claim) }, { name: 'a', persistentVolumeClaim: { claimName: 'p-b' } }),
    [
      'spec.volumes[1].persistentVolumeClaim.claimName: Invalid value: "p-b": must not reference a PVC that gets created for an ephemeral volume',
    ],
  );
});
