import assert from 'node:assert/strict';
import { test } from 'node:test';
import { answerBack, headersOnward } from './server-headers.ts';

test('what is for one connection alone goes on in no direction, whether it is known or named', () => {
  const headers = {
    ...{ connection: 'keep-alive, X-Once,x-forwarded-for', 'keep-alive': 'timeout=5', 'x-once': '1' },
    ...{ te: 'trailers', trailer: 'x-sum', 'proxy-authenticate': 'Basic', 'proxy-authorization': 'Basic eDp5' },
    ...{ 'x-forwarded-for': '9.9.9.9', 'x-kept': 'yes', 'set-cookie': ['a=1', 'b=2'] },
  };
  const kept = { 'x-kept': 'yes', 'set-cookie': ['a=1', 'b=2'] };
  assert.deepEqual(answerBack({ statusCode: 200, headers }).headers, kept);
  assert.deepEqual(headersOnward(headers, '10.0.0.1'), { ...kept, 'x-forwarded-for': '10.0.0.1' });
});

test('who asks is told of, his credentials and the form of his connection are not', () => {
  const headers = {
    ...{ ':path': '/', host: 'here', authorization: 'Bearer t', 'impersonate-user': 'jane' },
    ...{ 'x-forwarded-for': '10.0.0.2', 'x-remote-user': 'jane', accept: 'text/plain' },
  };
  const onward = headersOnward(headers, '10.0.0.1', (name) => name.startsWith('x-remote-'));
  assert.deepEqual(onward, { accept: 'text/plain', 'x-forwarded-for': '10.0.0.2, 10.0.0.1' });
  assert.deepEqual(headersOnward({}, undefined), {});
});

test('a code that is none comes back as one of a bad server', () => {
  assert.deepEqual(
    [undefined, 0, 99, 101, 200, 404, 599, 600, 999].map(
      (statusCode) => answerBack({ ...(statusCode === undefined ? {} : { statusCode }), headers: {} }).code,
    ),
    [502, 502, 502, 502, 200, 404, 599, 502, 502],
  );
});

test('an answer that can have no body tells of no length', () => {
  const headers = { 'content-length': '7', etag: '"a"' };
  const lengths = [200, 204, 304, 404].map(
    (statusCode) => answerBack({ statusCode, headers }).headers['content-length'],
  );
  assert.deepEqual(lengths, ['7', undefined, undefined, '7']);
});
