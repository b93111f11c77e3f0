// The flow schemas and priority levels of a new cluster: as published, valid, and kept as Kubernetes keeps them.
import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import { describe, test } from 'node:test';
import { FlowSchemaKind } from '../../api/flowcontrol/flowschema.ts';
import { PriorityLevelConfigurationKind } from '../../api/flowcontrol/prioritylevelconfiguration.ts';
import { decodeValue } from '../../machinery/decode.ts';
import { cloneJson } from '../../machinery/json.ts';
import { flowControlObjects, follow } from './flow-control.ts';

const file = '../shared/reference/bootstrap-objects.json';
const skip = existsSync(file) ? false : 'reference not present';
const find = (kind: string, name: string) =>
  flowControlObjects.find(({ object }) => object.kind === kind && object.metadata.name === name)!.object;

test('they are the published ones', { skip }, () => {
  const published = JSON.parse(readFileSync(file, 'utf8'));
  const list = ['prioritylevelconfigurations', 'flowschemas'].flatMap(
    (plural) => published[`apis/flowcontrol.apiserver.k8s.io/v1/${plural}`],
  );
  const byName = (a: any, b: any) => (JSON.stringify(a) < JSON.stringify(b) ? -1 : 1);
  const ours = flowControlObjects.map(({ object: { kind: _, ...rest } }) => rest);
  const sorted = (objects: any[]) =>
    objects.map((o) => ({ metadata: o.metadata, spec: sortKeys(o.spec) })).sort(byName);
  assert.deepEqual(sorted(ours), sorted(list));
});

function sortKeys(value: any): any {
  if (Array.isArray(value)) return value.map(sortKeys);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(
    Object.keys(value)
      .sort()
      .map((key) => [key, sortKeys(value[key])]),
  );
}

test('they are valid', () => {
  for (const { object } of flowControlObjects) {
    const kind: any = object.kind === 'FlowSchema' ? FlowSchemaKind : PriorityLevelConfigurationKind;
    assert.deepEqual(kind.validate(decodeValue(kind.storage.schema, object).value), [], object.metadata.name ?? '');
  }
});

describe('what is there is kept', () => {
  const key = 'apf.kubernetes.io/autoupdate-spec';
  const changed = (kind: string, name: string, annotations: Record<string, string>, generation = 2) => {
    const object = cloneJson(find(kind, name));
    object.spec.matchingPrecedence = 77;
    object.metadata = { name, generation, annotations };
    return object;
  };
  const precedence = (name: string, annotations: Record<string, string>, generation?: number) => {
    const next = follow(changed('FlowSchema', name, annotations, generation), find('FlowSchema', name));
    return [next.spec.matchingPrecedence, next.metadata.annotations?.[key]];
  };

  test('suggested ones follow the table until somebody takes them over', () => {
    assert.deepEqual(precedence('probes', { [key]: 'true' }), [2, 'true']);
    assert.deepEqual(precedence('probes', { [key]: 'false' }), [77, 'false']);
    assert.deepEqual(precedence('probes', {}, 1), [2, 'true'], 'nobody has changed it yet');
    assert.deepEqual(precedence('probes', {}, 2), [77, 'false'], 'somebody has');
  });

  test('mandatory ones are put back whatever they say', () => {
    assert.deepEqual(precedence('catch-all', { [key]: 'false' }), [10000, 'true']);
  });

  test('the shares of the exempt level are free', () => {
    const level = cloneJson(find('PriorityLevelConfiguration', 'exempt'));
    level.spec.exempt.nominalConcurrencyShares = 9;
    assert.deepEqual(follow(level, find('PriorityLevelConfiguration', 'exempt')), level);
  });
});
