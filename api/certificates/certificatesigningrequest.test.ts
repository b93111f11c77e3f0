// Certificate requests: what is refused, who may write what, what the server fills in.
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { decodeValue } from '../../machinery/decode.ts';
import type { FieldError } from '../../machinery/field-error.ts';
import { cloneJson, deepFreeze } from '../../machinery/json.ts';
import { makeCertificateRequest, toField } from '../../test/builders/certificate-request.ts';
import { CertificateSigningRequestKind as kind } from './certificatesigningrequest.ts';

const user = { username: 'jane', uid: 'u1', groups: ['dev'], extra: { 'example.com/a': ['b'] } };
const nowMs = Date.parse('2026-01-01T00:00:00Z');
const now = '2026-01-01T00:00:00Z';
const { pem } = await makeCertificateRequest({ name: [{ CN: ['jane'] }] });
const spec = { request: toField(pem), signerName: 'example.com/s', usages: ['client auth'] };

function make(more: object = {}, status?: object): any {
  const draft = decodeValue(kind.storage.schema, { metadata: { name: 'x' }, spec: { ...spec, ...more } }).value;
  kind.prepareForCreate!(draft, { nowMs, user });
  if (status) draft.status = status;
  return draft;
}
const shown = (errors: readonly FieldError[]) => errors.map((e) => `${e.field}: ${e.detail}`);
const approval = kind.subresources.custom![0]!;

describe('refused', () => {
  const table: [string, object, string[]][] = [
    ['never, when it is fine', {}, []],
    ['no request', { request: '' }, ['spec.request: Invalid value: "": PEM block type must be CERTIFICATE REQUEST']],
    ['no usages', { usages: [] }, ['spec.usages: Required value']],
    ['usages twice', { usages: ['any', 'any'] }, ['spec.usages[1]: Duplicate value: "any"']],
    [
      'the old signer',
      { signerName: 'kubernetes.io/legacy-unknown' },
      [
        'spec.signerName: Invalid value: "kubernetes.io/legacy-unknown": the legacy signerName is not allowed via this API version',
      ],
    ],
    [
      'a signer without a domain',
      { signerName: 'x' },
      [
        'spec.signerName: Invalid value: "x": must be a fully qualified domain and path of the form \'example.com/signer-name\'',
      ],
    ],
    [
      'a signer of a domain of one part',
      { signerName: 'com/x' },
      ['spec.signerName: Invalid value: "com": should be a domain with at least two segments separated by dots'],
    ],
    [
      'a short life',
      { expirationSeconds: 599 },
      ['spec.expirationSeconds: Invalid value: 599: may not specify a duration less than 600 seconds (10 minutes)'],
    ],
  ];
  for (const [what, more, errors] of table) {
    test(what, () => assert.deepEqual(shown(kind.validate!(deepFreeze(make(more)))), errors));
  }
});

describe('conditions', () => {
  const path = 'status.conditions';
  const table: [string, object[], string[]][] = [
    [
      'both',
      [
        { type: 'Approved', status: 'True' },
        { type: 'Denied', status: 'True' },
      ],
      [`${path}[1].type: Invalid value: "Denied": Approved and Denied conditions are mutually exclusive`],
    ],
    [
      'a decision that is none',
      [{ type: 'Approved', status: 'False' }],
      [`${path}[0].status: Unsupported value: "False": supported values: "True"`],
    ],
    ['no type', [{ type: '', status: '' }], [`${path}[0].type: Required value`, `${path}[0].status: Required value`]],
  ];
  for (const [what, conditions, errors] of table) {
    test(what, () => assert.deepEqual(shown(kind.validate!(make({}, { conditions }))), errors));
  }
});

test('who asks is who sends it, whatever it says', () => {
  const { spec: filled } = make({ username: 'root', groups: ['system:masters'] });
  assert.equal(filled.username, 'jane');
  assert.deepEqual([filled.uid, filled.groups, filled.extra], ['u1', ['dev'], { 'example.com/a': ['b'] }]);
});

describe('writers', () => {
  const approved = { type: 'Approved', status: 'True', lastUpdateTime: now, lastTransitionTime: now };
  const certificate = toField('-----BEGIN CERTIFICATE-----\nMAA=\n-----END CERTIFICATE-----\n');

  test('approvers write conditions, with times, and nothing else', () => {
    const old = deepFreeze(make());
    const next = cloneJson(old);
    next.status = { conditions: [{ type: 'Approved', status: 'True', reason: 'R' }], certificate };
    approval.prepareForUpdate!(next, old, { nowMs });
    assert.deepEqual(next.status, { conditions: [{ ...approved, reason: 'R' }] });
    assert.deepEqual(approval.validateUpdate!(next, old), []);
  });

  test('signers write the certificate, once, and no decision', () => {
    const old = deepFreeze(make({}, { conditions: [approved] }));
    const next = cloneJson(old);
    next.status = { conditions: [{ ...approved, reason: 'other' }], certificate };
    kind.prepareForStatusUpdate!(next, old, { nowMs });
    assert.deepEqual(next.status.conditions, [approved]);
    assert.deepEqual(kind.validateStatusUpdate!(next, old), []);
    const again = { ...next, status: { ...next.status, certificate: toField(`x\n${pem}`) } };
    assert.deepEqual(shown(kind.validateStatusUpdate!(again, next)), [
      'status.certificate: Invalid value: "<certificate data>": only CERTIFICATE PEM blocks are allowed, found "CERTIFICATE REQUEST"',
      'status.certificate: Forbidden: updates may not modify existing certificate content',
    ]);
  });

  test('times of many conditions are filled in in linear time', () => {
    const many = (name: string, count: number) =>
      Array.from({ length: count }, (_, i) => ({ type: `${name}${i}`, status: 'True' }));
    const old = { ...make(), status: { conditions: many('old', 15_000) } };
    const next = { ...make(), status: { conditions: [...many('new', 60_000), approved, ...many('old', 10)] } };
    const start = process.cpuUsage();
    kind.prepareForStatusUpdate!(next, old, { nowMs });
    const { user } = process.cpuUsage(start);
    assert.ok(user < 1_500_000, `${user / 1000} ms`);
    assert.equal(next.status.conditions.length, 60_011);
  });

  test('a condition that was there keeps its time as long as its status', () => {
    const before = { ...approved, type: 'Other', lastTransitionTime: '2025-01-01T00:00:00Z' };
    const old = make(
      {},
      { conditions: [before, { ...approved, type: 'Third', lastTransitionTime: '2024-01-01T00:00:00Z' }] },
    );
    const next = make(
      {},
      {
        conditions: [
          { type: 'Other', status: 'True' },
          { type: 'Third', status: 'False' },
        ],
      },
    );
    kind.prepareForStatusUpdate!(next, old, { nowMs });
    assert.deepEqual(
      next.status.conditions.map((c: any) => c.lastTransitionTime),
      ['2025-01-01T00:00:00Z', now],
    );
  });

  test('signers do not approve, and nobody takes a decision back', () => {
    const old = make();
    const next = make({}, { conditions: [approved] });
    const added = ['status.conditions: Forbidden: updates may not add a condition of type "Approved"'];
    assert.deepEqual(shown(kind.validateStatusUpdate!(next, old)), added);
    const removed = ['status.conditions: Forbidden: updates may not remove a condition of type "Approved"'];
    assert.deepEqual(shown(approval.validateUpdate!(old, next)), removed);
  });
});

test('columns', () => {
  const row = (request: any) => kind.columns!.slice(1).map((c) => c.cell(request, { nowMs }));
  assert.deepEqual(row(make()), ['example.com/s', 'jane', '<none>', 'Pending']);
  const conditions = [{ type: 'Approved' }, { type: 'Failed' }];
  const request = make({ expirationSeconds: 7200 }, { conditions, certificate: 'eA==' });
  assert.deepEqual(row(request), ['example.com/s', 'jane', '120m', 'Approved,Failed,Issued']);
});
