import assert from 'node:assert/strict';
import { test } from 'node:test';
import { requestInfoOf } from '../request-info.ts';
import { widthOf } from './width.ts';

const pods = '/api/v1/namespaces/a/pods';

for (const [method, url, objects, want] of [
  ['GET', pods, 0, 1],
  ['GET', pods, 100, 1],
  ['GET', pods, 101, 2],
  ['GET', '/api/v1/pods', 950, 10],
  ['GET', pods, 100_000, 10],
  ['GET', `${pods}?limit=500`, 100_000, 5],
  ['GET', `${pods}?limit=500`, 150, 2],
  ['GET', `${pods}?limit=200&labelSelector=a%3Db`, 100_000, 4],
  ['GET', `${pods}?fieldSelector=metadata.name%3Da`, 100_000, 1],
  ['GET', `${pods}?fieldSelector=spec.nodeName%3Da`, 300, 3],
  ['GET', `${pods}/a`, 100_000, 1],
  ['GET', `${pods}?watch=true`, 100_000, 1],
  ['GET', `${pods}?watch=true&sendInitialEvents=true`, 500, 5],
  ['POST', pods, 100_000, 1],
  ['DELETE', pods, 100_000, 1],
  ['GET', '/healthz', 100_000, 1],
] as const) {
  test(`${method} ${url} of ${objects} objects: ${want}`, () => {
    const info = requestInfoOf(method, url);
    assert.equal(
      widthOf(info, () => objects),
      want,
    );
  });
}
