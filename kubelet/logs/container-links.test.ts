import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, dirname, join } from 'node:path';
import { test } from 'node:test';
import { linkLog, linkPathOf, unlinkLog, unlinkLogsOf } from './container-links.ts';
import { removePodLogs } from './pod-log-folders.ts';

test('the name of a link says whose log it is, in no more than a name can have', () => {
  const logs = '/var/log/pods/ns_web-1_0b5e/app/3.log';
  assert.equal(linkPathOf(logs, 'abc'), '/var/log/containers/web-1_ns_app-abc.log');
  const long = linkPathOf(`/var/log/pods/${'n'.repeat(63)}_${'p'.repeat(253)}_u/c/0.log`, 'f'.repeat(64));
  assert.equal(basename(long), `${'p'.repeat(251)}.log`);
});

test('links come with containers, and go with them or with their pod', async (t) => {
  const dir = mkdtempSync(join(tmpdir(), 'k8ts-links-'));
  t.after(() => rmSync(dir, { recursive: true }));
  const pods = join(dir, 'pods');
  const logOf = (pod: string, n: number) => join(pods, pod, 'app', `${n}.log`);
  const start = (pod: string, n: number, id: string) => {
    mkdirSync(dirname(logOf(pod, n)), { recursive: true });
    writeFileSync(logOf(pod, n), `${pod} ${n}\n`);
    linkLog(logOf(pod, n), id);
  };
  const links = () => readdirSync(join(dir, 'containers')).sort();
  for (const [n, id] of ['a', 'b', 'c'].entries()) start('ns_web_uid1', n, id);
  start('ns_web-2_uid2', 0, 'd');
  start('ns_web_uid3', 0, 'e'); // one of the same name, after it
  linkLog(logOf('ns_web_uid1', 0), 'a'); // a kubelet that was killed says it again
  assert.equal(readFileSync(join(dir, 'containers', 'web_ns_app-b.log'), 'utf8'), 'ns_web_uid1 1\n');
  await unlinkLog(logOf('ns_web_uid1', 0), 'a');
  await unlinkLog(logOf('ns_web_uid1', 0), 'a');
  const rest = ['web-2_ns_app-d.log', 'web_ns_app-e.log'];
  assert.deepEqual(links(), [rest[0], 'web_ns_app-b.log', 'web_ns_app-c.log', rest[1]]);
  await removePodLogs(pods, 'uid1');
  assert.deepEqual([links(), readdirSync(pods).sort()], [rest, ['ns_web-2_uid2', 'ns_web_uid3']]);
  rmSync(join(dir, 'containers'), { recursive: true });
  await unlinkLogsOf(join(pods, 'ns_web_uid3'));
});
