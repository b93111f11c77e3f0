// Deadlines, against a server that answers nothing.
import assert from 'node:assert/strict';
import { EventEmitter, once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { Server, ServerCredentials, type ServiceDefinition, status, type UntypedHandleCall } from '@grpc/grpc-js';
import { connectCri } from './cri-client.ts';
import { imagesServiceDefinition, runtimeServiceDefinition } from './cri-services.ts';

async function serve(t: TestContext, definition: ServiceDefinition, handler: UntypedHandleCall) {
  const dir = mkdtempSync(join(tmpdir(), 'k8ts-cri-'));
  const server = new Server();
  const names = Object.keys(definition);
  server.addService(definition, Object.fromEntries(names.map((name) => [name, handler])));
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
  return cri;
}

test('a call to a runtime that hangs ends, and one that waits for work of others goes on', async (t) => {
  const cri = await serve(t, runtimeServiceDefinition, () => undefined);
  await assert.rejects(cri.runtime.Version({}), { code: status.DEADLINE_EXCEEDED });
  const long = Promise.race([
    cri.runtime.ExecSync({ container_id: 'c' }).catch(() => 'failed'),
    cri.runtime.StopContainer({ container_id: 'c', timeout: '30' }).catch(() => 'failed'),
    assert.rejects(cri.runtime.Version({}, { timeoutMs: 300 })).then(() => 'still waiting'),
  ]);
  assert.equal(await long, 'still waiting');
});

test('an archive that cannot be read ends its import', { timeout: 10_000 }, async (t) => {
  const arrived = new EventEmitter();
  const cri = await serve(t, imagesServiceDefinition, (call: EventEmitter) => {
    for (const name of ['data', 'cancelled']) call.once(name, () => arrived.emit(name));
  });
  const ended = once(arrived, 'cancelled');
  const broken = (async function* () {
    const begun = once(arrived, 'data');
    yield Buffer.from('a');
    await begun;
    throw new Error('EISDIR');
  })();
  await assert.rejects(cri.importArchive(broken), /EISDIR/);
  await ended;
});
