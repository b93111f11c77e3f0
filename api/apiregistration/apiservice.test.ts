// APIServices: what is refused, what the server fills in, the cells of the columns.
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { decodeValue } from '../../machinery/decode.ts';
import { deepFreeze } from '../../machinery/json.ts';
import { APIServiceKind as kind } from './apiservice.ts';

const nowMs = Date.parse('2026-01-01T00:00:00Z');
const spec = { group: 'g.io', version: 'v1', groupPriorityMinimum: 1000, versionPriority: 15 };
const service = { name: 's', namespace: 'n' };

function make(more: object = {}, name = 'v1.g.io'): any {
  const draft = decodeValue(kind.storage.schema, { metadata: { name }, spec: { ...spec, ...more } }).value;
  draft.status = {};
  kind.prepareForCreate!(draft, { nowMs });
  return draft;
}
const refusals = (more: object, name?: string) =>
  kind.validate!(deepFreeze(make(more, name))).map((e) => `${e.field}: ${e.detail}`);

describe('refused', () => {
  const table: [string, object, string[]][] = [
    ['never, when it is fine', { service, insecureSkipTLSVerify: true }, []],
    [
      'ranks',
      { groupPriorityMinimum: 0, versionPriority: 1001 },
      [
        'spec.groupPriorityMinimum: Invalid value: 0: must be positive and less than 20000',
        'spec.versionPriority: Invalid value: 1001: must be positive and less than 1000',
      ],
    ],
    [
      'certificates of our own server',
      { caBundle: 'eHl6', insecureSkipTLSVerify: true },
      [
        'spec.caBundle: Invalid value: "3 bytes": local APIServices may not have a caBundle',
        'spec.insecureSkipTLSVerify: Invalid value: true: local APIServices may not have insecureSkipTLSVerify',
      ],
    ],
    [
      'an empty service',
      { service: { port: 0 }, caBundle: 'eHl6', insecureSkipTLSVerify: true },
      [
        'spec.service.namespace: Required value',
        'spec.service.name: Required value',
        'spec.service.port: Invalid value: 0: port is not valid: must be between 1 and 65535, inclusive',
        'spec.insecureSkipTLSVerify: Invalid value: true: may not be true if caBundle is present',
      ],
    ],
  ];
  for (const [what, more, errors] of table) test(what, () => assert.deepEqual(refusals(more), errors));

  test('another name, and no group', () => {
    assert.deepEqual(refusals({ group: '', version: 'v2' }, 'x'), [
      'metadata.name: Invalid value: "x": must be `spec.version+"."+spec.group`: "v2."',
      'spec.group: Required value: only v1 may have an empty group and it better be legacy kube',
    ]);
    assert.deepEqual(refusals({ group: '' }, 'v1.'), []);
  });
});

test('our own server is available at once; a service gets its port', () => {
  const row = (object: any) => kind.columns!.slice(0, 2).map((c) => c.cell(object, { nowMs }));
  assert.deepEqual(row(make()), ['Local', 'True']);
  const other = make({ service });
  assert.equal(other.spec.service.port, 443);
  assert.deepEqual(row(other), ['n/s', 'Unknown']);
  other.status = { conditions: [{ type: 'Available', status: 'False', reason: 'MissingEndpoints' }] };
  assert.deepEqual(row(other), ['n/s', 'False (MissingEndpoints)']);
});
