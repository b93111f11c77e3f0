// What is wrong with a request for a stream or a log, and that it is said before anything is carried.
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { startMemoryApi } from '../../test/builders/memory-api.ts';
import type { SubresourceContext } from './handler.ts';
import {
  attachSubresource,
  chooseContainer,
  execSubresource,
  logSubresource,
  portForwardSubresource,
} from './pod-streams.ts';

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

describe('who connects must be allowed to create, by whatever method', () => {
  for (const { name, handle, upgrade } of [execSubresource, attachSubresource, portForwardSubresource]) {
    for (const method of ['GET', 'POST']) {
      test(`${method} ${name}`, async () => {
        const api = await withPods();
        const request = api.request(method, `${pods}/bound/${name}?command=a&stdout=1`);
        request.authorize = (verb) => {
          throw new Error(`may not ${verb}`);
        };
        const says = { message: method === 'GET' ? 'may not create' : /Upgrade request|undefined/ };
        const context = api.context as SubresourceContext;
        await assert.rejects(async () => handle(context, request, {} as never), says);
        await assert.rejects(async () => upgrade!(context, request), says);
      });
    }
  }
});

describe('options of a log that are refused', () => {
  const cases = [
    { query: 'tailLines=-1', says: 'tailLines: Invalid value: -1: must be greater than or equal to 0' },
    { query: 'limitBytes=0', says: 'limitBytes: Invalid value: 0: must be greater than 0' },
    { query: 'sinceSeconds=0', says: 'sinceSeconds: Invalid value: 0: must be greater than 0' },
    {
      query: 'sinceSeconds=0&sinceTime=2026-01-01T00:00:00Z',
      says: ': Forbidden: at most one of `sinceTime` or `sinceSeconds` may be specified',
    },
    { query: 'stream=Both', says: 'stream: Unsupported value: "Both": supported values: "All", "Stderr", "Stdout"' },
  ];
  for (const { query, says } of cases) {
    test(query, async () => {
      const api = await withPods();
      const request = api.request('GET', `${pods}/bound/log?${query}`);
      const answer = logSubresource.handle(api.context as SubresourceContext, request, {} as never);
      await assert.rejects(answer, { code: 422, message: `PodLogOptions "bound" is invalid: ${says}` });
    });
  }

  test('what is no number', async () => {
    const api = await withPods();
    const request = api.request('GET', `${pods}/bound/log?tailLines=x`);
    const answer = logSubresource.handle(api.context as SubresourceContext, request, {} as never);
    await assert.rejects(answer, { code: 400, message: 'invalid value for tailLines: x' });
  });
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
