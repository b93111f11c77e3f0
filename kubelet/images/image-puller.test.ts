import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { EventRecorder } from '../../client/events.ts';
import type { CriClient } from '../../proto/cri-client.ts';
import { FakeClock } from '../../test/builders/fake-clock.ts';
import { ImagePuller } from './image-puller.ts';

test('a pull tells of secrets that are missing, and how long it took', async () => {
  const clock = new FakeClock();
  const told: string[] = [];
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
    secret: async () => undefined,
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
