import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { CustomResourceDefinition } from '../../api/apiextensions/customresourcedefinition/schema.ts';
import { acceptNames, takenNames } from './names.ts';
import { establish } from './status.ts';

const definition = (names: object, accepted?: object): CustomResourceDefinition =>
  ({
    metadata: { name: 'x' },
    spec: { group: 'g.io', scope: 'Cluster', names, versions: [] },
    ...(accepted ? { status: { acceptedNames: accepted, conditions: [], storedVersions: [] } } : {}),
  }) as unknown as CustomResourceDefinition;

const widget = { plural: 'widgets', singular: 'widget', kind: 'Widget', listKind: 'WidgetList', shortNames: ['w'] };

const given = ({ spec, status }: CustomResourceDefinition) => ({
  group: spec.group,
  names: status?.acceptedNames ?? {},
});

test('names are accepted one by one; the last conflict is told', () => {
  const free = acceptNames(definition(widget), takenNames('g.io', [], []));
  assert.deepEqual([free.names, free.condition.status], [widget, 'True']);
  const other = definition(widget, { ...widget, plural: 'others', singular: 'other', kind: 'Other', listKind: 'OL' });
  const clash = acceptNames(definition(widget), takenNames('g.io', [given(other)], []));
  assert.deepEqual(clash.condition, {
    type: 'NamesAccepted',
    status: 'False',
    reason: 'ShortNamesConflict',
    message: '"w" is already in use',
  });
  assert.deepEqual([clash.names.plural, clash.names.shortNames], ['widgets', undefined]);
  assert.equal(acceptNames(definition(widget), takenNames('other.io', [given(other)], [])).condition.status, 'True');
});

test('what is established stays so when new names are not accepted', () => {
  const first = establish(definition(widget), acceptNames(definition(widget), takenNames('g.io', [], [])), 0);
  const conditions = (one: CustomResourceDefinition) =>
    one.status!.conditions!.map(({ type, status, reason }) => `${type} ${status} ${reason}`);
  assert.deepEqual(conditions(first), ['NamesAccepted True NoConflicts', 'Established True InitialNamesAccepted']);
  const taken = { resources: new Set(['w']), kinds: new Set<string>() };
  const later = establish(first, acceptNames(first, taken), 60_000);
  assert.deepEqual(conditions(later), [
    'NamesAccepted False ShortNamesConflict',
    'Established True InitialNamesAccepted',
  ]);
  const never = establish(definition(widget), acceptNames(definition(widget), taken), 0);
  assert.deepEqual(conditions(never), ['NamesAccepted False ShortNamesConflict', 'Established False NotAccepted']);
});

test('a group of Kubernetes is approved by an annotation', () => {
  const approvals = [
    ['https://x.io/1', 'True approved in https://x.io/1'],
    ['unapproved, an experiment', 'False not approved: "unapproved, an experiment"'],
  ];
  for (const [annotation, want] of approvals) {
    const one: any = definition(widget);
    one.spec.group = 'x.k8s.io';
    one.metadata.annotations = { 'api-approved.kubernetes.io': annotation };
    const { status, message } = establish(
      one,
      acceptNames(one, takenNames('x.k8s.io', [], [])),
      0,
    ).status!.conditions!.at(-1)!;
    assert.equal(`${status} ${message}`, want);
  }
});
