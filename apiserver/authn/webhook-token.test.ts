import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { FakeClock } from '../../test/builders/fake-clock.ts';
import type { Review } from '../review-webhook.ts';
import { WebhookError } from '../webhook-client.ts';
import { webhookTokens } from './webhook-token.ts';

function start(answer: () => object) {
  const asked: Review[] = [];
  const clock = new FakeClock();
  const ask = async (review: Review) => {
    asked.push(review);
    return answer();
  };
  const tokens = webhookTokens({ ask, version: 'v1', ttlMs: 120_000, audiences: ['api'], clock });
  return { asked, clock, tokens };
}

const user = { username: 'joe', uid: '1', groups: ['dev'], extra: { a: ['b'] } };

describe('the webhook of tokens', () => {
  test('is asked for audiences, and says who it is', async () => {
    const { asked, tokens } = start(() => ({ authenticated: true, user, audiences: ['vault', 'x'] }));
    assert.deepEqual(await tokens.authenticate('t', ['api', 'vault']), { user, audiences: ['vault'] });
    const [{ group, version, kind, spec }] = asked as [Review];
    assert.deepEqual(
      [group, version, kind, spec],
      ['authentication.k8s.io', 'v1', 'TokenReview', { token: 't', audiences: ['api', 'vault'] }],
    );
  });

  const cases: [name: string, status: object, wanted: string[], want: string[] | undefined][] = [
    ['that says nothing of audiences speaks for the server', { authenticated: true, user }, ['api'], ['api']],
    ['... and for nobody else', { authenticated: true, user }, ['vault'], undefined],
    ['says it is for others', { authenticated: true, user, audiences: ['x'] }, ['api'], undefined],
    ['does not know it', { authenticated: false }, ['api'], undefined],
    ['says nothing', {}, ['api'], undefined],
  ];
  for (const [name, status, wanted, want] of cases) {
    test(name, async () => {
      assert.deepEqual((await start(() => status).tokens.authenticate('t', wanted))?.audiences, want);
    });
  }

  test('has lists for whatever it says of a user, null too', async () => {
    const { tokens } = start(() => ({
      authenticated: true,
      user: { username: 'joe', groups: null, extra: { a: null } },
    }));
    const found = await tokens.authenticate('t', ['api']);
    assert.deepEqual(found?.user, { username: 'joe', groups: [], extra: { a: [] } });
  });

  test('says why not, or cannot be asked', async () => {
    const refused = start(() => ({ authenticated: false, error: 'expired' })).tokens;
    await assert.rejects(refused.authenticate('t', ['api']), { name: 'Error', message: 'expired' });
    const gone = start(() => {
      throw new WebhookError('connection refused');
    }).tokens;
    await assert.rejects(gone.authenticate('t', ['api']), { message: 'connection refused' });
  });

  test('is asked once in two minutes for each token and audience', async () => {
    const { asked, clock, tokens } = start(() => ({ authenticated: true, user }));
    await Promise.all([tokens.authenticate('t', ['api']), tokens.authenticate('t', ['api'])]);
    await clock.advance(119_999);
    await tokens.authenticate('t', ['api']);
    assert.equal(asked.length, 1);
    await tokens.authenticate('t', ['vault']);
    await tokens.authenticate('u', ['api']);
    assert.equal(asked.length, 3);
    await clock.advance(1);
    await tokens.authenticate('t', ['api']);
    assert.equal(asked.length, 4);
  });
});
