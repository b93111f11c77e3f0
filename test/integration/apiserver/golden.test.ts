// Replays recorded conversations with a real API server and compares the answers field by field.
import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { test } from 'node:test';
import { NamespaceKind } from '../../../api/core/namespace.ts';
import { referenceFile, startControlPlane, type TestControlPlane } from '../../environment/control-plane.ts';

/** Its refusal needs the controller that counts: integration/controllers/quota.test.ts has it. */
const byController = 'quota';

/** Stands in for the controllers that give every namespace its service account and CA. */
function fillNamespaces(api: TestControlPlane, signal: AbortSignal): Promise<void> {
  const namespaces = api.client().resource(NamespaceKind);
  return namespaces
    .watch({ signal }, ({ type, object }) => {
      const { name } = object.metadata;
      if (type !== 'ADDED' || !name?.startsWith('golden-')) return;
      const at = `/api/v1/namespaces/${name}`;
      void api.request('POST', `${at}/configmaps`, { body: { metadata: { name: 'kube-root-ca.crt' } } });
      void api.request('POST', `${at}/serviceaccounts`, { body: { metadata: { name: 'default' } } });
    })
    .catch(() => undefined); // ended by the signal
}

const golden = referenceFile('golden/api.json');
const checker = golden && join(dirname(golden), '..', '..', 'tools/golden/golden.py');
const skip =
  golden && checker && existsSync(checker) && spawnSync('python3', ['--version']).status === 0
    ? false
    : 'reference not present';

test('recorded conversations get the recorded answers', { skip, timeout: 120_000 }, async () => {
  await using api = await startControlPlane();
  const stop = new AbortController();
  const filling = fillNamespaces(api, stop.signal);
  const scenarios = JSON.parse(readFileSync(golden!, 'utf8')).filter(
    ({ name }: { name: string }) => name !== byController,
  );
  const file = api.file('golden.json');
  writeFileSync(file, JSON.stringify(scenarios));
  const args = [checker!, 'check', file, '--server', api.server, '--ca', api.file('ca.crt')];
  const child = spawn('python3', [...args, '--cert', api.file('admin.crt'), '--key', api.file('admin.key')]);
  let output = '';
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk) => (output += chunk));
  await once(child, 'close');
  stop.abort();
  await filling;
  assert.match(output, / 0 failed\s*$/, output);
});
