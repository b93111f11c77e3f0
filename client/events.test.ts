import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { alreadyExistsError, notFoundError } from '../machinery/errors.ts';
import { silentLogger } from '../machinery/log.ts';
import { FakeClock } from '../test/builders/fake-clock.ts';
import { createEventRecorder } from './events.ts';
import type { KubeClient } from './rest.ts';
import { TransportError } from './transport.ts';

/** A recorder, and the events it has written as `reason message xCount`. */
function start() {
  const clock = new FakeClock();
  const written = new Map<string, any>();
  const faults: Error[] = [];
  const resource = {
    create: async (event: any) => {
      const fault = faults.shift();
      if (fault) throw fault;
      written.set(event.metadata.name, event);
    },
    patch: async ({ name }: { name: string }, patch: object) => void Object.assign(written.get(name), patch),
  };
  const client = { resource: () => resource } as unknown as KubeClient;
  const recorder = createEventRecorder({ client, clock, log: silentLogger, component: 'kubelet', host: 'n1' });
  const pass = async (ms: number) => {
    for (let left = ms; left > 0; left -= 10_000) {
      await clock.advance(Math.min(left, 10_000));
      await new Promise(setImmediate);
    }
  };
  const say = async (message: string, name = 'p', fieldPath?: string) => {
    const object = { metadata: { name, namespace: 'default', uid: `uid-${name}` } };
    const target = { kind: 'Pod', apiVersion: 'v1', object, ...(fieldPath ? { fieldPath } : {}) };
    recorder.event(target, 'Warning', 'Failed', message);
    // Names of events carry the time.
    await pass(1);
  };
  const told = () => [...written.values()].map((e) => `${e.message} x${e.count}`);
  return { clock, pass, say, told, written, faults };
}

describe('the event recorder', () => {
  test('says who, about what, when', async () => {
    const { say, written, clock } = start();
    const at = `${new Date(clock.now()).toISOString().slice(0, 19)}Z`;
    await say('it broke', 'p', 'spec.containers{c}');
    const [event] = [...written.values()];
    assert.match(event.metadata.name, /^p\.[0-9a-f]{16}$/);
    assert.deepEqual(event.involvedObject, {
      kind: 'Pod',
      apiVersion: 'v1',
      namespace: 'default',
      name: 'p',
      uid: 'uid-p',
      fieldPath: 'spec.containers{c}',
    });
    assert.deepEqual(event.source, { component: 'kubelet', host: 'n1' });
    assert.deepEqual([event.type, event.reason, event.message], ['Warning', 'Failed', 'it broke']);
    assert.deepEqual([event.firstTimestamp, event.lastTimestamp, event.count], [at, at, 1]);
  });

  test('the same again counts, unless ten minutes have passed', async () => {
    const { say, told, clock } = start();
    for (let i = 0; i < 3; i++) await say('a');
    await say('a', 'p', 'spec.containers{other}');
    await say('a', 'q');
    assert.deepEqual(told(), ['a x3', 'a x1', 'a x1']);
    await clock.advance(11 * 60_000);
    await say('a');
    assert.deepEqual(told(), ['a x3', 'a x1', 'a x1', 'a x1']);
  });

  test('from the tenth on, messages that differ are combined into one event with the newest', async () => {
    const { say, told } = start();
    for (let i = 1; i <= 12; i++) await say(`problem ${i}`);
    assert.deepEqual(told().slice(0, 2), ['problem 1 x1', 'problem 2 x1']);
    assert.deepEqual(told().slice(9), ['(combined from similar events): problem 12 x3']);
  });

  test('a part of an object has a budget, which grows by one every five minutes', async () => {
    const { say, told, clock } = start();
    for (let i = 0; i < 40; i++) await say('a');
    assert.deepEqual(told(), ['a x25']);
    await say('a', 'p', 'spec.containers{c}');
    assert.deepEqual(told(), ['a x25', 'a x1']);
    await clock.advance(5 * 60_000);
    await say('a');
    await say('a');
    assert.deepEqual(told(), ['a x26', 'a x1']);
  });

  test('what could not be written is written when it happens again', async () => {
    const { say, told, faults } = start();
    faults.push(notFoundError({ group: '', resource: 'namespaces' }, 'default'), new Error('no connection'));
    for (let i = 0; i < 3; i++) await say('a');
    assert.deepEqual(told(), ['a x1']);
  });

  test('what happens while the server is away is told when it is back', async () => {
    const { say, told, pass, faults } = start();
    faults.push(new TransportError('refused'), new TransportError('refused'));
    await say('a');
    await say('a');
    assert.deepEqual(told(), []);
    await pass(30_000);
    assert.deepEqual(told(), ['a x2']);
    // The answer was lost, the event was not.
    faults.push(new TransportError('connection closed'), alreadyExistsError({ group: '', resource: 'events' }, 'b'));
    await say('b');
    await pass(30_000);
    await say('c');
    assert.deepEqual(told(), ['a x2', 'c x1']);
  });

  test('a server that stays away is given up', async () => {
    const { say, told, pass, faults } = start();
    for (let i = 0; i < 100; i++) faults.push(new TransportError('refused'));
    await say('a');
    await pass(600_000);
    assert.equal(faults.length, 88);
    faults.length = 0;
    await say('a');
    assert.deepEqual(told(), ['a x1']);
  });
});
