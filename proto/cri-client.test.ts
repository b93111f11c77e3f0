// Deadlines, against a server that answers nothing.
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { Server, ServerCredentials, status } from '@grpc/grpc-js';
import { connectCri } from './cri-client.ts';
import { runtimeServiceDefinition } from './cri-services.ts';

test('a call to a runtime that hangs ends, and one that waits for work of others goes on', async (t) => {
  const dir = mkdtempSync(join(tmpdir(), 'k8ts-cri-'));
  const server = new Server();
  const hang = () => undefined;
  const names = Object.keys(runtimeServiceDefinition);
  server.addService(runtimeServiceDefinition, Object.fromEntries(names.map((name) => [name, hang])));
  const socket = join(dir, 'cri.sock');
  await new Promise<void>((resolve, reject) => {
    server.bindAsync(`unix:${socket}`, ServerCredentials.createInsecure(), (err) => (err ? reject(err) : resolve()));
  });
  const cri = connectCri(socket, { timeoutMs: 100 });
  t.after(() => {
    cri.close();
    server.forceShutdown();
    rmSync(dir, { recursive: true });
  });
  await assert.rejects(cri.runtime.Version({}), { code: status.DEADLINE_EXCEEDED });
  const long = Promise.race([
    cri.runtime.ExecSync({ container_id: 'c' }).catch(() => 'failed'),
    cri.runtime.StopContainer({ container_id: 'c', timeout: '30' }).catch(() => 'failed'),
    assert.rejects(cri.runtime.Version({}, { timeoutMs: 300 })).then(() => 'still waiting'),
  ]);
  assert.equal(await long, 'still waiting');
});
