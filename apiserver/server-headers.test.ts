import assert from 'node:assert/strict';
import { test } from 'node:test';
import { codeBack, headersBack, headersOnward } from './server-headers.ts';

test('what is for one connection alone goes on in no direction, whether it is known or named', () => {
  const headers = {
    ...{ connection: 'keep-alive, X-Once,x-forwarded-for', 'keep-alive': 'timeout=5', 'x-once': '1' },
    ...{ te: 'trailers', trailer: 'x-sum', 'proxy-authenticate': 'Basic', 'proxy-authorization': 'Basic eDp5' },
    ...{ 'x-forwarded-for': '9.9.9.9', 'x-kept': 'yes', 'set-cookie': ['a=1', 'b=2'] },
  };
  const kept = { 'x-kept': 'yes', 'set-cookie': ['a=1', 'b=2'] };
  assert.deepEqual(headersBack(headers), kept);
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
    [undefined, 0, 99, 101, 200, 404, 599, 600, 999].map(codeBack),
    [502, 502, 502, 502, 200, 404, 599, 502, 502],
  );
});
