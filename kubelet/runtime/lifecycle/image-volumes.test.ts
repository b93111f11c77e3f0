import assert from 'node:assert/strict';
import { test } from 'node:test';
import { volumesToMake } from './image-volumes.ts';

test('the paths of an image that get a volume', () => {
  const mounts = [{ container_path: '/mounted' }];
  assert.deepEqual(volumesToMake(['/data', '/data/', '/mounted/', 'relative', '/', ''], mounts), ['/data']);
});
