// The model's own answers, as Kubernetes' documentation has them; and that patches and selectors are what their RFCs and
// documentation say.
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { KubeObject } from '../../machinery/metadata.ts';
import type { JsonPatchOperation, WriteRequest } from './history.ts';
import { isWithin, jsonPatch, mergePatch } from './json.ts';
import { expect, type State } from './model.ts';
import { selection } from './selection.ts';

const hold = ['example.com/hold'];
const deleting = (deletionGracePeriodSeconds = 0) => ({ deletionTimestamp: 'now', deletionGracePeriodSeconds });

function object(kind: string, metadata: object = {}, rest: object = {}): KubeObject {
  const named = { name: 'x', uid: 'u', resourceVersion: '5', annotations: { stamp: 's' } };
  return { apiVersion: 'v1', kind, metadata: { ...named, ...metadata }, ...rest } as KubeObject;
}
const configMap = (metadata: object = {}) => object('ConfigMap', metadata, { data: { n: '1' } });
const pod = (metadata: object = {}, nodeName?: string, phase = 'Running') =>
  object(
    'Pod',
    { generation: 1, ...metadata },
    { spec: { nodeName, terminationGracePeriodSeconds: 30 }, status: { phase } },
  );
const widget = (metadata: object = {}, n = '1') => object('Widget', { generation: 1, ...metadata }, { spec: { n } });
const without = ({ metadata, ...rest }: KubeObject, ...fields: string[]): KubeObject => ({
  ...rest,
  metadata: Object.fromEntries(Object.entries(metadata).filter(([field]) => !fields.includes(field))),
});

/** What is expected, in few words. */
function told(state: State, request: WriteRequest): string {
  const expected = expect(state, request);
  if ('refused' in expected) return `${expected.refused} ${expected.reason}`;
  if ('created' in expected) return 'created';
  if ('gone' in expected) return 'gone';
  return expected.isSame ? 'same' : 'written';
}

const update = (of: KubeObject): WriteRequest => ({ verb: 'update', object: of });
const merge = (patch: Record<string, unknown>): WriteRequest => ({ verb: 'merge-patch', patch });
const cases: [name: string, state: State, request: WriteRequest, expected: string][] = [
  ['create', undefined, { verb: 'create', object: configMap() }, 'created'],
  ['create what is there', configMap(), { verb: 'create', object: configMap() }, '409 AlreadyExists'],
  ['update what is not there', undefined, update(without(configMap(), 'uid')), '404 NotFound'],
  ['update an object that is not there any more', undefined, update(configMap()), '409 Conflict'],
  ['patch what is not there', undefined, merge({}), '404 NotFound'],
  ['apply what is not there', undefined, { verb: 'apply', object: configMap() }, 'created'],
  ['delete what is not there', undefined, { verb: 'delete' }, '404 NotFound'],
  ['update as it was read', configMap(), update(configMap()), 'same'],
  ['update of this version', configMap(), update(configMap({ labels: { a: 'b' } })), 'written'],
  ['update of an older version', configMap(), update(configMap({ resourceVersion: '4' })), '409 Conflict'],
  ['update of another object of that name', configMap(), update(configMap({ uid: 'v' })), '409 Conflict'],
  ['update of any version', configMap(), update(without(configMap({ labels: {} }), 'resourceVersion', 'uid')), 'same'],
  ['update of any version of a custom resource', widget(), update(without(widget(), 'resourceVersion')), '422 Invalid'],
  ['patch that changes nothing', configMap(), merge({ data: { n: '1' } }), 'same'],
  ['patch of an older version', configMap(), merge({ metadata: { resourceVersion: '4' } }), '409 Conflict'],
  ['patch of another object', configMap(), merge({ metadata: { uid: 'v' } }), '422 Invalid'],
  [
    'patch that tests in vain',
    configMap(),
    { verb: 'json-patch', operations: [{ op: 'test', path: '/kind', value: 'x' }] },
    '422 Invalid',
  ],
  [
    'patch of what is not in it',
    configMap(),
    { verb: 'json-patch', operations: [{ op: 'remove', path: '/data/m' }] },
    '422 Invalid',
  ],
  ['delete', configMap(), { verb: 'delete' }, 'gone'],
  [
    'delete of an older version',
    configMap(),
    { verb: 'delete', preconditions: { resourceVersion: '4' } },
    '409 Conflict',
  ],
  ['delete of another object', configMap(), { verb: 'delete', preconditions: { uid: 'v' } }, '409 Conflict'],
  ['delete of what is held', configMap({ finalizers: hold }), { verb: 'delete' }, 'written'],
  ['delete again of what is held', configMap({ finalizers: hold, ...deleting() }), { verb: 'delete' }, 'same'],
  [
    'release of what is deleted',
    configMap({ finalizers: hold, ...deleting() }),
    merge({ metadata: { finalizers: null } }),
    'gone',
  ],
  ['release of what is not', configMap({ finalizers: hold }), merge({ metadata: { finalizers: null } }), 'written'],
  [
    'hold of what is deleted',
    configMap({ finalizers: hold, ...deleting() }),
    merge({ metadata: { finalizers: ['a', ...hold] } }),
    '422 Invalid',
  ],
  ['delete of a pod that no node runs', pod(), { verb: 'delete' }, 'gone'],
  ['delete of a pod that runs', pod({}, 'n1'), { verb: 'delete' }, 'written'],
  ['delete of a pod that has run', pod({}, 'n1', 'Failed'), { verb: 'delete' }, 'gone'],
  ['delete of a pod at once', pod({}, 'n1'), { verb: 'delete', gracePeriodSeconds: 0 }, 'gone'],
  ['delete of a pod that ends, at once', pod(deleting(30), 'n1'), { verb: 'delete', gracePeriodSeconds: 0 }, 'gone'],
  ['delete of a pod that ends, sooner', pod(deleting(30), 'n1'), { verb: 'delete', gracePeriodSeconds: 5 }, 'written'],
  ['delete of a pod that ends, later', pod(deleting(3), 'n1'), { verb: 'delete', gracePeriodSeconds: 5 }, 'same'],
  ['delete of a pod that ends', pod(deleting(3), 'n1'), { verb: 'delete' }, 'same'],
  ['update with another grace', pod(deleting(5), 'n1'), update(pod(deleting(30), 'n1')), '422 Invalid'],
  ['update with the same grace', pod(deleting(5), 'n1'), update(pod(deleting(5), 'n1')), 'same'],
  ['update that would delete', pod({}, 'n1'), update(pod(deleting(0), 'n1')), '422 Invalid'],
  ['update of a pod whose end has come', pod(deleting(0), 'n1'), merge({ metadata: { labels: { a: 'b' } } }), 'gone'],
];

describe('the model', () => {
  for (const [name, state, request, expected] of cases) {
    test(name, () => assert.equal(told(state, request), expected));
  }

  test('the server keeps what is its own, and counts generations', () => {
    const after = (state: KubeObject, request: WriteRequest): any => {
      const expected = expect(state, request);
      return 'object' in expected ? expected.object : assert.fail(JSON.stringify(expected));
    };
    const wanted = update(widget({ generation: 7, creationTimestamp: 'never' }, '2'));
    assert.deepEqual(after(widget({ creationTimestamp: 'then' }), wanted).metadata, {
      ...widget({ creationTimestamp: 'then', generation: 2 }).metadata,
      labels: undefined,
      finalizers: undefined,
    });
    assert.equal(after(widget(), merge({ metadata: { labels: { a: 'b' } } })).metadata.generation, 1);
    const marked = after(widget({ finalizers: hold }), { verb: 'delete' }).metadata;
    assert.deepEqual([marked.generation, marked.deletionGracePeriodSeconds], [2, 0]);
    assert.equal(after(pod({}, 'n1'), { verb: 'delete' }).metadata.deletionGracePeriodSeconds, 30);
    assert.deepEqual(after(pod({}, 'n1'), merge({ metadata: { labels: { a: 'b' } }, status: {} })).status, {
      phase: 'Running',
    });
  });
});

test('merge patches as in RFC 7386', () => {
  const example = {
    title: 'Goodbye!',
    author: { givenName: 'John', familyName: 'Doe' },
    tags: ['a', 'b'],
    content: 'x',
  };
  const patch = { title: 'Hello!', phone: '1', author: { familyName: null }, tags: ['a'] };
  const expected = { title: 'Hello!', author: { givenName: 'John' }, tags: ['a'], content: 'x', phone: '1' };
  assert.deepEqual(mergePatch(example, patch), expected);
  assert.deepEqual(mergePatch(['a'], { b: 'c', d: null }), { b: 'c' });
});

test('JSON patches as in RFC 6902', () => {
  const of = (...operations: JsonPatchOperation[]) => jsonPatch({ a: { b: 1 } }, operations);
  assert.deepEqual(of({ op: 'add', path: '/a/c', value: 2 }), { a: { b: 1, c: 2 } });
  assert.deepEqual(of({ op: 'test', path: '/a/b', value: 1 }, { op: 'remove', path: '/a/b' }), { a: {} });
  assert.deepEqual(of({ op: 'replace', path: '/a', value: 3 }), { a: 3 });
  for (const wrong of [
    { op: 'replace', path: '/x' },
    { op: 'add', path: '/x/y', value: 1 },
    { op: 'test', path: '/a', value: 1 },
  ])
    assert.equal(of(wrong as JsonPatchOperation), undefined);
});

test('what is within something', () => {
  assert.ok(isWithin({ a: [{ b: 1 }] }, { a: [{ b: 1, c: 2 }, 3], d: 4 }));
  assert.ok(!isWithin({ a: [{ b: 2 }] }, { a: [{ b: 1 }] }));
  assert.ok(!isWithin({ a: {} }, {}));
});

test('selectors', () => {
  const red = configMap({ labels: { color: 'red' } });
  const plain = configMap();
  const selected: [string, boolean, boolean][] = [
    ['color=red', true, false],
    ['color!=red', false, true],
    ['color in (red,green)', true, false],
    ['!color', false, true],
    ['color', true, false],
  ];
  for (const [labelSelector, ofRed, ofPlain] of selected) {
    const matches = selection({ labelSelector });
    assert.deepEqual([matches(red), matches(plain)], [ofRed, ofPlain], labelSelector);
  }
  assert.ok(selection({ fieldSelector: 'spec.nodeName!=n1' })(pod()));
  assert.ok(!selection({ fieldSelector: 'spec.nodeName=n1', labelSelector: 'color' })(pod({}, 'n1')));
});
