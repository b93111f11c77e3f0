// The rules of webhooks, policies and bindings, in tables.
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { decodeValue } from '../../machinery/decode.ts';
import { deepFreeze } from '../../machinery/json.ts';
import type { Kind } from '../../machinery/kind.ts';
import { MutatingAdmissionPolicyKind } from './mutatingadmissionpolicy.ts';
import { MutatingAdmissionPolicyBindingKind } from './mutatingadmissionpolicybinding.ts';
import { MutatingWebhookConfigurationKind } from './mutatingwebhookconfiguration.ts';
import { ValidatingAdmissionPolicyKind } from './validatingadmissionpolicy.ts';
import { ValidatingAdmissionPolicyBindingKind } from './validatingadmissionpolicybinding.ts';
import { ValidatingWebhookConfigurationKind } from './validatingwebhookconfiguration.ts';

const make = (kind: Kind, body: object): any =>
  deepFreeze(decodeValue(kind.storage.schema, { metadata: { name: 'x' }, ...body }).value);
const refusals = (kind: Kind, body: object) => kind.validate!(make(kind, body)).map((e) => `${e.field}: ${e.detail}`);
const cells = (kind: Kind, body: object) =>
  (kind.columns ?? []).filter((c) => c.name !== 'Age').map((c) => c.cell(make(kind, body), { nowMs: 0 }));

const rule = { operations: ['CREATE'], apiGroups: [''], apiVersions: ['v1'], resources: ['pods'] };
const service = { name: 's', namespace: 'n' };
const webhook = {
  name: 'a.b.c',
  clientConfig: { service },
  rules: [rule],
  sideEffects: 'None',
  admissionReviewVersions: ['v1'],
};
const hook = (more: object) => ({ webhooks: [{ ...webhook, ...more }] });
const withRule = (more: object) => hook({ rules: [{ ...rule, ...more }] });
const policy = (more: object) => ({
  spec: { matchConstraints: { resourceRules: [rule] }, validations: [{ expression: 'true' }], ...more },
});
const mutating = (more: object) => ({
  spec: {
    matchConstraints: { resourceRules: [rule] },
    mutations: [{ patchType: 'JSONPatch', jsonPatch: { expression: '[JSONPatch{op: "remove", path: "/a"}]' } }],
    reinvocationPolicy: 'Never',
    ...more,
  },
});
const binding = (more: object) => ({ spec: { policyName: 'p', validationActions: ['Deny'], ...more } });

describe('refused', () => {
  const table: [Kind, string, object, string[]][] = [
    [ValidatingWebhookConfigurationKind, 'fine', hook({}), []],
    [ValidatingWebhookConfigurationKind, 'no webhooks', {}, []],
    [
      ValidatingWebhookConfigurationKind,
      'short name',
      hook({ name: 'a.b' }),
      ['webhooks[0].name: Invalid value: "a.b": should be a domain with at least three segments separated by dots'],
    ],
    [
      ValidatingWebhookConfigurationKind,
      'one name twice',
      { webhooks: [webhook, webhook] },
      ['webhooks[1].name: Duplicate value: "a.b.c"'],
    ],
    [
      ValidatingWebhookConfigurationKind,
      'nothing said',
      { webhooks: [{ name: 'a.b.c', clientConfig: {} }] },
      [
        'webhooks[0].sideEffects: Required value: must specify one of None, NoneOnDryRun',
        'webhooks[0].clientConfig: Required value: exactly one of url or service is required',
        'webhooks[0].admissionReviewVersions: Required value: must specify one of v1, v1beta1',
      ],
    ],
    [
      ValidatingWebhookConfigurationKind,
      'side effects',
      hook({ sideEffects: 'Some', timeoutSeconds: 31, failurePolicy: 'No' }),
      [
        'webhooks[0].failurePolicy: Unsupported value: "No": supported values: "Fail", "Ignore"',
        'webhooks[0].sideEffects: Unsupported value: "Some": supported values: "None", "NoneOnDryRun"',
        'webhooks[0].timeoutSeconds: Invalid value: 31: the timeout value must be between 1 and 30 seconds',
      ],
    ],
    [
      ValidatingWebhookConfigurationKind,
      'paths and ports',
      hook({ clientConfig: { service: { ...service, path: 'a//b', port: 0 } } }),
      [
        'webhooks[0].clientConfig.service.port: Invalid value: 0: port is not valid: must be between 1 and 65535, inclusive',
        'webhooks[0].clientConfig.service.path: Invalid value: "a//b": must start with a \'/\'',
        'webhooks[0].clientConfig.service.path: Invalid value: "a//b": segment[0] may not be empty',
        'webhooks[0].clientConfig.service.path: Invalid value: "a//b": segment[1] may not be empty',
      ],
    ],
    [
      ValidatingWebhookConfigurationKind,
      'empty rule',
      hook({ rules: [{}] }),
      [
        'webhooks[0].rules[0].operations: Required value',
        'webhooks[0].rules[0].apiGroups: Required value',
        'webhooks[0].rules[0].apiVersions: Required value',
        'webhooks[0].rules[0].resources: Required value',
      ],
    ],
    [
      ValidatingWebhookConfigurationKind,
      'all and others',
      withRule({ operations: ['*', 'PATCH'], resources: ['*', 'pods', 'pods/*', 'pods/log'] }),
      [
        `webhooks[0].rules[0].operations: Invalid value: ["*","PATCH"]: if '*' is present, must not specify other operations`,
        'webhooks[0].rules[0].operations[1]: Unsupported value: "PATCH": supported values: "*", "CONNECT", "CREATE", "DELETE", "UPDATE"',
        `webhooks[0].rules[0].resources[3]: Invalid value: "pods/log": if 'pods/*' is present, must not specify pods/log`,
        `webhooks[0].rules[0].resources: Invalid value: ["*","pods","pods/*","pods/log"]: if '*' is present, must not specify other resources without subresources`,
      ],
    ],
    [
      ValidatingWebhookConfigurationKind,
      'conditions',
      hook({
        matchConditions: [
          { name: 'a', expression: 'true' },
          { name: '', expression: ' ' },
        ],
      }),
      [
        'webhooks[0].matchConditions[1].expression: Required value',
        'webhooks[0].matchConditions[1].name: Required value',
      ],
    ],
    [
      MutatingWebhookConfigurationKind,
      'reinvocation',
      hook({ reinvocationPolicy: 'Often' }),
      ['webhooks[0].reinvocationPolicy: Unsupported value: "Often": supported values: "IfNeeded", "Never"'],
    ],
    [ValidatingAdmissionPolicyKind, 'fine', policy({}), []],
    [
      ValidatingAdmissionPolicyKind,
      'empty',
      {},
      [
        'spec.matchConstraints: Required value',
        'spec.validations: Required value: validations or auditAnnotations must contain at least one item',
        'spec.auditAnnotations: Required value: validations or auditAnnotations must contain at least one item',
      ],
    ],
    [
      ValidatingAdmissionPolicyKind,
      'parameters',
      policy({ paramKind: { apiVersion: 'a/b/c', kind: 'X y' } }),
      [
        'spec.paramKind.apiVersion: Invalid value: "a/b/c": unexpected GroupVersion string: a/b/c',
        "spec.paramKind.kind: Invalid value: \"X y\": may have mixed case, but should otherwise match: a DNS-1035 label must consist of lower case alphanumeric characters or '-', start with an alphabetic character, and end with an alphanumeric character (e.g. 'my-name',  or 'abc-123', regex used for validation is '[a-z]([-a-z0-9]*[a-z0-9])?')",
      ],
    ],
    [
      ValidatingAdmissionPolicyKind,
      'variables and rules',
      policy({
        variables: [{ name: 'in', expression: '' }],
        validations: [{ expression: '', message: ' ', reason: 'Because' }],
        auditAnnotations: [
          { key: 'k', valueExpression: '' },
          { key: 'k', valueExpression: "'a'" },
        ],
      }),
      [
        'spec.variables[0].name: Invalid value: "in": must be a valid CEL identifier',
        'spec.variables[0].expression: Required value: expression is not specified',
        'spec.validations[0].expression: Required value: expression is not specified',
        'spec.validations[0].message: Invalid value: " ": must be non-empty if specified',
        'spec.validations[0].reason: Unsupported value: "Because": supported values: "Forbidden", "Invalid", "RequestEntityTooLarge"',
        'spec.auditAnnotations[0].valueExpression: Required value: valueExpression is not specified',
        'spec.auditAnnotations[1].key: Duplicate value: "k"',
      ],
    ],
    [ValidatingAdmissionPolicyBindingKind, 'fine', binding({}), []],
    [
      ValidatingAdmissionPolicyBindingKind,
      'actions',
      binding({ validationActions: ['Deny', 'Warn'] }),
      [
        'spec.validationActions: Invalid value: ["Deny","Warn"]: must not contain both Deny and Warn (repeating the same validation failure information in the API response and headers serves no purpose)',
      ],
    ],
    [
      ValidatingAdmissionPolicyBindingKind,
      'empty',
      { spec: { paramRef: {} } },
      [
        'spec.policyName: Required value',
        'spec.paramRef: Required value: one of name or selector must be specified',
        'spec.paramRef.parameterNotFoundAction: Required value',
        'spec.validationActions: Required value: at least one validation action is required',
      ],
    ],
    [MutatingAdmissionPolicyKind, 'fine', mutating({}), []],
    [
      MutatingAdmissionPolicyKind,
      'changes of what is deleted',
      mutating({
        matchConstraints: { resourceRules: [{ ...rule, operations: ['DELETE'] }] },
        mutations: [{ patchType: 'ApplyConfiguration', jsonPatch: { expression: '[]' } }],
      }),
      [
        'spec.matchConstraints.resourceRules.operations: Unsupported value: "DELETE": supported values: "*", "CONNECT", "CREATE", "UPDATE"',
        'spec.mutations[0].applyConfiguration: Required value: must be specified when patchType is ApplyConfiguration',
        'spec.mutations[0].jsonPatch: Invalid value: "{jsonPatch}": must not be specified when patchType is ApplyConfiguration',
      ],
    ],
    [
      MutatingAdmissionPolicyBindingKind,
      'bad name',
      { spec: { policyName: 'A', paramRef: { name: 'a', selector: {}, parameterNotFoundAction: 'Deny' } } },
      [
        "spec.policyName: Invalid value: \"A\": a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start and end with an alphanumeric character (e.g. 'example.com', regex used for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')",
        'spec.paramRef.name: Forbidden: name and selector are mutually exclusive',
        'spec.paramRef.selector: Forbidden: name and selector are mutually exclusive',
      ],
    ],
  ];
  for (const [kind, what, body, errors] of table) {
    test(`${kind.kind}: ${what}`, () => assert.deepEqual(refusals(kind, body), errors));
  }
});

test('webhooks and matches are defaulted', () => {
  const { webhooks } = make(MutatingWebhookConfigurationKind, hook({}));
  assert.deepEqual(webhooks[0], {
    ...webhook,
    clientConfig: { service: { ...service, port: 443 } },
    rules: [{ ...rule, scope: '*' }],
    failurePolicy: 'Fail',
    matchPolicy: 'Equivalent',
    namespaceSelector: {},
    objectSelector: {},
    reinvocationPolicy: 'Never',
    timeoutSeconds: 10,
  });
  const { spec } = make(ValidatingAdmissionPolicyKind, policy({}));
  assert.equal(spec.failurePolicy, 'Fail');
  assert.deepEqual(spec.matchConstraints, {
    resourceRules: [{ ...rule, scope: '*' }],
    matchPolicy: 'Equivalent',
    namespaceSelector: {},
    objectSelector: {},
  });
});

test('columns', () => {
  const paramKind = { apiVersion: 'g.io/v1', kind: 'Wid' };
  const selector = { matchLabels: { a: 'b' } };
  const table: [Kind, object, unknown[]][] = [
    [ValidatingWebhookConfigurationKind, hook({}), [1]],
    [ValidatingAdmissionPolicyKind, policy({ paramKind }), [1, 'g.io/v1/Wid']],
    [MutatingAdmissionPolicyKind, mutating({}), [1, '<unset>']],
    [ValidatingAdmissionPolicyBindingKind, binding({}), ['p', '<unset>']],
    [ValidatingAdmissionPolicyBindingKind, binding({ paramRef: { namespace: 'n', name: 'm' } }), ['p', 'n/m']],
    [
      MutatingAdmissionPolicyBindingKind,
      { spec: { policyName: 'p', paramRef: { selector } } },
      ['p', '&LabelSelector{MatchLabels:map[string]string{a: b,},MatchExpressions:[]LabelSelectorRequirement{},}'],
    ],
  ];
  for (const [kind, body, row] of table) assert.deepEqual(cells(kind, body), row, kind.kind);
});

test('the status of a policy has conditions that say something', () => {
  const status = { conditions: [{ type: 'Ready', status: 'Maybe' }] };
  const next = make(ValidatingAdmissionPolicyKind, { ...policy({}), status });
  assert.deepEqual(
    ValidatingAdmissionPolicyKind.validateStatusUpdate!(next, next).map((e) => `${e.field}: ${e.detail}`),
    [
      'status.conditions[0].status: Unsupported value: "Maybe": supported values: "False", "True", "Unknown"',
      'status.conditions[0].lastTransitionTime: Required value: must be set',
      'status.conditions[0].reason: Required value: must be set',
    ],
  );
});

describe('expressions are compiled', () => {
  const condition = (expression: string) => [{ name: 'c', expression }];
  const table: [Kind, string, object, string[]][] = [
    [
      ValidatingWebhookConfigurationKind,
      'webhooks know the request, not its namespace',
      hook({
        matchConditions: [
          {
            name: 'a',
            expression:
              'object.metadata.name != request.userInfo.username && authorizer.path("/x").check("get").allowed()',
          },
          { name: 'b', expression: 'request.nope == 1' },
          { name: 'd', expression: '1 + 1' },
        ],
      }),
      [
        'webhooks[0].matchConditions[1].expression: Invalid value: "request.nope == 1": compilation failed: ERROR: <input>:1:8: undefined field \'nope\'\n | request.nope == 1\n | .......^',
        'webhooks[0].matchConditions[2].expression: Invalid value: "1 + 1": must evaluate to bool',
      ],
    ],
    [
      ValidatingAdmissionPolicyKind,
      'policies know their parameters where they have some',
      policy({ matchConditions: condition('params.x == 1') }),
      [
        "spec.matchConditions[0].expression: Invalid value: \"params.x == 1\": compilation failed: ERROR: <input>:1:1: undeclared reference to 'params' (in container '')\n | params.x == 1\n | ^",
      ],
    ],
    [
      ValidatingAdmissionPolicyKind,
      'variables know those before them',
      policy({
        paramKind: { apiVersion: 'v1', kind: 'ConfigMap' },
        variables: [
          { name: 'n', expression: 'size(object.metadata.name)' },
          { name: 'm', expression: 'variables.n + 1' },
          { name: 'o', expression: 'variables.later' },
        ],
        validations: [
          { expression: 'variables.m < 9', messageExpression: 'string(variables.m)' },
          { expression: 'variables.n', messageExpression: '1' },
        ],
        auditAnnotations: [
          { key: 'k', valueExpression: 'params.data.a' },
          { key: 'l', valueExpression: "'x'" },
        ],
      }),
      [
        'spec.variables[2].expression: Invalid value: "variables.later": compilation failed: ERROR: <input>:1:10: undefined field \'later\'\n | variables.later\n | .........^',
        'spec.validations[1].expression: Invalid value: "variables.n": must evaluate to bool',
        'spec.validations[1].messageExpression: Invalid value: "1": must evaluate to string',
        'spec.auditAnnotations[0].valueExpression: Invalid value: "params.data.a": must evaluate to one of [string null_type]',
      ],
    ],
    [
      MutatingAdmissionPolicyKind,
      'mutations give what their sort wants',
      mutating({
        mutations: [
          {
            patchType: 'ApplyConfiguration',
            applyConfiguration: { expression: 'Object{metadata: Object.metadata{}}' },
          },
          { patchType: 'ApplyConfiguration', applyConfiguration: { expression: '[]' } },
        ],
      }),
      ['spec.mutations[1].applyConfiguration.expression: Invalid value: "[]": must evaluate to Object'],
    ],
  ];
  for (const [kind, what, body, errors] of table) test(what, () => assert.deepEqual(refusals(kind, body), errors));
});
