// What the next hop of an upgrade is told, that a client cannot write a second request into it, and that both end.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import type { IncomingMessage } from 'node:http';
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net';
import { describe, test } from 'node:test';
import { startMemoryApi } from '../../test/builders/memory-api.ts';
import type { KubeletAccess } from '../kubelet-access.ts';
import type { SubresourceContext } from '../subresources/handler.ts';
import { execSubresource, portForwardSubresource } from '../subresources/pod-streams.ts';
import { forwardUpgrade, requestHead } from './upgrade.ts';

const hop = { host: '10.0.0.1', port: 10250, tls: true, kubelet: 'n' };

describe('the head of a forwarded upgrade', () => {
  test('leaves out who the client is and what it impersonates', () => {
    const rawHeaders = ['Host', 'api', 'Authorization', 'Bearer x', 'Impersonate-User', 'u', 'Impersonate-Uid', '1'];
    rawHeaders.push('Impersonate-Extra-Scopes', 'y', 'Upgrade', 'SPDY/3.1');
    const head = requestHead({ method: 'POST', rawHeaders }, { ...hop, path: '/exec/n/p/c?command=a' });
    assert.equal(head, 'POST /exec/n/p/c?command=a HTTP/1.1\r\nHost: 10.0.0.1:10250\r\nUpgrade: SPDY/3.1\r\n\r\n');
  });

  test('is never more than one request', () => {
    for (const path of ['/a HTTP/1.1\r\nHost: b\r\n\r\nPOST /exec', '/a b', '/\n', '/ä']) {
      assert.throws(() => requestHead({ method: 'GET', rawHeaders: [] }, { ...hop, path }), { code: 400 }, path);
    }
  });

  test('parameters of streams stay parameters, and are read as Python writes them', async () => {
    const api = await startMemoryApi();
    const body = { metadata: { name: 'p' }, spec: { nodeName: 'n', containers: [{ name: 'c', image: 'i' }] } };
    await api.send('POST', '/api/v1/namespaces/default/pods', { body });
    const kubelets = { addressOf: () => ({ host: '10.0.0.1', port: 10250 }) };
    const context = { ...api.context, kubelets } as unknown as SubresourceContext;
    const pod = '/api/v1/namespaces/default/pods/p';
    const ports = encodeURIComponent('80 HTTP/1.1\r\n\r\nPOST /run');
    const forwarded = await portForwardSubresource.upgrade!(
      context,
      api.request('GET', `${pod}/portforward?ports=${ports}`),
    );
    assert.equal(forwarded.path, '/portForward/default/p?port=80+HTTP%2F1.1%0D%0A%0D%0APOST+%2Frun');
    const query = 'command=ls&stderr=True&stdin=False&stdout=True&tty=False';
    const exec = await execSubresource.upgrade!(context, api.request('GET', `${pod}/exec?${query}`));
    assert.equal(exec.path, '/exec/default/p/c?output=1&error=1&command=ls');
  });
});

const listen = async (server: Server) => {
  await once(server.listen(0, '127.0.0.1'), 'listening');
  return (server.address() as AddressInfo).port;
};

test('a client is seen to leave, also after the next hop has', async (t) => {
  const deadline = { signal: AbortSignal.timeout(10_000) };
  const nextHop = createServer((socket) => socket.once('data', () => socket.end('bye')));
  const front = createServer({ allowHalfOpen: true });
  t.after(() => {
    for (const server of [nextHop, front]) server.close();
  });
  const port = await listen(nextHop);
  const client = connect({ port: await listen(front), host: '127.0.0.1', allowHalfOpen: true });
  const [socket] = (await once(front, 'connection', deadline)) as [Socket];
  const message = { method: 'GET', rawHeaders: ['Upgrade', 'websocket'] } as unknown as IncomingMessage;
  const target = { host: '127.0.0.1', port, path: '/', tls: false };
  forwardUpgrade({ message, socket, head: Buffer.alloc(0) }, target as never, {} as KubeletAccess);
  const chunks: Buffer[] = [];
  client.on('data', (chunk: Buffer) => chunks.push(chunk));
  await once(client, 'end', deadline);
  assert.equal(Buffer.concat(chunks).toString(), 'bye');
  client.end('more than anybody reads');
  await once(socket, 'close', deadline);
});
