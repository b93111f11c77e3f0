import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { Secret } from '../api/core/secret.ts';
import type { ServiceAccount } from '../api/core/serviceaccount.ts';
import { FakeClock } from '../test/builders/fake-clock.ts';
import { legacyTokenCleaner, planToken, type TokenUse } from './legacy-token-cleaner.ts';

const nowMs = Date.parse('2026-06-15T12:00:00Z');
const periodMs = 365 * 86_400_000;
const lastUsed = 'kubernetes.io/legacy-token-last-used';
const invalidSince = 'kubernetes.io/legacy-token-invalid-since';

const secret = (labels: Record<string, string> = {}, more: object = {}): Secret => ({
  metadata: {
    name: 'robot-token',
    namespace: 'ns',
    uid: 'uid-s',
    resourceVersion: '7',
    creationTimestamp: '2020-01-01T00:00:00Z',
    annotations: { 'kubernetes.io/service-account.name': 'robot', 'kubernetes.io/service-account.uid': 'uid-a' },
    labels,
    ...more,
  },
  type: 'kubernetes.io/service-account-token',
});
const account: ServiceAccount = {
  metadata: { name: 'robot', namespace: 'ns', uid: 'uid-a' },
  secrets: [{ name: 'robot-token' }],
};

describe('planToken()', () => {
  const rows: { name: string; of: Secret; use?: Partial<TokenUse>; want: string }[] = [
    { name: 'one that nobody has used', of: secret(), want: 'mark' },
    { name: 'one that was used long ago', of: secret({ [lastUsed]: '2025-06-14' }), want: 'mark' },
    { name: 'one that was used a year ago', of: secret({ [lastUsed]: '2025-06-15' }), want: 'keep' },
    { name: 'a date that is none', of: secret({ [lastUsed]: 'yesterday' }), want: 'keep' },
    { name: 'one that is young', of: secret({}, { creationTimestamp: '2025-06-15T12:00:00Z' }), want: 'keep' },
    { name: 'one that is going', of: secret({}, { deletionTimestamp: '2026-06-15T11:00:00Z' }), want: 'keep' },
    { name: 'one that a pod names', of: secret(), use: { isMounted: () => true }, want: 'keep' },
    { name: 'one that people made', of: secret(), use: { account: { ...account, secrets: [] } }, want: 'keep' },
    { name: 'one of an account that is gone', of: secret(), use: { account: undefined }, want: 'keep' },
    {
      name: 'uses not noted for long enough',
      of: secret(),
      use: { trackedSinceMs: Date.parse('2025-06-15') },
      want: 'keep',
    },
    { name: 'uses not noted', of: secret(), use: { trackedSinceMs: Number.NaN }, want: 'keep' },
    { name: 'marked lately', of: secret({ [invalidSince]: '2025-06-15' }), want: 'keep' },
    { name: 'marked long ago', of: secret({ [invalidSince]: '2025-06-14' }), want: 'delete' },
    { name: 'marked with no date', of: secret({ [invalidSince]: 'x' }), want: 'mark' },
  ];
  for (const { name, of, use, want } of rows) {
    test(`${name}: ${want}`, () => {
      const whole = { account, isMounted: () => false, trackedSinceMs: Date.parse('2025-01-01'), ...use };
      assert.equal(planToken(of, whole, { nowMs, periodMs }), want);
    });
  }
});

test('what is marked stays good for a year more, and is deleted as it was seen', async () => {
  const done: unknown[] = [];
  const clock = new FakeClock(nowMs);
  const deps = {
    clock,
    periodMs,
    accounts: { get: (key: string) => (key === 'ns/robot' ? account : undefined) },
    pods: { inNamespace: () => [] },
    tracked: { list: () => [{ data: { since: '2025-01-01' } }] },
    client: {
      patch: async (_: object, patch: object) => done.push(patch),
      delete: async ({ namespace, name }: Secret['metadata'], at: object) => done.push([{ namespace, name }, at]),
    },
  } as unknown as Parameters<ReturnType<typeof legacyTokenCleaner>['reconcile']>[1];
  const { reconcile } = legacyTokenCleaner();
  assert.deepEqual(await reconcile(secret(), deps), { requeueAfterMs: 86_400_000 });
  const labels = { [invalidSince]: '2026-06-15' };
  assert.deepEqual(done.splice(0), [{ metadata: { uid: 'uid-s', labels } }]);
  await reconcile(secret(labels), deps);
  assert.deepEqual(done, []);
  await clock.advance(periodMs + 86_400_000);
  await reconcile(secret(labels), deps);
  assert.deepEqual(done, [[{ namespace: 'ns', name: 'robot-token' }, { resourceVersion: '7' }]]);
});
