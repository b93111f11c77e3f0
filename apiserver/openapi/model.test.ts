import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { kinds } from '../../api/index.ts';
import { s } from '../../machinery/schema.ts';
import { KindTable } from '../registry/kind-table.ts';
import { buildModel, type JsonSchema, toJsonSchema } from './model.ts';
import { otherPaths } from './other-paths.ts';

describe('the OpenAPI model', () => {
  const probe = s.object('example.Probe', 'A check.', { period: s.int32('Seconds between checks.', { default: 10 }) });
  const container = s.object('example.Container', 'A container.', {
    liveness: s.field(probe, 'Restarts the container.', { required: true }),
    readiness: s.field(probe, 'Takes it out of service.'),
    ports: s.list(s.intOrString(''), 'Open ports.', { listType: 'set' }),
  });

  test('a type says what it is, a field what it is for', () => {
    const definitions = new Map<string, JsonSchema>();
    assert.deepEqual(toJsonSchema(container, definitions), { $ref: 'example.Container', description: 'A container.' });
    assert.equal(definitions.get('example.Probe')!.description, 'A check.');
    const { properties, required } = definitions.get('example.Container')!;
    assert.deepEqual(required, ['liveness']);
    assert.deepEqual(properties.readiness, { $ref: 'example.Probe', description: 'Takes it out of service.' });
    assert.equal(properties.ports['x-kubernetes-list-type'], 'set');
    assert.deepEqual(definitions.get('example.Probe')!.properties.period, {
      type: 'integer',
      format: 'int32',
      default: 10,
      description: 'Seconds between checks.',
    });
  });

  test('every reference of the built-in kinds leads to a definition, every definition says what it is', () => {
    const { definitions, paths } = buildModel({
      groupVersions: new KindTable(kinds).groupVersions(),
      others: [...otherPaths(['', 'apps']).values()],
    });
    const visit = (value: unknown): void => {
      if (typeof value !== 'object' || value === null) return;
      const { $ref } = value as JsonSchema;
      if (typeof $ref === 'string') assert.ok(definitions.has($ref), $ref);
      for (const part of Object.values(value)) visit(part);
    };
    for (const [name, definition] of definitions) {
      assert.ok(definition.description, `${name} has no description`);
      visit(definition);
    }
    for (const { operations } of paths)
      for (const { answer, body } of operations)
        for (const name of [answer, body]) if (name) assert.ok(definitions.has(name), name);
    const everywhere = paths.find(({ path }) => path === '/api/v1/pods')?.operations;
    assert.deepEqual(
      everywhere?.map(({ action }) => action),
      ['list'],
      'of all namespaces',
    );
    const ids = paths.flatMap((p) => p.operations.map((o) => o.id));
    assert.deepEqual(
      ids.filter((id, i) => ids.indexOf(id) !== i),
      [],
      'operations have ids of their own',
    );
  });
});
