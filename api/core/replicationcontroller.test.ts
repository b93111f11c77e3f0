import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { cellsOf, createRefusals, makeObject, statusRefusals } from '../../test/builders/kind-rules.ts';
import { PodTemplateKind } from './podtemplate.ts';
import { ReplicationControllerKind as kind } from './replicationcontroller.ts';

const template = { metadata: { labels: { b: '2', a: '1' } }, spec: { containers: [{ name: 'c', image: 'nginx:1' }] } };

test('the labels of the template are selector and labels where nothing else is said', () => {
  const made = makeObject(kind, { spec: { template } });
  assert.deepEqual(
    [made.spec.selector, made.metadata.labels, made.spec.replicas],
    [{ b: '2', a: '1' }, { b: '2', a: '1' }, 1],
  );
  const own = makeObject(kind, { metadata: { labels: { x: 'y' } }, spec: { template, selector: { a: '1' } } });
  assert.deepEqual([own.spec.selector, own.metadata.labels], [{ a: '1' }, { x: 'y' }]);
});

describe('refused', () => {
  const table: [string, object, string[]][] = [
    ['fine', { template }, []],
    ['nothing', {}, ['spec.selector: Required value', 'spec.template: Required value']],
    [
      'other labels',
      { template, selector: { a: '2' } },
      ['spec.template.metadata.labels: Invalid value: {"a":"1","b":"2"}: `selector` does not match template `labels`'],
    ],
    [
      'pods that end',
      { template: { ...template, spec: { ...template.spec, restartPolicy: 'Never', activeDeadlineSeconds: 1 } } },
      [
        'spec.template.spec.restartPolicy: Unsupported value: "Never": supported values: "Always"',
        'spec.template.spec.activeDeadlineSeconds: Forbidden: activeDeadlineSeconds in ReplicationController is not Supported',
      ],
    ],
    [
      'numbers',
      { template, replicas: -1, minReadySeconds: -1 },
      ['minReadySeconds', 'replicas'].map((f) => `spec.${f}: Invalid value: -1: must be greater than or equal to 0`),
    ],
  ];
  for (const [name, spec, want] of table) test(name, () => assert.deepEqual(createRefusals(kind, { spec }), want));
});

test('columns, scale, selectable field, status and warning', () => {
  const object = { ...makeObject(kind, { spec: { template } }), status: { replicas: 2, readyReplicas: 1 } };
  assert.deepEqual(cellsOf(kind, object), [1, 2, 1, '10m', 'c', 'nginx:1', 'a=1,b=2']);
  assert.equal(kind.subresources.scale!.selector(object), 'a=1,b=2');
  assert.equal(kind.selectableFields!['status.replicas']!(object), '2');
  assert.deepEqual(statusRefusals(kind, { spec: { template } }, { replicas: 1, readyReplicas: 2 }), [
    'status.readyReplicas: Invalid value: 2: cannot be greater than status.replicas',
  ]);
  assert.equal(kind.warnings!({ ...object, metadata: { name: 'a.b' } }).length, 1);
});

test('a pod template is checked, shown, and counts its changes', () => {
  assert.deepEqual(createRefusals(PodTemplateKind, { template }), []);
  assert.deepEqual(createRefusals(PodTemplateKind, { template: { spec: {} } }), [
    'template.spec.containers: Required value',
  ]);
  const made = makeObject(PodTemplateKind, { template });
  assert.equal(made.template.spec.dnsPolicy, 'ClusterFirst');
  assert.deepEqual(cellsOf(PodTemplateKind, made), ['c', 'nginx:1', 'a=1,b=2']);
  assert.equal(PodTemplateKind.bumpsGeneration!(made, made), false);
  assert.equal(PodTemplateKind.bumpsGeneration!({ ...made, template: {} }, made), true);
});
