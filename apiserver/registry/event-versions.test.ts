// The newer API of events asks for more than the older one, of the same objects.
import assert from 'node:assert/strict';
import { before, describe, test } from 'node:test';
import { type MemoryApi, startMemoryApi } from '../../test/builders/memory-api.ts';

const newer = '/apis/events.k8s.io/v1/namespaces/default/events';
const older = '/api/v1/namespaces/default/events';
const good = {
  regarding: { kind: 'Pod', namespace: 'default', name: 'p' },
  reason: 'Seen',
  action: 'See',
  type: 'Normal',
  eventTime: '2026-01-01T00:00:00.000000Z',
  reportingController: 'example.com/c',
  reportingInstance: 'c-1',
};
let api: MemoryApi;
before(async () => {
  api = await startMemoryApi();
  await api.send('POST', '/api/v1/namespaces', { body: { metadata: { name: 'other' } } });
});

describe('an event of events.k8s.io/v1 is refused', () => {
  const cases: [what: string, change: object, why: RegExp][] = [
    [
      'with a name that is no DNS name',
      { metadata: { name: 'a:b' } },
      /metadata\.name: Invalid value: "a:b": a lowercase/,
    ],
    ['without a time', { eventTime: null }, /eventTime: Required value/],
    ['of another type', { type: 'Notice' }, /type: Invalid value: "": has invalid value: Notice/],
    ['without a type', { type: '' }, /type: Invalid value: "": has invalid value: $/],
    ['with what only the older API has', { deprecatedCount: 2 }, /count: Invalid value: "": needs to be unset/],
    ['with a source', { deprecatedSource: { component: 'c' } }, /source: Invalid value: "": needs to be unset/],
    ['with a first time', { deprecatedFirstTimestamp: '2026-01-01T00:00:00Z' }, /firstTimestamp: .* needs to be unset/],
    [
      'with a series of one',
      { series: { count: 1, lastObservedTime: good.eventTime } },
      /series\.count: .* at least 2/,
    ],
    ['with a series without a time', { series: { count: 2 } }, /series\.lastObservedTime: Required value/],
    ['without a controller', { reportingController: '' }, /reportingController: Required value/],
    [
      'about what is in no namespace, in one where such things are not told',
      { regarding: { kind: 'Node', name: 'n' }, metadata: { namespace: 'other', generateName: 'e' } },
      /involvedObject\.namespace: Invalid value: "": does not match event\.namespace/,
    ],
  ];
  for (const [what, change, why] of cases) {
    test(what, async () => {
      const path = what.startsWith('about') ? newer.replace('default', 'other') : newer;
      const body = { metadata: { generateName: 'e' }, ...good, ...change };
      await assert.rejects(api.send('POST', path, { body }), { code: 422, message: why });
    });
  }
});

test('the same is taken by the older API, and what is about another namespace too', async () => {
  const old = { involvedObject: good.regarding, reason: 'Seen', count: 2, source: { component: 'c' } };
  await api.send('POST', older, { body: { metadata: { name: 'a:b' }, ...old } });
  const elsewhere = { ...good.regarding, namespace: 'elsewhere' };
  await api.send('POST', newer, { body: { metadata: { name: 'elsewhere' }, ...good, regarding: elsewhere } });
});

test('of a change it takes the series, and nothing else', async () => {
  await api.send('POST', newer, { body: { metadata: { name: 'kept' }, ...good } });
  const patch = (path: string, body: object) =>
    api.send('PATCH', `${path}/kept`, { body, contentType: 'application/merge-patch+json' });
  const series = { count: 2, lastObservedTime: good.eventTime };
  assert.deepEqual((await patch(newer, { series })).series, series);
  for (const [change, field] of [
    [{ reason: 'Other' }, 'reason'],
    [{ note: 'more' }, 'message'],
    [{ regarding: { name: 'q' } }, 'involvedObject'],
    [{ reportingController: 'example.com/d' }, 'reportingController'],
    [{ type: 'Warning' }, 'type'],
  ] as const) {
    const message = new RegExp(`${field}: Invalid value: .*: field is immutable`);
    await assert.rejects(patch(newer, change), { code: 422, message });
  }
  await assert.rejects(patch(newer, { series: { count: 1 } }), { code: 422, message: /at least 2/ });
  assert.equal((await patch(older, { message: 'more' })).message, 'more');
});
