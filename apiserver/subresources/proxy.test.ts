// The proxy to pods and services, against a web server on loopback that stands for a pod.
import assert from 'node:assert/strict';
import { EventEmitter, once } from 'node:events';
import { createServer, type RequestListener } from 'node:http';
import type { AddressInfo } from 'node:net';
import { PassThrough } from 'node:stream';
import { describe, test } from 'node:test';
import { deflateSync, gunzipSync, gzipSync, inflateSync } from 'node:zlib';
import { type MemoryApi, startMemoryApi } from '../../test/builders/memory-api.ts';
import type { FrontRequest } from '../http/front.ts';
import { noBody } from '../http/request-body.ts';
import type { SubresourceContext } from './handler.ts';
import { nodeProxySubresource, podProxySubresource, relay, serviceProxySubresource, throughProxy } from './proxy.ts';

const pod = '/api/v1/namespaces/default/pods/p';

/** A response as the proxy writes it. */
class Recorded extends EventEmitter {
  code = 0;
  headers: Record<string, string> = {};
  writeHead(code: number, headers: Record<string, string>): void {
    this.code = code;
    this.headers = headers;
  }
  end(): void {}
}

async function withPod(podIP: string): Promise<MemoryApi> {
  const api = await startMemoryApi();
  const made = await api.send('POST', '/api/v1/namespaces/default/pods', {
    body: { metadata: { name: 'p' }, spec: { containers: [{ name: 'c', image: 'i' }] } },
  });
  await api.send('PUT', `${pod}/status`, { body: { ...made, status: { podIP } } });
  await api.context.store.cache.waitConsistent();
  return api;
}

const contextOf = (api: MemoryApi) => api.context as SubresourceContext;

describe('where a proxy may lead', () => {
  for (const address of ['127.0.0.1', '169.254.169.254', '0.0.0.0', '224.0.0.1', '::1', 'fe80::1']) {
    test(`not to ${address}`, async () => {
      const api = await withPod(address);
      const request = api.request('GET', `${pod}/proxy/`);
      await assert.rejects(podProxySubresource.upgrade!(contextOf(api), request), { code: 400 });
    });
  }

  test('to a pod, on a port, by the path that was sent', async () => {
    const api = await withPod('10.9.8.7');
    const target = await podProxySubresource.upgrade!(
      contextOf(api),
      api.request('GET', '/api/v1/namespaces/default/pods/https:p:8443/proxy/a%20b/?x=1'),
    );
    assert.deepEqual(target, { host: '10.9.8.7', port: 8443, tls: true, path: '/a%20b/?x=1' });
    const odd = api.request('GET', '/api/v1/namespaces/default/pods/p:http/proxy/');
    await assert.rejects(podProxySubresource.upgrade!(contextOf(api), odd), { code: 400 });
  });

  test('not to another port of a service than the one asked for', async () => {
    const api = await startMemoryApi();
    const body = { metadata: { name: 's' }, spec: { ports: [{ port: 80 }] } };
    await api.send('POST', '/api/v1/namespaces/default/services', { body });
    const request = api.request('GET', '/api/v1/namespaces/default/services/s:81/proxy/');
    await assert.rejects(serviceProxySubresource.upgrade!(contextOf(api), request), {
      code: 503,
      message: 'no service port 81 found for service "s"',
    });
  });

  test('to the kubelet of a node with our certificate, to its other ports without', async () => {
    const api = await startMemoryApi();
    const kubelets = { addressOf: () => ({ host: '10.0.0.2', port: 10250 }) };
    const context = { ...api.context, kubelets } as unknown as SubresourceContext;
    const target = (name: string) =>
      nodeProxySubresource.upgrade!(context, api.request('GET', `/api/v1/nodes/${name}/proxy/x`));
    assert.deepEqual(await target('n'), { host: '10.0.0.2', port: 10250, tls: true, kubelet: 'n', path: '/x' });
    assert.equal((await target('n:10250')).kubelet, 'n');
    assert.deepEqual(await target('n:80'), { host: '10.0.0.2', port: 80, tls: false, path: '/x' });
  });

  for (const host of ['127.0.0.1', '169.254.169.254', '::1', '::ffff:127.0.0.1', 'fe80::1', '0.0.0.0', 'localhost'])
    test(`not to a node that says it is ${host}: neither its kubelet nor another port`, async () => {
      const api = await startMemoryApi();
      const kubelets = { addressOf: () => ({ host, port: 10250 }) };
      const context = { ...api.context, kubelets } as unknown as SubresourceContext;
      for (const name of ['n', 'n:10250', 'http:n:8080', 'https:n:443']) {
        const request = api.request('GET', `/api/v1/nodes/${name}/proxy/x`);
        await assert.rejects(nodeProxySubresource.upgrade!(context, request), { message: 'address not allowed' });
      }
    });
});

test('a GET without a path is sent to the slash', async () => {
  const api = await withPod('10.9.8.7');
  const raw = new Recorded();
  const front = { method: 'GET', url: `${pod}/proxy?a=b`, headers: {}, body: noBody, raw } as unknown as FrontRequest;
  await podProxySubresource.handle(contextOf(api), api.request('GET', `${pod}/proxy?a=b`), front);
  assert.deepEqual([raw.code, raw.headers], [301, { location: `${pod}/proxy/?a=b` }]);
});

describe('redirects are seen through the proxy', () => {
  const cases: [location: string, want: string][] = [
    ['/login?x=1', `${pod}/proxy/login?x=1`],
    ['http://10.0.0.1:80/login', `${pod}/proxy/login`],
    ['http://10.0.0.1:80', `${pod}/proxy/`],
    ['https://elsewhere/login', 'https://elsewhere/login'],
    ['//elsewhere/login', '//elsewhere/login'],
    ['login', 'login'],
    [`${pod}/proxy/login`, `${pod}/proxy/login`],
  ];
  for (const [location, want] of cases) {
    test(location, () => {
      assert.equal(throughProxy(location, { path: `${pod}/proxy/a/b`, rest: '/a/b' }, '10.0.0.1:80'), want);
    });
  }
});

/** Asks for `/x` of a web server on loopback, as through the proxy of a node. */
async function askThrough(listener: RequestListener, head: Pick<FrontRequest, 'method' | 'headers'>) {
  const server = createServer(listener);
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const api = await startMemoryApi();
  const { port } = server.address() as AddressInfo;
  const answer = { code: 0, headers: {} as Record<string, string>, body: '', isWhole: false };
  const raw = Object.assign(new PassThrough(), {
    writeHead: (code: number, headers: Record<string, string>) => Object.assign(answer, { code, headers }),
  });
  raw.on('data', (part: Buffer) => (answer.body += part.toString('latin1')));
  raw.on('end', () => (answer.isWhole = true));
  const url = `/api/v1/nodes/n:${port}/proxy/x`;
  const socket = { remoteAddress: '10.1.1.1' };
  const front = { ...head, url, body: noBody, raw, socket } as unknown as FrontRequest;
  const closed = once(raw, 'close');
  const backend = { host: '127.0.0.1', port, tls: false };
  try {
    await relay(contextOf(api), api.request('GET', url), front, backend);
    await closed;
  } finally {
    server.close();
  }
  return { ...answer, prefix: `/api/v1/nodes/n:${port}/proxy` };
}

const get = { method: 'GET', headers: {} };

test('an answer that breaks off is broken off', async () => {
  const { isWhole } = await askThrough((_request, response) => {
    response.writeHead(200, { 'content-length': '100' });
    response.write('half');
    setImmediate(() => response.destroy());
  }, get);
  assert.equal(isWhole, false);
});

for (const code of ['099', '700', '999'])
  test(`an answer with the code ${code} is that of a bad gateway`, async () => {
    const answer = await askThrough(
      ({ socket }) => socket.end(`HTTP/1.1 ${code} X\r\nContent-Length: 2\r\n\r\nhi`),
      get,
    );
    assert.deepEqual([answer.code, answer.body], [502, 'hi']);
  });

test('an answer in another protocol that nobody asked for is none', () =>
  assert.rejects(
    askThrough(({ socket }) => socket.end('HTTP/1.1 101 X\r\nUpgrade: x\r\nConnection: Upgrade\r\n\r\n'), get),
    { code: 503, message: /^error trying to reach service: backend tried to switch protocols/ },
  ));

describe('the links of a page are seen through the proxy', () => {
  const page = '<a href="/rewriteme">test</a>';
  const cases: [name: string, encode: (text: string) => Buffer, decode: (data: Buffer) => Buffer][] = [
    ['', (text) => Buffer.from(text), (data) => data],
    ['gzip', gzipSync, gunzipSync],
    ['deflate', deflateSync, inflateSync],
  ];
  for (const [encoding, encode, decode] of cases) {
    test(encoding || 'as it is', async () => {
      const { headers, body, prefix } = await askThrough((_request, response) => {
        response.setHeader('content-type', 'text/html; charset=utf-8');
        if (encoding) response.setHeader('content-encoding', encoding);
        response.end(encode(page));
      }, get);
      assert.equal(decode(Buffer.from(body, 'latin1')).toString(), `<a href="${prefix}/rewriteme">test</a>`);
      assert.equal(headers['content-length'], undefined);
    });
  }

  test('and what is no page stays as it is', async () => {
    const { body, headers } = await askThrough((_request, response) => {
      response.writeHead(200, { 'content-type': 'text/plain', 'content-length': page.length });
      response.end(page);
    }, get);
    assert.deepEqual([body, headers['content-length']], [page, String(page.length)]);
  });
});

test('what is behind a proxy hears who asks for what, and does not say who may read the answer', async () => {
  const { body, headers } = await askThrough(
    (request, response) => {
      response.setHeader('access-control-allow-origin', '*');
      response.end(`${request.headers['x-forwarded-for']} ${request.headers['x-forwarded-uri']}`);
    },
    { method: 'GET', headers: { 'x-forwarded-for': '10.2.2.2' } },
  );
  assert.match(body, /^10\.2\.2\.2, 10\.1\.1\.1 \/api\/v1\/nodes\/n:\d+\/proxy\/x$/);
  assert.equal(headers['access-control-allow-origin'], undefined);
});
