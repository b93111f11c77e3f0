import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import type { Secret } from '../../api/core/secret.ts';
import type { EventRecorder } from '../../client/events.ts';
import { silentLogger } from '../../machinery/log.ts';
import type { CriClient } from '../../proto/cri-client.ts';
import { FakeClock } from '../../test/builders/fake-clock.ts';
import { ImagePuller } from './image-puller.ts';
import { defaultVerification, PullRecords } from './pull-records.ts';

function openRecords(clock: FakeClock) {
  const dir = mkdtempSync(join(tmpdir(), 'image-puller-'));
  const settings = {
    imagePullCredentialsVerificationPolicy: defaultVerification,
    preloadedImagesVerificationAllowlist: [],
  };
  const records = new PullRecords(dir, settings, { clock, log: silentLogger });
  return { records, [Symbol.dispose]: () => rmSync(dir, { recursive: true }) };
}

test('a pull tells of secrets that are missing, and how long it took', async () => {
  const clock = new FakeClock();
  const told: string[] = [];
  using folder = openRecords(clock);
  let isThere = false;
  const images = {
    ImageStatus: async () => ({ image: isThere ? { id: 'i', size: '7' } : null }),
    PullImage: async () => {
      await clock.advance(62_345);
      isThere = true;
      return { image_ref: 'i' };
    },
  };
  const puller = new ImagePuller({
    cri: { images } as unknown as CriClient,
    clock,
    events: { event: (_: unknown, ...words: string[]) => told.push(words.join(' ')) } as unknown as EventRecorder,
    records: folder.records,
    secret: async () => undefined,
    providers: async () => [],
  });
  const imagePullSecrets = [{ name: 'one' }, { name: '' }, { name: 'two' }];
  const pod = { metadata: { name: 'p', uid: 'u' }, spec: { containers: [], imagePullSecrets }, status: {} };
  await puller.ensure(pod, { name: 'c', image: 'app:1' }, new AbortController().signal);
  assert.deepEqual(told, [
    'Normal Pulling Pulling image "app:1"',
    'Warning FailedToRetrieveImagePullSecret Unable to retrieve some image pull secrets (one, two); attempting to pull the image may not succeed.',
    'Normal Pulled Successfully pulled image "app:1" in 1m2.345s (1m2.345s including waiting). Image size: 7 bytes.',
  ]);
});

test('an image that one pod’s secret has pulled is there for those whose secrets say the same', async () => {
  const clock = new FakeClock();
  const told: string[] = [];
  using folder = openRecords(clock);
  let isThere = false;
  const images = {
    ImageStatus: async () => ({ image: isThere ? { id: 'i', size: '7' } : null }),
    PullImage: async ({ auth }: { auth?: { password: string } }) => {
      if (auth?.password !== 'right') throw new Error('pull access denied');
      isThere = true;
      return { image_ref: 'i' };
    },
  };
  const secret = (name: string): Secret => {
    const auths = { 'r.example': { username: 'u', password: name === 'wrong' ? 'wrong' : 'right' } };
    const data = { '.dockerconfigjson': Buffer.from(JSON.stringify({ auths })).toString('base64') };
    return { metadata: { name, namespace: 'ns', uid: name }, data };
  };
  const puller = new ImagePuller({
    cri: { images } as unknown as CriClient,
    clock,
    events: { event: (_: unknown, ...words: string[]) => told.push(words.join(' ')) } as unknown as EventRecorder,
    records: folder.records,
    secret: async (_, name) => secret(name),
    providers: async () => [],
  });
  const pulls = 'Normal Pulling Pulling image "r.example/app:1"';
  const pulled =
    'Normal Pulled Successfully pulled image "r.example/app:1" in 0s (0s including waiting). Image size: 7 bytes.';
  const present =
    'Normal Pulled Container image "r.example/app:1" already present on machine and can be accessed by the pod';
  const denied = 'Warning Failed Failed to pull image "r.example/app:1": pull access denied';
  const never = 'Warning ErrImageNeverPull Container image "r.example/app:1" is not present with pull policy of Never';
  const rows: [secrets: string[], policy: 'IfNotPresent' | 'Never', reason: string | undefined, events: string[]][] = [
    [['right'], 'IfNotPresent', undefined, [pulls, pulled]],
    [['right'], 'IfNotPresent', undefined, [present]],
    [['right'], 'Never', undefined, [present]],
    [['same'], 'Never', undefined, [present]],
    [['wrong'], 'IfNotPresent', 'ErrImagePull', [pulls, denied]],
    [[], 'IfNotPresent', 'ErrImagePull', [pulls, denied]],
    [[], 'Never', 'ErrImageNeverPull', [never]],
    [['wrong', 'right'], 'IfNotPresent', undefined, [present]],
  ];
  for (const [index, [secrets, imagePullPolicy, reason, events]] of rows.entries()) {
    const imagePullSecrets = secrets.map((name) => ({ name }));
    const metadata = { name: 'p', uid: `u${index}` };
    const pod = { metadata, spec: { containers: [], imagePullSecrets }, status: {} };
    const container = { name: 'c', image: 'r.example/app:1', imagePullPolicy };
    const found = puller.ensure(pod, container, new AbortController().signal);
    const outcome = await found.then(
      () => undefined,
      (err) => err.reason,
    );
    assert.deepEqual([outcome, told.splice(0)], [reason, events], `${secrets} ${imagePullPolicy}`);
  }
});

test('programs of the node are asked after the secrets, and who has the account that opened the registry need not pull', async () => {
  using folder = openRecords(new FakeClock());
  const tried: (string | undefined)[] = [];
  let isThere = false;
  const images = {
    ImageStatus: async () => ({ image: isThere ? { id: 'i', size: '7' } : null }),
    PullImage: async ({ auth }: { auth?: { password: string } }) => {
      tried.push(auth?.password);
      if (auth?.password !== 'of account') throw new Error('pull access denied');
      isThere = true;
      return { image_ref: 'i' };
    },
  };
  const entries = { 'r.example': { username: 'u', password: 'of account' }, elsewhere: { password: 'other' } };
  const puller = new ImagePuller({
    cri: { images } as unknown as CriClient,
    clock: new FakeClock(),
    events: { event: () => undefined } as unknown as EventRecorder,
    records: folder.records,
    secret: async (_, name) => ({
      metadata: { name },
      data: {
        '.dockercfg': Buffer.from(
          '{"r.example/long/path":{"password":"no"},"r.example":{"password":"of secret"}}',
        ).toString('base64'),
      },
    }),
    providers: async (pod) => {
      const account = { uid: pod.spec.serviceAccountName!, namespace: 'ns', name: 'n' };
      return [{ entries, accessOf: () => ({ kubernetesServiceAccounts: [account] }) }];
    },
  });
  const start = (uid: string, serviceAccountName: string, imagePullSecrets: { name: string }[] = []) =>
    puller.ensure(
      { metadata: { name: 'p', uid }, spec: { containers: [], imagePullSecrets, serviceAccountName }, status: {} },
      { name: 'c', image: 'r.example/app:1', imagePullPolicy: 'IfNotPresent' },
      new AbortController().signal,
    );
  await start('1', 'a', [{ name: 's' }]);
  assert.deepEqual(tried.splice(0), ['of secret', 'of account']);
  await start('2', 'a');
  assert.deepEqual(tried.splice(0), []);
  await start('3', 'b');
  assert.deepEqual(tried, ['of account']);
});
