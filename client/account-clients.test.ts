import assert from 'node:assert/strict';
import { test } from 'node:test';
import { notFoundError } from '../machinery/errors.ts';
import { FakeClock } from '../test/builders/fake-clock.ts';
import { AccountTokens } from './account-clients.ts';
import { KubeClient } from './rest.ts';
import { type HttpRequest, Transport } from './transport.ts';

function world() {
  const clock = new FakeClock();
  const asked: string[] = [];
  let exists = false;
  let serial = 0;
  let isAway = false;
  const accounts = {
    async create({ metadata }: any) {
      asked.push(`create ${metadata.namespace}/${metadata.name}`);
      exists = true;
    },
    async createSubresource({ namespace, name }: any, subresource: string, body: any) {
      if (isAway) throw new Error('away');
      asked.push(`${subresource} of ${namespace}/${name} for ${body.spec.expirationSeconds}`);
      if (!exists) throw notFoundError({ group: '', resource: 'serviceaccounts' }, name);
      return { status: { token: `t${++serial}` } };
    },
  };
  const tokens = new AccountTokens(accounts as never, 'job-controller', clock);
  const away = (is: boolean) => {
    isAway = is;
  };
  return { clock, asked, tokens, away };
}

test('an account that is missing is made, and one token serves everybody', async () => {
  const { asked, tokens } = world();
  assert.deepEqual(await Promise.all([tokens.token(), tokens.token()]), ['t1', 't1']);
  const token = 'token of kube-system/job-controller for 3600';
  assert.deepEqual(asked, [token, 'create kube-system/job-controller', token]);
});

test('a token is fetched anew before it runs out, and when it is refused', async () => {
  const { clock, tokens } = world();
  assert.equal(await tokens.token(), 't1');
  await clock.advance(2_800_000);
  assert.equal(await tokens.token(), 't1');
  await clock.advance(100_000);
  assert.equal(await tokens.token(), 't2');
  tokens.refused('t1'); // told late
  assert.equal(await tokens.token(), 't2');
  tokens.refused('t2');
  assert.equal(await tokens.token(), 't3');
});

test('a server that was away is asked again', async () => {
  const { tokens, away } = world();
  away(true);
  await assert.rejects(tokens.token(), /away/);
  away(false);
  assert.equal(await tokens.token(), 't1');
});

test('a request that is not known by its token is sent once more with another', async () => {
  const clock = new FakeClock();
  const transport = new Transport({ server: 'https://127.0.0.1:1' }, { userAgent: 'test', clock });
  const sent: (string | undefined)[] = [];
  transport.request = async ({ token }: HttpRequest) => {
    sent.push(token);
    return token === 'new' ? { status: 200, body: '{}' } : { status: 401, body: '' };
  };
  let current = 'old';
  const tokens = {
    token: async () => current,
    refused: (token: string) => {
      if (token === 'old') current = 'new';
    },
  };
  const client = new KubeClient(transport, { userAgent: 'test', clock, tokens });
  assert.deepEqual(await client.request({ method: 'GET', path: '/' }), {});
  assert.deepEqual(sent, ['old', 'new']);
});
