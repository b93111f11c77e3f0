import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { FakeClock } from '../../test/builders/fake-clock.ts';
import { TransportError } from '../transport.ts';
import { delegatedAuthenticator } from './delegated-authenticator.ts';
import { attributesOfPath, delegatedAuthorizer } from './delegated-authorizer.ts';

/** An API server that answers reviews, and how often it was asked. */
function server(status: object | undefined) {
  const asked: any[] = [];
  const client = {
    async request<R>({ body = '' }: { body?: string }) {
      asked.push(JSON.parse(body).spec);
      if (!status) throw new TransportError('connection refused');
      return { status } as R;
    },
  };
  return { client, asked, clock: new FakeClock() };
}

const from = (authorization?: string, peer: object = { authorized: false, getPeerCertificate: () => ({}) }) =>
  ({ socket: peer, headers: authorization === undefined ? {} : { authorization } }) as never;

describe('delegatedAuthenticator()', () => {
  const subject = { CN: 'jane', O: ['a', 'b'] };
  const peer = (authorized: boolean) => ({ authorized, getPeerCertificate: () => ({ subject }) });
  const robot = { authenticated: true, user: { username: 'robot', uid: '7', groups: ['system:authenticated'] } };
  const nobody = { user: 'system:anonymous', groups: ['system:unauthenticated'] };
  const rows = [
    {
      name: 'a good certificate',
      of: from(undefined, peer(true)),
      want: { user: 'jane', groups: ['a', 'b', 'system:authenticated'] },
    },
    { name: 'a certificate of somebody else', of: from(undefined, peer(false)), want: nobody },
    { name: 'nothing', of: from(), want: nobody },
    { name: 'something else', of: from('Basic eA=='), want: nobody },
    { name: 'a token', of: from('Bearer t'), want: { user: 'robot', uid: '7', groups: ['system:authenticated'] } },
  ];
  for (const { name, of, want } of rows) {
    test(name, async () => {
      const { client, clock } = server(robot);
      assert.deepEqual(await delegatedAuthenticator(client, clock)(of), want);
    });
  }

  test('a token that is good is so for ten seconds', async () => {
    const { client, clock, asked } = server(robot);
    const authenticate = delegatedAuthenticator(client, clock);
    for (const waitMs of [0, 10_000, 1]) {
      await clock.advance(waitMs);
      await authenticate(from('bearer t'));
    }
    assert.deepEqual(asked, [{ token: 't' }, { token: 't' }]);
  });

  for (const status of [{ authenticated: false }, undefined]) {
    test(status ? 'a token that is no good' : 'a token that nobody can be asked about', async () => {
      const { client, clock } = server(status);
      await assert.rejects(delegatedAuthenticator(client, clock)(from('Bearer t')), { code: 401 });
    });
  }
});

describe('delegatedAuthorizer()', () => {
  const path = attributesOfPath('/metrics', 'get');

  test('what is allowed is so for ten seconds; administrators need not be asked about', async () => {
    const { client, clock, asked } = server({ allowed: true });
    const authorize = delegatedAuthorizer(client, clock);
    await authorize({ user: 'root', groups: ['system:masters'] }, path);
    assert.equal(asked.length, 0);
    for (const waitMs of [0, 10_000, 1]) {
      await clock.advance(waitMs);
      await authorize({ user: 'jane' }, path);
    }
    assert.deepEqual(asked[0], { user: 'jane', nonResourceAttributes: { path: '/metrics', verb: 'get' } });
    assert.equal(asked.length, 2);
  });

  for (const status of [{ allowed: false }, { allowed: true, denied: true }]) {
    test(`refuses ${JSON.stringify(status)}`, async () => {
      const { client, clock } = server(status);
      const message = 'forbidden: User "jane" cannot get path "/metrics"';
      await assert.rejects(delegatedAuthorizer(client, clock)({ user: 'jane' }, path), { code: 403, message });
    });
  }
});
