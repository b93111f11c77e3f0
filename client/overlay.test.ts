import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { KubeObject } from '../machinery/metadata.ts';
import { FedInformer } from '../test/builders/fed-informer.ts';
import { Overlay } from './overlay.ts';

const at = (resourceVersion: string, text: string, uid = 'u'): KubeObject => ({
  metadata: { name: 'a', uid, resourceVersion },
  text,
});

test('a write is seen at once, and until the watch has caught up', () => {
  const informer = new FedInformer<KubeObject>();
  const overlay = new Overlay(informer);
  informer.put(at('5', 'old'));
  overlay.written(at('9', 'ours'));
  overlay.withdraw('a'); // nothing is assumed
  assert.equal(overlay.get('a')!.text, 'ours');
  informer.put(at('7', 'between'));
  assert.equal(overlay.get('a')!.text, 'ours');
  informer.put(at('9', 'shown'));
  assert.equal(overlay.get('a')!.text, 'shown');
  overlay.written(at('8', 'late answer')); // the watch was faster
  assert.equal(overlay.get('a')!.text, 'shown');
});

test('what is assumed holds until another version comes', () => {
  const informer = new FedInformer<KubeObject>();
  const overlay = new Overlay(informer);
  informer.addIndex('text', ({ text }) => [text]);
  informer.put(at('5', 'old'));
  overlay.assume(at('5', 'wanted'));
  assert.deepEqual(
    overlay.byIndex('text', 'old').map(({ text }) => text),
    ['wanted'],
  );
  overlay.withdraw('a');
  assert.equal(overlay.get('a')!.text, 'old');
  overlay.assume(at('5', 'wanted'));
  informer.put(at('6', 'theirs'));
  assert.equal(overlay.get('a')!.text, 'theirs');
});

test('an object that is gone is gone, and another one of its name is another one', () => {
  const informer = new FedInformer<KubeObject>();
  const overlay = new Overlay(informer);
  informer.put(at('5', 'old'));
  overlay.written(at('9', 'ours'));
  informer.remove(at('5', 'old'));
  assert.equal(overlay.get('a'), undefined);
  informer.put(at('6', 'other', 'v'));
  overlay.written(at('9', 'late', 'u'));
  assert.equal(overlay.get('a')!.text, 'other');
});
