// Watches for clients that ask for a WebSocket, as browsers do. Those of logs, exec and
// port-forward are in test/e2e/streams.test.ts.
import assert from 'node:assert/strict';
import { on, once } from 'node:events';
import { after, before, describe, test } from 'node:test';
import { WebSocket } from 'ws';
import { ConfigMapKind } from '../../../api/core/configmap.ts';
import { decodeMessage, protobufType, readEnvelope } from '../../../apiserver/protobuf/envelope.ts';
import { startControlPlane, type TestControlPlane } from '../../environment/control-plane.ts';

let api: TestControlPlane;
before(async () => {
  api = await startControlPlane();
});
after(() => api[Symbol.asyncDispose]());

const configMaps = '/api/v1/namespaces/default/configmaps';

describe('WebSockets in the place of long answers', () => {
  const open = (path: string, headers: Record<string, string> = {}, origin = 'https://dashboard.example') => {
    const { ca, cert, key } = api.config;
    return new WebSocket(`wss://127.0.0.1:${api.port}${path}`, { ca, cert, key, origin, headers });
  };

  test('a watch is one text message an event', async () => {
    const names = Array.from({ length: 20 }, (_, i) => `ws-${String(i).padStart(2, '0')}`);
    const make = (name: string) =>
      api.request('POST', configMaps, { body: { metadata: { name, labels: { ws: 'a' } } } });
    await Promise.all(names.slice(0, 10).map(make));
    const ws = open(`${configMaps}?watch=true&labelSelector=ws%3Da`);
    const seen: string[] = [];
    const all = new Promise<void>((resolve, reject) => {
      ws.on('error', reject);
      ws.on('close', () => reject(new Error('closed')));
      ws.on('message', (message: Buffer, isBinary: boolean) => {
        const { type, object } = JSON.parse(message.toString());
        seen.push(`${type} ${object.metadata.name} ${isBinary ? 'binary' : 'text'}`);
        if (seen.length === names.length) resolve();
      });
    });
    await once(ws, 'open');
    await Promise.all(names.slice(10).map(make));
    await all;
    ws.close();
    assert.deepEqual(
      seen.sort(),
      names.map((name) => `ADDED ${name} text`),
    );
  });

  test('in protobuf it is one message of bytes, without the length that frames have', async () => {
    const made = ['ws-pb-0', 'ws-pb-1'].map((name) =>
      api.request('POST', configMaps, { body: { metadata: { name, labels: { ws: 'pb' } } } }),
    );
    await Promise.all(made);
    const ws = open(`${configMaps}?watch=true&labelSelector=ws%3Dpb`, { accept: protobufType });
    const seen: string[] = [];
    for await (const [message, isBinary] of on(ws, 'message')) {
      const { kind, raw } = readEnvelope(message.subarray(message.indexOf('k8s\0')));
      const { metadata }: any = decodeMessage(ConfigMapKind.storage.schema, raw);
      seen.push(`${message[1]} ${kind} ${metadata.name} ${isBinary}`);
      if (seen.length === made.length) break;
    }
    ws.close();
    const addedLength = 5;
    assert.deepEqual(
      seen,
      [0, 1].map((i) => `${addedLength} ConfigMap ws-pb-${i} true`),
    );
  });

  test('it asks where one comes from', async () => {
    const refused = open(`${configMaps}?watch=true`, {}, '');
    const [, response] = await once(refused, 'unexpected-response');
    assert.equal(response.statusCode, 403);
  });

  test('it ends in time, and a refusal is an answer in HTTP', async () => {
    const timed = open(`${configMaps}?watch=true&timeoutSeconds=1&labelSelector=none`);
    const [code] = await once(timed, 'close');
    assert.equal(code, 1000);
    const refused = open('/api/v1/namespaces/default/nothings?watch=true');
    const [, response] = await once(refused, 'unexpected-response');
    assert.equal(response.statusCode, 404);
    const parts: Buffer[] = [];
    for await (const part of response) parts.push(part);
    assert.equal(JSON.parse(Buffer.concat(parts).toString()).reason, 'NotFound');
  });

  const rights = [
    { verbs: ['get'], code: 403 },
    { verbs: ['create'], code: 403 },
    { verbs: ['get', 'create'], code: 404 },
  ];
  for (const { verbs, code } of rights) {
    test(`what runs in a pod is reached by who may ${verbs.join(' and ')}: ${code}`, async () => {
      const name = `may-${verbs.join('-')}`;
      const rbac = '/apis/rbac.authorization.k8s.io/v1/namespaces/default';
      const rules = [{ apiGroups: [''], resources: ['pods/exec'], verbs }];
      const roleRef = { apiGroup: 'rbac.authorization.k8s.io', kind: 'Role', name };
      await api.request('POST', `${rbac}/roles`, { body: { metadata: { name }, rules } });
      const subjects = [{ kind: 'User', name }];
      await api.request('POST', `${rbac}/rolebindings`, { body: { metadata: { name }, roleRef, subjects } });
      const path = `/api/v1/namespaces/default/pods/none/exec?command=a&stdout=true`;
      const [, response] = await once(open(path, { 'impersonate-user': name }), 'unexpected-response');
      assert.equal(response.statusCode, code);
    });
  }
});
