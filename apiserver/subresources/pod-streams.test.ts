// What is wrong with a request for a stream or a log, and that it is said before anything is carried.
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { startMemoryApi } from '../../test/builders/memory-api.ts';
import type { SubresourceContext } from './handler.ts';
import { attachSubresource, chooseContainer, execSubresource, portForwardSubresource } from './pod-streams.ts';

const pods = '/api/v1/namespaces/default/pods';
const container = { name: 'c', image: 'img' };

/** An API with the pods `bound`, which has a node, and `free`, which has none. */
async function withPods() {
  const api = await startMemoryApi();
  for (const [name, more] of Object.entries({ bound: { nodeName: 'n' }, free: {} }))
    await api.send('POST', pods, { body: { metadata: { name }, spec: { containers: [container], ...more } } });
  return api;
}

const refusals = [
  { path: 'exec', pod: 'free', query: 'command=true&stdout=1', says: 'pod free does not have a host assigned' },
  { path: 'exec', pod: 'bound', query: 'container=zz', says: 'container zz is not valid for pod bound' },
  { path: 'exec', pod: 'bound', query: 'stdout=1', says: 'you must specify a command for the container' },
  { path: 'exec', pod: 'bound', query: 'command=true&stdout=1', says: 'Upgrade request required' },
  { path: 'attach', pod: 'bound', query: '', says: 'you must specify at least one of stdin, stdout, stderr' },
  { path: 'attach', pod: 'bound', query: 'stdout=1', says: 'Upgrade request required' },
  { path: 'portforward', pod: 'free', query: 'ports=80', says: 'pod free does not have a host assigned' },
  { path: 'portforward', pod: 'bound', query: 'ports=80', says: 'Upgrade request required' },
];

describe('streams of a pod, asked for without an upgrade', () => {
  const subresources = [execSubresource, attachSubresource, portForwardSubresource];
  for (const { path, pod, query, says } of refusals) {
    test(`${path} of ${pod}?${query}: ${says}`, async () => {
      const api = await withPods();
      const context = api.context as SubresourceContext;
      const request = api.request('POST', `${pods}/${pod}/${path}?${query}`);
      const { handle } = subresources.find((s) => s.name === path)!;
      await assert.rejects(async () => handle(context, request, {} as never), { code: 400, message: says });
    });
  }
});

test('the container that is meant', () => {
  const pod = (containers: string[], annotations = {}): any => ({
    metadata: { name: 'p', annotations },
    spec: { containers: containers.map((name) => ({ name })), initContainers: [{ name: 'i' }] },
  });
  assert.equal(chooseContainer(pod(['a']), null), 'a');
  assert.equal(chooseContainer(pod(['a', 'b']), 'i'), 'i');
  assert.equal(chooseContainer(pod(['a', 'b'], { 'kubectl.kubernetes.io/default-container': 'b' }), null), 'b');
  assert.throws(() => chooseContainer(pod(['a', 'b']), null), {
    message: 'a container name must be specified for pod p, choose one of: [a b] or one of the init containers: [i]',
  });
});
