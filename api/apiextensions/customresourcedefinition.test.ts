// The rules of CustomResourceDefinitions, in tables: what is refused, what may not change, what the server fills in.
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { decodeValue } from '../../machinery/decode.ts';
import { goJson } from '../../machinery/go-json.ts';
import { cloneJson, deepFreeze } from '../../machinery/json.ts';
import { CustomResourceDefinitionKind as kind } from './customresourcedefinition.ts';

const schema = { type: 'object', properties: { spec: { type: 'object', properties: { n: { type: 'integer' } } } } };
const version = { name: 'v1', served: true, storage: true, schema: { openAPIV3Schema: schema } };
const names = { plural: 'wids', kind: 'Wid' };
const definition = (spec: object = {}, metadata: object = {}) => ({
  metadata: { name: 'wids.g.io', ...metadata },
  spec: { group: 'g.io', scope: 'Namespaced', names, versions: [version], ...spec },
});
const withSchema = (openAPIV3Schema: object, more: object = {}) =>
  definition({ versions: [{ ...version, schema: { openAPIV3Schema }, ...more }] });
const withField = (field: object) => withSchema({ type: 'object', properties: { a: field } });

function make(body: object): any {
  const draft = decodeValue(kind.storage.schema, body).value;
  kind.storage.setDefaults?.(draft);
  kind.prepareForCreate?.(draft, { nowMs: 0 });
  return draft;
}
const shown = (errors: readonly { field: string; detail: string }[]) => errors.map((e) => `${e.field}: ${e.detail}`);
const refusals = (body: object) => shown(kind.validate!(deepFreeze(make(body))));

const root = 'spec.validation.openAPIV3Schema';
const at = `${root}.properties[a]`;

describe('a definition is refused', () => {
  const table: [string, object, string[]][] = [
    ['never, when it is fine', definition(), []],
    [
      'another name',
      definition({}, { name: 'x.g.io' }),
      ['metadata.name: Invalid value: "x.g.io": must be spec.names.plural+"."+spec.group'],
    ],
    [
      'group of one word',
      definition({ group: 'g' }, { name: 'wids.g' }),
      ['spec.group: Invalid value: "g": should be a domain with at least one dot'],
    ],
    [
      'scope',
      definition({ scope: 'Here' }),
      ['spec.scope: Unsupported value: "Here": supported values: "Cluster", "Namespaced"'],
    ],
    [
      'two storage versions of one name',
      definition({ versions: [version, version] }),
      [
        `spec.versions: Invalid value: [${Array(2).fill('{"Name":"v1","Served":true,"Storage":true,"Deprecated":false,"DeprecationWarning":null,"Schema":null,"Subresources":null,"AdditionalPrinterColumns":null,"SelectableFields":null}').join()}]: must contain unique version names`,
        `spec.versions: Invalid value: [${Array(2).fill('{"Name":"v1","Served":true,"Storage":true,"Deprecated":false,"DeprecationWarning":null,"Schema":null,"Subresources":null,"AdditionalPrinterColumns":null,"SelectableFields":null}').join()}]: must have exactly one version marked as storage version`,
      ],
    ],
    [
      'version that is no name',
      definition({ versions: [{ ...version, name: 'V' }] }),
      ['spec.versions[0].name', 'spec.version'].map(
        (field) =>
          `${field}: Invalid value: "V": a DNS-1035 label must consist of lower case alphanumeric characters or '-', start with an alphabetic character, and end with an alphanumeric character (e.g. 'my-name',  or 'abc-123', regex used for validation is '[a-z]([-a-z0-9]*[a-z0-9])?')`,
      ),
    ],
    [
      'no names',
      definition({ names: {} }, { name: 'x.g.io' }),
      [
        'metadata.name: Invalid value: "x.g.io": must be spec.names.plural+"."+spec.group',
        'spec.names.plural: Required value',
        'spec.names.singular: Required value',
        'spec.names.kind: Required value',
        'spec.names.listKind: Required value',
      ],
    ],
    [
      'kind and list kind alike',
      definition({ names: { ...names, listKind: 'Wid' } }),
      ['spec.names.listKind: Invalid value: "Wid": kind and listKind may not be the same'],
    ],
    [
      'protected group without approval',
      definition({ group: 'x.k8s.io' }, { name: 'wids.x.k8s.io' }),
      [
        'metadata.annotations[api-approved.kubernetes.io]: Required value: protected groups must have approval annotation "api-approved.kubernetes.io", see https://github.com/kubernetes/enhancements/pull/1111',
      ],
    ],
    [
      'preserveUnknownFields',
      definition({ preserveUnknownFields: true }),
      [
        'spec.preserveUnknownFields: Invalid value: true: cannot set to true, set x-kubernetes-preserve-unknown-fields to true in spec.versions[*].schema instead',
      ],
    ],
    [
      'warning of a version in use',
      withSchema(schema, { deprecationWarning: 'x' }),
      ['spec.versions[0].deprecationWarning: Invalid value: "x": can only be set for deprecated versions'],
    ],
    [
      'conversion without a webhook',
      definition({ conversion: { strategy: 'Webhook' } }),
      [
        'spec.conversion.webhookClientConfig: Required value: required when strategy is set to Webhook',
        'spec.conversion.conversionReviewVersions: Required value',
      ],
    ],
    [
      'conversion over http',
      definition({
        conversion: {
          strategy: 'Webhook',
          webhook: { clientConfig: { url: 'http://a/b?c' }, conversionReviewVersions: ['v7'] },
        },
      }),
      [
        'spec.conversion.webhookClientConfig.url: Invalid value: "http": \'https\' is the only allowed URL scheme; desired format: https://host[/path]',
        'spec.conversion.webhookClientConfig.url: Invalid value: "c": query parameters are not permitted in the URL',
        'spec.conversion.conversionReviewVersions: Invalid value: ["v7"]: must include at least one of v1, v1beta1',
      ],
    ],
    [
      'columns',
      withSchema(schema, { additionalPrinterColumns: [{ name: 'N', type: 'int', jsonPath: 'spec.n' }] }),
      [
        'spec.additionalPrinterColumns[0].type: Invalid value: "int": must be one of boolean,date,integer,number,string',
        'spec.additionalPrinterColumns[0].JSONPath: Invalid value: "spec.n": must be a simple json path starting with .',
      ],
    ],
    [
      'scale',
      withSchema(schema, { subresources: { scale: { specReplicasPath: '.n', statusReplicasPath: '' } } }),
      [
        'spec.subresources.scale.specReplicasPath: Invalid value: ".n": should be a json path under .spec',
        'spec.subresources.scale.statusReplicasPath: Required value',
      ],
    ],
    [
      'selectable fields',
      withSchema(schema, {
        selectableFields: [
          { jsonPath: '.spec.n' },
          { jsonPath: '.spec.n' },
          { jsonPath: '.spec' },
          { jsonPath: '.a[0]' },
        ],
      }),
      [
        'spec.selectableFields[1].jsonPath: Duplicate value: ".spec.n"',
        'spec.selectableFields[2].jsonPath: Invalid value: ".spec": must point to a field of type string, boolean or integer. Enum string fields and strings with formats are allowed.',
        'spec.selectableFields[3].jsonPath: Invalid value: ".a[0]": is an invalid path: does not refer to a valid field',
      ],
    ],
    [
      'different versions, each by its own path',
      definition({
        versions: [version, { ...version, name: 'v2', storage: false, schema: { openAPIV3Schema: { type: 'array' } } }],
      }),
      [
        'spec.versions[1].schema.openAPIV3Schema.items: Required value: must be specified',
        'spec.versions[1].schema.openAPIV3Schema.type: Invalid value: "array": must be object at the root',
      ],
    ],
  ];
  for (const [what, body, errors] of table) test(what, () => assert.deepEqual(refusals(body), errors));
});

describe('a schema is refused', () => {
  const table: [string, object, string[]][] = [
    ['no type', withField({}), [`${at}.type: Required value: must not be empty for specified object fields`]],
    [
      'no type of items',
      withField({ type: 'array', items: {} }),
      [`${at}.items.type: Required value: must not be empty for specified array items`],
    ],
    [
      'unknown type',
      withField({ type: 'text' }),
      [
        `${at}.type: Unsupported value: "text": supported values: "array", "boolean", "integer", "number", "object", "string"`,
      ],
    ],
    [
      'type said inside allOf',
      withField({ type: 'integer', allOf: [{ type: 'integer', minimum: 1 }] }),
      [`${at}.allOf[0].type: Forbidden: must be empty to be structural`],
    ],
    [
      'int or string may say its types there',
      withField({ 'x-kubernetes-int-or-string': true, anyOf: [{ type: 'integer' }, { type: 'string' }] }),
      [],
    ],
    [
      'field known to anyOf alone',
      withField({ type: 'object', anyOf: [{ properties: { b: { minimum: 1 } } }] }),
      [`${at}.properties[b]: Required value: because it is defined in ${at}.anyOf[0].properties[b]`],
    ],
    [
      'metadata narrowed',
      withSchema({
        type: 'object',
        properties: { metadata: { type: 'object', properties: { labels: { type: 'object' } } } },
      }),
      [
        `${root}.properties[metadata]: Forbidden: must not specify anything other than name and generateName, but metadata is implicitly specified`,
      ],
    ],
    [
      'root that is nullable',
      withSchema({ ...schema, nullable: true }),
      [`${root}.nullable: Forbidden: nullable cannot be true at the root`],
    ],
    [
      'root beside a status',
      withSchema({ ...schema, oneOf: [{ required: ['spec'] }] }, { subresources: { status: {} } }),
      [
        `${root}: Invalid value: ${JSON.stringify({ ...schema, oneOf: [{ required: ['spec'] }] })}: only [Description Type Format Title Maximum ExclusiveMaximum Minimum ExclusiveMinimum MaxLength MinLength Pattern MaxItems MinItems UniqueItems MultipleOf Required Items Properties ExternalDocs Example XPreserveUnknownFields XValidations] fields are allowed at the root of the schema if the status subresource is enabled`,
      ],
    ],
    [
      'properties beside a map',
      withField({ type: 'object', properties: { b: { type: 'string' } }, additionalProperties: { type: 'string' } }),
      [`${at}.additionalProperties: Forbidden: additionalProperties and properties are mutual exclusive`],
    ],
    [
      'keywords of other dialects',
      withField({ type: 'object', $ref: '#/x', uniqueItems: true }),
      [
        `${at}.$ref: Forbidden: $ref is not supported`,
        `${at}.uniqueItems: Forbidden: uniqueItems cannot be set to true since the runtime complexity becomes quadratic`,
      ],
    ],
    [
      'map list without its keys',
      withField({ type: 'array', items: { type: 'object' }, 'x-kubernetes-list-type': 'map' }),
      [`${at}.x-kubernetes-list-map-keys: Required value: must not be empty if x-kubernetes-list-type is map`],
    ],
    [
      'map list whose key may be missing',
      withField({
        type: 'array',
        'x-kubernetes-list-type': 'map',
        'x-kubernetes-list-map-keys': ['k'],
        items: { type: 'object', properties: { k: { type: 'string' } } },
      }),
      [
        `${at}.items.properties[k].default: Required value: this property is in x-kubernetes-list-map-keys, so it must have a default or be a required property`,
      ],
    ],
    [
      'set of objects',
      withField({ type: 'array', items: { type: 'object' }, 'x-kubernetes-list-type': 'set' }),
      [
        `${at}.items.x-kubernetes-map-type: Invalid value: null: must be atomic as item of a list with x-kubernetes-list-type=set`,
      ],
    ],
    [
      'default of metadata',
      withSchema({ type: 'object', properties: { metadata: { type: 'object', default: {} } } }),
      [`${root}.properties[metadata].default: Forbidden: must not be set in top-level metadata`],
    ],
    [
      'default with fields that nobody knows',
      withField({
        type: 'object',
        properties: { b: { type: 'object', 'x-kubernetes-preserve-unknown-fields': true } },
        default: { b: { x: 1 }, c: 2 },
      }),
      [`${at}.default: Invalid value: {"b":{"x":1},"c":2}: must not have unknown fields`],
    ],
    [
      'rules that say nothing',
      withField({
        type: 'object',
        'x-kubernetes-validations': [
          { rule: ' ' },
          { rule: 'a\nb' },
          { rule: 'a', message: 'x\ny', reason: 'Because', fieldPath: '.no' },
        ],
      }),
      [
        `${at}.x-kubernetes-validations[0].rule: Required value: rule is not specified`,
        `${at}.x-kubernetes-validations[1].message: Required value: message must be specified if rule contains line breaks`,
        `${at}.x-kubernetes-validations[2].message: Invalid value: "x\\ny": must not contain line breaks`,
        `${at}.x-kubernetes-validations[2].reason: Unsupported value: "Because": supported values: "FieldValueDuplicate", "FieldValueForbidden", "FieldValueInvalid", "FieldValueRequired"`,
        `${at}.x-kubernetes-validations[2].fieldPath: Invalid value: ".no": must be a valid path`,
      ],
    ],
    [
      'preserving nothing',
      withField({ type: 'object', 'x-kubernetes-preserve-unknown-fields': false }),
      [`${at}.x-kubernetes-preserve-unknown-fields: Invalid value: false: must be true or undefined`],
    ],
    [
      'an embedded object without fields',
      withField({ type: 'object', 'x-kubernetes-embedded-resource': true }),
      [
        `${at}.properties: Required value: must not be empty if x-kubernetes-embedded-resource is true without x-kubernetes-preserve-unknown-fields`,
      ],
    ],
  ];
  for (const [what, body, errors] of table) test(what, () => assert.deepEqual(refusals(body), errors));
});

describe('what the server fills in', () => {
  test('names, conversion and the stored version of a new one', () => {
    const { spec, status } = make(definition());
    assert.deepEqual(spec.names, { ...names, singular: 'wid', listKind: 'WidList' });
    assert.deepEqual(spec.conversion, { strategy: 'None' });
    assert.deepEqual(status, { acceptedNames: { plural: '', kind: '' }, conditions: null, storedVersions: ['v1'] });
  });

  test('a version that becomes the stored one is remembered beside the older', () => {
    const old = make(definition());
    const next = make(
      definition({
        versions: [
          { ...version, storage: false },
          { ...version, name: 'v2' },
        ],
      }),
    );
    next.status = old.status;
    kind.prepareForUpdate!(next, deepFreeze(old), { nowMs: 0 });
    assert.deepEqual(next.status.storedVersions, ['v1', 'v2']);
    assert.deepEqual(shown(kind.validate!(next)), []);
  });

  test('schemas inside of schemas are read as such: zeros go, unknown fields are told', () => {
    const body = withField({ type: 'array', items: { type: 'string', pattern: '', bogus: 1 } });
    const { value, unknownFields } = decodeValue(kind.storage.schema, body);
    const { items } = value.spec.versions[0].schema.openAPIV3Schema.properties.a;
    assert.deepEqual(items, { type: 'string' });
    assert.deepEqual(unknownFields, ['spec.versions[0].schema.openAPIV3Schema.properties.a.items.bogus']);
    const bad = withField({ type: 'object', additionalProperties: 'x' });
    assert.throws(() => decodeValue(kind.storage.schema, bad), /of type v1.JSONSchemaPropsOrBool/);
  });

  test('formats that nothing checks are told once, and on an update only new ones', () => {
    const body = withSchema({
      type: 'object',
      properties: {
        a: { type: 'string', format: 'x' },
        b: { type: 'integer', format: 'int64' },
        c: { type: 'array', format: 'cidr', items: { type: 'string', format: 'x' } },
      },
    });
    assert.deepEqual(kind.warnings!(make(body)), ['unrecognized format "cidr"', 'unrecognized format "x"']);
    assert.deepEqual(kind.warnings!(make(body), make(withField({ type: 'string', format: 'x' }))), [
      'unrecognized format "cidr"',
    ]);
  });
});

test('an update may not take what objects are stored under', () => {
  const old = make(definition());
  const next = cloneJson(old);
  next.spec.scope = 'Cluster';
  assert.deepEqual(kind.validateUpdate!(next, old), []);
  const condition = { type: 'Established', status: 'True' };
  old.status.conditions = [condition];
  assert.deepEqual(shown(kind.validateUpdate!(next, old)), [
    'spec.scope: Invalid value: "Cluster": field is immutable',
  ]);
  next.status.storedVersions = ['v0', 'v1'];
  assert.deepEqual(shown(kind.validate!(next)), [
    'status.storedVersions[0]: Invalid value: "v0": missing from spec.versions; v0 was previously a storage version, and must remain in spec.versions until a storage migration ensures no data remains persisted in v0 and removes v0 from status.storedVersions',
  ]);
});

describe('rules of a schema are compiled', () => {
  const text = { type: 'string', maxLength: 10 };
  const withRules = (field: object, ...rules: object[]) => withField({ ...field, 'x-kubernetes-validations': rules });
  const rules = `${at}.x-kubernetes-validations`;
  const shownRule = (rule: string, more: object = {}) =>
    goJson({
      Rule: rule,
      Message: '',
      MessageExpression: '',
      Reason: null,
      FieldPath: '',
      OptionalOldSelf: null,
      ...more,
    });
  const fields = { type: 'object', properties: { n: { type: 'integer' }, s: text } };
  const table: [string, object, string[]][] = [
    [
      'fine',
      withRules(fields, { rule: 'self.n > 1 && self.n >= oldSelf.n', messageExpression: '"n is " + self.s' }),
      [],
    ],
    [
      'texts of numbers, of whose length nobody knows',
      withRules(fields, { rule: 'self.n > 1', messageExpression: '"n is " + string(self.n)' }),
      [
        `${rules}[0].messageExpression: Forbidden: estimated messageExpression cost exceeds budget by factor of more than 100x (try simplifying the rule, or adding maxItems, maxProperties, and maxLength where arrays, maps, and strings are declared)`,
        `${rules}[0].messageExpression: Forbidden: contributed to estimated rule cost total exceeding cost limit for entire OpenAPIv3 schema`,
        `${root}: Forbidden: x-kubernetes-validations estimated rule cost total for entire OpenAPIv3 schema exceeds budget by factor of more than 100x (try simplifying the rule, or adding maxItems, maxProperties, and maxLength where arrays, maps, and strings are declared)`,
      ],
    ],
    [
      'a field that is not there',
      withRules(fields, { rule: 'self.m > 1' }),
      [
        `${rules}[0].rule: Invalid value: ${shownRule('self.m > 1')}: compilation failed: ERROR: <input>:1:5: undefined field 'm'\n | self.m > 1\n | ....^`,
      ],
    ],
    [
      'no answer',
      withRules(fields, { rule: 'self.n' }, { rule: 'self.n > 1', messageExpression: 'self.n' }),
      [
        `${rules}[0].rule: Invalid value: ${shownRule('self.n')}: cel expression must evaluate to a bool`,
        `${rules}[1].messageExpression: Invalid value: ${shownRule('self.n > 1', { MessageExpression: 'self.n' })}: messageExpression must evaluate to a string`,
      ],
    ],
    [
      'old items of a list that has no order of its own',
      withField({
        type: 'array',
        maxItems: 3,
        items: { ...text, 'x-kubernetes-validations': [{ rule: 'self != oldSelf' }] },
      }),
      [
        `${at}.items.x-kubernetes-validations[0].rule: Invalid value: "self != oldSelf": oldSelf cannot be used on the uncorrelatable portion of the schema within ${at}`,
      ],
    ],
    [
      'old parts of an atomic map',
      withField({
        type: 'object',
        'x-kubernetes-map-type': 'atomic',
        properties: { b: { ...text, 'x-kubernetes-validations': [{ rule: 'self != oldSelf' }] } },
      }),
      [],
    ],
    [
      'loops over lists without bounds',
      withRules(
        { type: 'array', items: { type: 'string' } },
        { rule: 'self.all(x, self.all(y, x == y || x.contains(y)))' },
      ),
      [
        `${rules}[0].rule: Forbidden: estimated rule cost exceeds budget by factor of more than 100x (try simplifying the rule, or adding maxItems, maxProperties, and maxLength where arrays, maps, and strings are declared)`,
        `${rules}[0].rule: Forbidden: contributed to estimated rule cost total exceeding cost limit for entire OpenAPIv3 schema`,
        `${root}: Forbidden: x-kubernetes-validations estimated rule cost total for entire OpenAPIv3 schema exceeds budget by factor of more than 100x (try simplifying the rule, or adding maxItems, maxProperties, and maxLength where arrays, maps, and strings are declared)`,
      ],
    ],
    [
      'the same with bounds',
      withRules(
        { type: 'array', maxItems: 5, items: text },
        { rule: 'self.all(x, self.all(y, x == y || x.contains(y)))' },
      ),
      [],
    ],
    [
      'a pattern that is none',
      withField({ type: 'string', pattern: '[a' }),
      [
        `${at}.pattern: Invalid value: "[a": must be a valid regular expression, but isn't: error parsing regexp: missing closing ]: \`[a\``,
      ],
    ],
  ];
  for (const [what, body, errors] of table) test(what, () => assert.deepEqual(refusals(body), errors));
});
