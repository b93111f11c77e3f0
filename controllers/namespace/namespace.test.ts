import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { kinds } from '../../api/index.ts';
import { testTimeMs } from '../../test/builders/pod.ts';
import { aggregateRules } from '../cluster-role-aggregation.ts';
import { planRootCa } from '../root-ca-publisher.ts';
import { computeConditions } from './conditions.ts';
import { contentKinds, type Remaining } from './content.ts';
import { nextLookMs } from './namespace.ts';

const nothing: Remaining = { resources: new Map(), finalizers: new Map(), errors: [], hasPods: false, graceSeconds: 0 };

describe('computeConditions()', () => {
  test('all is well', () => {
    const conditions = computeConditions(undefined, nothing, testTimeMs);
    assert.deepEqual(
      conditions.map((c) => `${c.type} ${c.status} ${c.reason}`),
      [
        'NamespaceDeletionDiscoveryFailure False ResourcesDiscovered',
        'NamespaceDeletionGroupVersionParsingFailure False ParsedGroupVersions',
        'NamespaceDeletionContentFailure False ContentDeleted',
        'NamespaceContentRemaining False ContentRemoved',
        'NamespaceFinalizersRemaining False ContentHasNoFinalizers',
      ],
    );
    assert.deepEqual(computeConditions(conditions, nothing, testTimeMs + 5000), conditions);
  });

  test('what is left and what holds it', () => {
    const resources = new Map([
      ['secrets.', 2],
      ['jobs.batch', 1],
    ]);
    const remaining = { ...nothing, resources, finalizers: new Map([['example.com/hold', 2]]), errors: ['pods.: no'] };
    const told = computeConditions(undefined, remaining, testTimeMs).filter((c) => c.status === 'True');
    assert.deepEqual(
      told.map((c) => c.message),
      [
        'Failed to delete all resource types, 1 remaining: pods.: no',
        'Some resources are remaining: jobs.batch has 1 resource instances, secrets. has 2 resource instances',
        'Some content in the namespace has finalizers remaining: example.com/hold in 2 resource instances',
      ],
    );
  });
});

test('nextLookMs() gives pods half of their grace, within bounds', () => {
  assert.deepEqual([0, 10, 300].map(nextLookMs), [500, 5000, 15_000]);
});

test('every namespaced kind but pods is content', () => {
  const plurals = contentKinds(kinds).map((kind) => kind.plural);
  assert.ok(['configmaps', 'events', 'deployments', 'leases', 'rolebindings'].every((p) => plurals.includes(p)));
  assert.ok(['pods', 'nodes', 'bindings', 'localsubjectaccessreviews'].every((p) => !plurals.includes(p)));
});

test('planRootCa() makes, mends and leaves alone', () => {
  const namespace = { metadata: { name: 'ns' }, spec: {} };
  const made = planRootCa(namespace, undefined, 'ca');
  assert.deepEqual([made?.metadata.name, made?.data], ['kube-root-ca.crt', { 'ca.crt': 'ca' }]);
  assert.equal(planRootCa(namespace, made, 'ca'), undefined);
  assert.deepEqual(planRootCa(namespace, { ...made!, data: {} }, 'ca')?.data, { 'ca.crt': 'ca' });
});

test('aggregateRules() takes each rule once, by the order of names', () => {
  const rule = (resource: string) => ({ verbs: ['get'], apiGroups: [''], resources: [resource] });
  const role = (name: string, labels: Record<string, string>, ...resources: string[]) => ({
    metadata: { name, labels },
    rules: resources.map(rule),
  });
  const view = {
    ...role('view', { 'to-admin': 'true' }),
    aggregationRule: { clusterRoleSelectors: [{ matchLabels: { 'to-view': 'true' } }] },
  };
  const all = [
    view,
    role('b', { 'to-view': 'true' }, 'pods', 'nodes'),
    role('a', { 'to-view': 'true' }, 'pods'),
    role('c', {}, 'secrets'),
  ];
  assert.deepEqual(aggregateRules(view, all), [rule('pods'), rule('nodes')]);
});
