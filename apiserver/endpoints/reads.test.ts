// Lists, pages and watches: what they answer and what they refuse.
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { StatusError } from '../../machinery/errors.ts';
import { MemoryApi, startMemoryApi } from '../../test/builders/memory-api.ts';
import type { ListAnswer } from './exchange.ts';
import { handleList } from './list.ts';
import { openWatch, startWatch } from './watch.ts';

const configMaps = '/api/v1/namespaces/default/configmaps';
const merge = 'application/merge-patch+json';

async function withConfigMaps(names: string): Promise<MemoryApi> {
  const api = await startMemoryApi();
  for (const name of names) {
    const labels = { app: name < 'd' ? 'low' : 'high' };
    await api.send('POST', configMaps, { body: { metadata: { name, labels } } });
  }
  return api;
}

async function list(api: MemoryApi, query: string, path = configMaps): Promise<ListAnswer> {
  const answer = await handleList(api.context, api.request('GET', `${path}?${query}`));
  assert.ok(answer.type === 'list');
  return answer.list;
}

const noExport = 'the export parameter, deprecated since v1.14, is no longer supported';
const tokenOf = (rv: number, start: string) =>
  Buffer.from(JSON.stringify({ v: 'meta.k8s.io/v1', rv, start })).toString('base64url');
const names = (answer: ListAnswer) => answer.items.map((s) => s.object.metadata.name).join('');

async function refusal(work: Promise<unknown>): Promise<string> {
  const err = await work.then(
    () => assert.fail('it was let through'),
    (e: StatusError) => e,
  );
  return `${err.code} ${err.message}`;
}

describe('lists', () => {
  test('select by labels and fields', async () => {
    const api = await withConfigMaps('abcde');
    const cases: [query: string, want: string][] = [
      ['', 'abcde'],
      ['labelSelector=app%3Dlow', 'abc'],
      ['labelSelector=app!%3Dlow', 'de'],
      ['labelSelector=app+in+(low,other),!gone', 'abc'],
      ['fieldSelector=metadata.name%3Db', 'b'],
      ['fieldSelector=metadata.name!%3Db,metadata.namespace%3Ddefault', 'acde'],
      ['fieldSelector=metadata.namespace%3Dother', ''],
    ];
    for (const [query, want] of cases) assert.equal(names(await list(api, query)), want, query);
  });

  test('are whole for whoever takes any state, whatever the limit', async () => {
    const api = await withConfigMaps('abc');
    const { items, continue: more } = await list(api, 'resourceVersion=0&limit=1');
    assert.deepEqual([items.length, more], [3, undefined]);
  });

  test('refuse options that make no sense together', async () => {
    const api = await withConfigMaps('a');
    const match = 'resourceVersionMatch';
    const cases: [query: string, want: RegExp][] = [
      [`${match}=Exact`, /forbidden unless resourceVersion is provided/],
      [`${match}=Exact&resourceVersion=0`, /resourceVersionMatch "exact" is forbidden for resourceVersion "0"/],
      [`${match}=Any&resourceVersion=1`, /Unsupported value: "Any": supported values: "Exact", "NotOlderThan", ""/],
      [`${match}=Exact&resourceVersion=1&continue=x`, /forbidden when continue is provided/],
      ['sendInitialEvents=false', /^422 .*sendInitialEvents: Forbidden: sendInitialEvents is forbidden for list$/],
    ];
    for (const [query, want] of cases) assert.match(await refusal(list(api, query)), want, query);
  });

  test('refuse selectors that say nothing', async () => {
    const api = await withConfigMaps('a');
    assert.match(await refusal(list(api, 'labelSelector=a%3D%3D%3Db')), /^400 .*unable to parse requirement/);
    const fields = (path: string) => refusal(api.send('GET', `${path}?fieldSelector=data.x%3Dy`));
    const known = 'is not a known field selector: only "metadata.name", "metadata.namespace"';
    assert.equal(await fields(configMaps), `400 "data.x" ${known}`);
    assert.equal(await fields('/api/v1/secrets'), '400 field label not supported: data.x');
    assert.equal(
      await fields('/apis/batch/v1/namespaces/default/jobs'),
      '400 field label "data.x" not supported for batchv1.Job',
    );
    await api.send('GET', '/api/v1/pods?fieldSelector=spec.host%3Dx,status.podIPs%3Dy');
    await api.send('GET', '/api/v1/persistentvolumes?fieldSelector=metadata.namespace%3Dx');
  });

  test('come in pages of one moment', async () => {
    const api = await withConfigMaps('abcde');
    const first = await list(api, 'limit=2');
    assert.deepEqual([names(first), first.remaining], ['ab', 3]);
    await api.send('POST', configMaps, { body: { metadata: { name: 'cc' } } });
    await api.send('DELETE', `${configMaps}/d`);
    const second = await list(api, `limit=2&continue=${first.continue}`);
    assert.deepEqual([names(second), second.revision, second.remaining], ['cd', first.revision, 1]);
    const third = await list(api, `limit=2&continue=${second.continue}`);
    assert.deepEqual([names(third), third.continue], ['e', undefined]);
    // Who selects is not told whether what follows is selected, and who takes any state gets all the rest.
    const selected = await list(api, 'limit=3&labelSelector=app%3Dlow');
    assert.equal(names(await list(api, `labelSelector=app%3Dlow&continue=${selected.continue}`)), '');
    assert.equal(names(await list(api, `limit=1&resourceVersion=0&continue=${selected.continue}`)), 'cce');
  });

  test('a page of a moment that is forgotten is refused with a token for the rest', async () => {
    // Also when nothing of the resource has changed since.
    for (const [collection, want] of [
      [configMaps, 'cdx'],
      ['/api/v1/namespaces/default/secrets', 'cd'],
    ] as const) {
      const api = await withConfigMaps('abcd');
      const { continue: token, revision } = await list(api, 'limit=2');
      await api.send('POST', collection, { body: { metadata: { name: 'x' } } });
      await api.etcd.compact(api.etcd.revision);
      const err = await list(api, `limit=2&continue=${token}`).then(
        () => assert.fail('it was let through'),
        (e: StatusError) => e.toStatus(),
      );
      assert.deepEqual([err.code, err.reason], [410, 'Expired']);
      const rest = await list(api, `limit=1&continue=${err.metadata.continue}`);
      assert.deepEqual([rest.revision > revision, rest.remaining], [true, want.length - 1]);
      assert.equal(names(await list(api, `continue=${err.metadata.continue}`)), want);
      const exact = `resourceVersion=${revision}&resourceVersionMatch=Exact`;
      assert.match(await refusal(list(api, exact)), /^410 The resourceVersion for the provided list is too old/);
    }
  });

  test('an exact version is answered from history', async () => {
    const api = await withConfigMaps('ab');
    const { revision } = await list(api, '');
    await api.send('DELETE', `${configMaps}/a`);
    assert.equal(names(await list(api, `resourceVersion=${revision}&resourceVersionMatch=Exact`)), 'ab');
    assert.equal(names(await list(api, `resourceVersion=${revision}&resourceVersionMatch=NotOlderThan`)), 'b');
    assert.equal(names(await list(api, 'resourceVersion=0')), 'b');
  });

  test('refuse versions and tokens that make no sense', async () => {
    const api = await withConfigMaps('a');
    const cases: [query: string, want: RegExp][] = [
      [
        'resourceVersion=x',
        /^400 invalid resource version: resourceVersion: Invalid value: "x": strconv.ParseUint: parsing "x": invalid syntax$/,
      ],
      ['resourceVersion=18446744073709551616', /^400 .*: value out of range$/],
      ['resourceVersionMatch=Exact', /^422 .*forbidden unless resourceVersion is provided/],
      ['resourceVersionMatch=Nearly&resourceVersion=1', /^422 .*Unsupported value: "Nearly"/],
      ['resourceVersionMatch=Exact&resourceVersion=0', /^422 .*"exact" is forbidden for resourceVersion "0"/],
      ['continue=%25', /^400 invalid continue token: continue key is not valid: illegal base64 data at input byte 0$/],
      ['continue=abcde', /: illegal base64 data at input byte 4$/],
      ['continue=abc', /: continue key is not valid: invalid character 'i' looking for beginning of value$/],
      ['continue=e30', /: server does not recognize this encoded version $/],
      [`continue=${tokenOf(0, 'a')}`, /: incorrect encoded start resourceVersion \(version meta.k8s.io\/v1\)$/],
      [`continue=${tokenOf(1, '')}`, /: encoded start key empty \(version meta.k8s.io\/v1\)$/],
      [`continue=${tokenOf(1, '../secrets')}`, /: continue key is not valid: ..\/secrets$/],
      ['timeoutSeconds=x', /^400 strconv.ParseInt: parsing "x"/],
      ['limit=', /^400 strconv.ParseInt: parsing "": invalid syntax$/],
      ['limit=9223372036854775808', /^400 strconv.ParseInt: parsing "9223372036854775808": value out of range$/],
      ['limit=0x10', /^400 /],
    ];
    for (const [query, want] of cases) assert.match(await refusal(list(api, query)), want, query);
    for (const query of ['limit=9223372036854775807', 'fieldSelector=%3D'])
      assert.equal(names(await list(api, query)), 'a');
    assert.equal(await refusal(api.send('GET', `${configMaps}/a?export=1`)), `400 ${noExport}`);
    const none = 'resourceVersion: Invalid value: "x": strconv.ParseUint: parsing "x": invalid syntax';
    assert.equal(await refusal(api.send('GET', `${configMaps}/a?resourceVersion=x`)), `500 ${none}`);
    const elsewhere = (await list(api, 'limit=1', '/api/v1/namespaces/default/serviceaccounts')).continue;
    assert.equal(elsewhere, undefined);
  });
});

describe('watches', () => {
  /** Watches and returns what is told, as `ADDED name`. */
  async function watch(api: MemoryApi, query: string): Promise<string[]> {
    const { context } = api;
    const request = api.request('GET', `${configMaps}?watch=true&${query}`);
    const told: string[] = [];
    const opened = await openWatch(context, request);
    startWatch(context, context.store.resource(request.kind), opened, {
      event: (type, { object }) => void told.push(`${type} ${object.metadata.name}`),
      bookmark: (_revision, initialEventsEnd) => void told.push(`BOOKMARK${initialEventsEnd ? ' initial' : ''}`),
      expired: (message) => void told.push(`EXPIRED ${message}`),
      flush: () => undefined,
    });
    return told;
  }
  const change = async (api: MemoryApi, name: string, labels: object) => {
    await api.send('PATCH', `${configMaps}/${name}`, { body: { metadata: { labels } }, contentType: merge });
    await api.context.store.cache.waitConsistent();
  };

  test('begin with what there is, or after a version', async () => {
    const api = await withConfigMaps('ab');
    const { revision } = await list(api, '');
    const [all, later] = [await watch(api, ''), await watch(api, `resourceVersion=${revision}`)];
    await change(api, 'a', { x: 'y' });
    await api.send('DELETE', `${configMaps}/b`);
    await api.context.store.cache.waitConsistent();
    assert.deepEqual(all, ['ADDED a', 'ADDED b', 'MODIFIED a', 'DELETED b']);
    assert.deepEqual(later, ['MODIFIED a', 'DELETED b']);
    assert.deepEqual(await watch(api, `resourceVersion=${revision}`), ['MODIFIED a', 'DELETED b']);
  });

  test('what enters the selection is added, what leaves it is deleted', async () => {
    const api = await withConfigMaps('ad');
    const told = await watch(api, 'labelSelector=app%3Dlow');
    await change(api, 'd', { app: 'low' });
    await change(api, 'd', { other: '1' });
    await change(api, 'a', { app: 'high' });
    await change(api, 'a', { other: '2' });
    assert.deepEqual(told, ['ADDED a', 'ADDED d', 'MODIFIED d', 'DELETED a']);
  });

  test('a streamed list ends with a bookmark, and bookmarks follow each minute', async () => {
    const api = await withConfigMaps('a');
    const query = 'sendInitialEvents=true&resourceVersionMatch=NotOlderThan&allowWatchBookmarks=true';
    const told = await watch(api, query);
    assert.deepEqual(told, ['ADDED a', 'BOOKMARK initial']);
    await api.clock.advance(60_000);
    assert.deepEqual(told.slice(2), ['BOOKMARK']);
    // So does a watch from no version.
    assert.deepEqual(await watch(api, 'resourceVersion=0&allowWatchBookmarks=true'), told.slice(0, 2));
  });

  test('a streamed list has no mark for whoever takes no bookmarks', async () => {
    const api = await withConfigMaps('a');
    assert.deepEqual(await watch(api, 'sendInitialEvents=true&resourceVersionMatch=NotOlderThan'), ['ADDED a']);
  });

  test('a version before what is remembered has expired', async () => {
    const { etcd } = await withConfigMaps('ab');
    const api = new MemoryApi(etcd);
    await api.context.store.cache.start();
    assert.equal(
      await refusal(watch(api, `resourceVersion=${etcd.revision - 1}`)),
      `410 too old resource version: ${etcd.revision - 1} (${etcd.revision})`,
    );
    assert.deepEqual(await watch(api, `resourceVersion=${etcd.revision}`), []);
  });

  test('a version that is still to come is waited for, and nothing before it told', async () => {
    const api = await withConfigMaps('a');
    const told = await watch(api, `resourceVersion=${api.context.store.cache.position + 1}&allowWatchBookmarks=true`);
    await api.clock.advance(60_000);
    await change(api, 'a', { x: '1' });
    await change(api, 'a', { x: '2' });
    assert.deepEqual(told, ['MODIFIED a']);
  });

  test('an event that one watcher cannot show ends that watch alone', async () => {
    const api = await withConfigMaps('a');
    const { context } = api;
    const request = api.request('GET', `${configMaps}?watch=true`);
    const cache = context.store.resource(request.kind);
    const ended: string[] = [];
    const opened = await openWatch(context, request);
    startWatch(
      context,
      cache,
      { ...opened, after: context.store.cache.position },
      {
        event: () => assert.fail('cannot be shown'),
        bookmark: () => undefined,
        expired: (message) => void ended.push(message),
        flush: () => undefined,
      },
    );
    const other = await watch(api, '');
    await change(api, 'a', { x: 'y' });
    assert.deepEqual(other, ['ADDED a', 'MODIFIED a']);
    assert.equal(ended.length, 1);
  });

  test('refuse options that make no sense together', async () => {
    const api = await withConfigMaps('a');
    const cases: [query: string, want: RegExp][] = [
      ['sendInitialEvents=true', /sendInitialEvents requires setting resourceVersionMatch to NotOlderThan/],
      ['resourceVersionMatch=NotOlderThan', /forbidden for watch unless sendInitialEvents is provided/],
      [
        'sendInitialEvents=true&resourceVersionMatch=NotOlderThan&continue=x',
        /^422 .*resourceVersionMatch: Forbidden: resourceVersionMatch is forbidden when continue is provided$/,
      ],
      ['timeoutSeconds=soon', /^400 .*invalid syntax/],
      ['limit=soon', /^400 .*invalid syntax/],
      ['continue=x', /^422 .*resourceVersionMatch is forbidden when continue is provided$/],
    ];
    for (const [query, want] of cases) assert.match(await refusal(watch(api, query)), want, query);
  });
});
