// What the status of a policy tells of its expressions.
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { builtInTypes, customTypes, definitionsFor } from './known-types.ts';
import { planStatus } from './status.ts';
import { checkTypes } from './type-check.ts';

const apps = { operations: ['*'], apiGroups: ['apps'], apiVersions: ['v1'], resources: ['deployments'] };
const specOf = (validations: object[], more: object = {}): any => ({
  matchConstraints: { resourceRules: [apps] },
  validations,
  ...more,
});

describe('type checking', () => {
  test('finds fields that the kind does not have', () => {
    assert.deepEqual(checkTypes(specOf([{ expression: 'object.replicas > 1' }]), builtInTypes), [
      {
        fieldRef: 'spec.validations[0].expression',
        warning:
          "apps/v1, Kind=Deployment: ERROR: <input>:1:7: undefined field 'replicas'\n | object.replicas > 1\n | ......^\n",
      },
    ]);
  });

  test('looks at messages, and at each of the kinds in order', () => {
    const validations = [{ expression: 'object.spec.replicas > 1', messageExpression: 'object.metadata.nothing' }];
    const rules = [{ ...apps, resources: ['replicasets', 'deployments'] }];
    const warnings = checkTypes(specOf(validations, { matchConstraints: { resourceRules: rules } }), builtInTypes);
    assert.deepEqual(
      warnings.map(({ fieldRef }) => fieldRef),
      ['spec.validations[0].messageExpression'],
    );
    assert.match(warnings[0]!.warning, /^apps\/v1, Kind=Deployment: ERROR[\s\S]*\n\n?apps\/v1, Kind=ReplicaSet: ERROR/);
  });

  const quiet: Record<string, any> = {
    'good ones': specOf([{ expression: "object.spec.replicas <= 5 && object.metadata.name != ''" }]),
    wildcards: specOf([{ expression: 'object.nothing' }], {
      matchConstraints: { resourceRules: [{ ...apps, apiGroups: ['*'] }] },
    }),
    'kinds that are not known': specOf([{ expression: 'object.nothing' }], {
      matchConstraints: { resourceRules: [{ ...apps, resources: ['widgets'] }] },
    }),
    'variables by their types': specOf([{ expression: 'variables.count > 1' }], {
      variables: [{ name: 'count', expression: 'object.spec.replicas' }],
    }),
    'parameters of a kind that is not known': specOf([{ expression: 'object.spec.replicas < params.max' }], {
      paramKind: { apiVersion: 'example.com/v1', kind: 'Limit' },
    }),
    'who may do what': specOf([{ expression: "authorizer.requestResource.check('create').allowed()" }]),
  };
  for (const [name, spec] of Object.entries(quiet)) {
    test(`has nothing to say of ${name}`, () => assert.deepEqual(checkTypes(spec, builtInTypes), []));
  }

  test('knows the types of variables and parameters', () => {
    const more = {
      variables: [{ name: 'count', expression: 'object.spec.replicas' }],
      paramKind: { apiVersion: 'v1', kind: 'ConfigMap' },
    };
    const spec = specOf([{ expression: "variables.count == 'a'" }, { expression: 'params.spec.max > 1' }], more);
    assert.match(
      checkTypes(spec, builtInTypes)[0]!.warning,
      /found no matching overload for '_==_' applied to '\(int, string\)'/,
    );
    assert.match(checkTypes(spec, builtInTypes)[1]!.warning, /undefined field 'spec'/);
  });
});

describe('custom resources', () => {
  const properties = { spec: { type: 'object', properties: { replicas: { type: 'integer' } } } };
  const schema = { openAPIV3Schema: { type: 'object', properties } };
  const definition: any = {
    metadata: { name: 'gates.g.example' },
    spec: {
      group: 'g.example',
      names: { plural: 'gates', kind: 'Gate' },
      versions: [
        { name: 'v1', served: true, schema },
        { name: 'v2', served: false, schema },
      ],
    },
  };
  const gates = { operations: ['*'], apiGroups: ['g.example'], apiVersions: ['v1', 'v2'], resources: ['gates'] };
  const rules = (...resourceRules: object[]) => ({ matchConstraints: { resourceRules } });

  test('are known by their definitions', () => {
    const known = [...builtInTypes, ...customTypes(definition)];
    const good = "object.spec.replicas > 1 && object.metadata.labels['a'] == 'b' && object.kind == 'Gate'";
    const spec = specOf([{ expression: good }, { expression: "object.spec.replicas > '1'" }], rules(gates));
    const warnings = checkTypes(spec, known);
    assert.deepEqual(
      warnings.map(({ fieldRef }) => fieldRef),
      ['spec.validations[1].expression'],
    );
    assert.match(warnings[0]!.warning, /^g\.example\/v1, Kind=Gate: ERROR: .* applied to '\(int, string\)'/);
  });

  test('are looked for where a policy names them', () => {
    const wild = { ...gates, resources: ['*'] };
    assert.deepEqual(definitionsFor(specOf([], rules(gates, apps, wild))), ['gates.g.example']);
  });
});

test('the status tells of the generation', () => {
  const policy = { metadata: { name: 'p', generation: 2 }, spec: specOf([{ expression: 'true' }]) };
  const clean = { observedGeneration: 2, typeChecking: { expressionWarnings: null } };
  assert.deepEqual(planStatus(policy, []), clean);
});
