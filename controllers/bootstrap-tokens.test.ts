import assert from 'node:assert/strict';
import { createHmac } from 'node:crypto';
import { describe, test } from 'node:test';
import type { ConfigMap } from '../api/core/configmap.ts';
import type { Secret } from '../api/core/secret.ts';
import { notFoundError } from '../machinery/errors.ts';
import { FakeClock } from '../test/builders/fake-clock.ts';
import { secondsAgo, testTimeMs } from '../test/builders/pod.ts';
import { bootstrapSignerController, signData, signingTokens } from './bootstrap-signer.ts';
import { tokenCleanerController } from './token-cleaner.ts';

const base64 = (text: string) => Buffer.from(text).toString('base64');
const token = (id: string, data: Record<string, string> = {}, name = `bootstrap-token-${id}`): Secret => {
  const texts = { 'token-id': id, 'token-secret': `secret-of-${id}`, 'usage-bootstrap-signing': 'true', ...data };
  const encoded = Object.fromEntries(Object.entries(texts).map(([key, text]) => [key, base64(text)]));
  return { metadata: { name, namespace: 'kube-system', uid: `uid-${id}` }, data: encoded };
};

describe('signingTokens()', () => {
  const rows = [
    { name: 'a token', secret: token('abcdef'), leftMs: Number.POSITIVE_INFINITY },
    { name: 'that ends later', secret: token('abcdef', { expiration: secondsAgo(-60) }), leftMs: 60_000 },
    { name: 'that has ended', secret: token('abcdef', { expiration: secondsAgo(0) }) },
    { name: 'whose end cannot be read', secret: token('abcdef', { expiration: 'soon' }) },
    { name: 'that is for something else', secret: token('abcdef', { 'usage-bootstrap-signing': 'yes' }) },
    { name: 'under the name of another', secret: token('abcdef', {}, 'bootstrap-token-fedcba') },
    { name: 'with an id that is none', secret: token('ABCDEF') },
    { name: 'without a secret', secret: token('abcdef', { 'token-secret': '' }) },
  ];
  for (const { name, secret, leftMs } of rows) {
    test(`${name}: ${leftMs ? 'signs' : 'does not'}`, () => {
      const want = leftMs ? { tokens: [['abcdef', 'secret-of-abcdef']], leftMs } : { tokens: [], leftMs: Infinity };
      assert.deepEqual(signingTokens([secret], testTimeMs), want);
    });
  }
});

const part = (text: string) => Buffer.from(text).toString('base64url');

test('signData() signs the kubeconfig by each token, as detached JWS, and takes away other signatures', async () => {
  const data = await signData({ kubeconfig: 'k', own: '1', 'jws-kubeconfig-gonegn': 'x' }, 'k', [['abcdef', 's']]);
  const header = part('{"alg":"HS256","kid":"abcdef"}');
  const signature = createHmac('sha256', 's')
    .update(`${header}.${part('k')}`)
    .digest('base64url');
  assert.deepEqual(data, { kubeconfig: 'k', own: '1', 'jws-kubeconfig-abcdef': `${header}..${signature}` });
});

test('cluster-info is written when a signature is missing, and looked at again when a token ends', async () => {
  const written: ConfigMap[] = [];
  const secrets = [token('abcdef', { expiration: secondsAgo(-60) })];
  const clock = new FakeClock(testTimeMs);
  const deps = {
    clock,
    secrets: { list: () => secrets },
    client: { update: async (info: ConfigMap) => written.push(info) },
  } as unknown as Parameters<typeof bootstrapSignerController.reconcile>[1];
  const look = (info: ConfigMap) => bootstrapSignerController.reconcile(info, deps);
  assert.equal(await look({ metadata: {}, data: { other: 'x' } }), undefined);
  assert.deepEqual(await look({ metadata: {}, data: { kubeconfig: 'k' } }), { requeueAfterMs: 60_000 });
  const keys = () => written.map(({ data }) => Object.keys(data ?? {}));
  assert.deepEqual(keys(), [['kubeconfig', 'jws-kubeconfig-abcdef']]);
  await look(written[0]!);
  assert.equal(written.length, 1);
  await clock.advance(60_000);
  assert.equal(await look(written[0]!), undefined);
  assert.deepEqual(keys()[1], ['kubeconfig']);
});

test('a token is deleted when it has expired, and not before', async () => {
  const deleted: unknown[] = [];
  const clock = new FakeClock(testTimeMs);
  const client = {
    async delete({ namespace, name }: Secret['metadata'], preconditions: object) {
      deleted.push([{ namespace, name }, preconditions]);
      throw notFoundError({ group: '', resource: 'secrets' }, 'x');
    },
  };
  const deps = { clock, client } as unknown as Parameters<typeof tokenCleanerController.reconcile>[1];
  const look = (secret: Secret) => tokenCleanerController.reconcile(secret, deps);
  const subject = token('abcdef', { expiration: secondsAgo(-60) });
  assert.equal(await look(token('abcdef')), undefined);
  assert.deepEqual(await look(subject), { requeueAfterMs: 60_000 });
  assert.deepEqual(deleted, []);
  await clock.advance(60_000);
  assert.equal(await look(subject), undefined);
  assert.deepEqual(deleted, [[{ namespace: 'kube-system', name: 'bootstrap-token-abcdef' }, { uid: 'uid-abcdef' }]]);
});
