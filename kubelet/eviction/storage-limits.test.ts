import assert from 'node:assert/strict';
import { linkSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import type { PodSpec } from '../../api/core/pod/pod-spec.ts';
import { measureFolder } from '../../host/folder-size.ts';
import { judgeStorage } from './storage-limits.ts';

const mib = 1 << 20;
const limited = (name: string, limit?: string) => ({
  name,
  ...(limit === undefined ? {} : { resources: { limits: { 'ephemeral-storage': limit } } }),
});
const emptyDir = (name: string, sizeLimit?: string, medium?: string) => ({
  name,
  emptyDir: { ...(sizeLimit ? { sizeLimit } : {}), ...(medium ? { medium } : {}) },
});

const cases: { name: string; spec: PodSpec; volumes?: object; containers?: object; want: string | undefined }[] = [
  {
    name: 'a volume over its limit',
    spec: { containers: [limited('a')], volumes: [emptyDir('u'), emptyDir('v', '1Mi')] },
    volumes: { u: 9 * mib, v: mib + 1 },
    want: 'Usage of EmptyDir volume "v" exceeds the limit "1Mi". ',
  },
  {
    name: 'a volume at its limit, and others without one',
    spec: { containers: [limited('a')], volumes: [emptyDir('u'), emptyDir('v', '1024Ki'), emptyDir('w', '0')] },
    volumes: { u: 9 * mib, v: mib, w: mib },
    want: undefined,
  },
  {
    name: 'a volume in memory is held by its mount',
    spec: { containers: [limited('a')], volumes: [emptyDir('v', '1Mi', 'Memory')] },
    volumes: { v: 2 * mib },
    want: undefined,
  },
  {
    name: 'a container over its own limit, while the pod is within the sum',
    spec: { containers: [limited('a', '2Mi'), limited('b', '2Mi')] },
    containers: { a: mib, b: 3 * mib },
    want: 'Container b exceeded its local ephemeral storage limit "2Mi". ',
  },
  {
    name: 'volumes count towards the pod as a whole',
    spec: { containers: [limited('a', '2Mi'), limited('b')], volumes: [emptyDir('v')] },
    volumes: { v: mib },
    containers: { a: mib, b: 1 },
    want: 'Pod ephemeral local storage usage exceeds the total limit of containers 2Mi. ',
  },
  {
    name: 'nobody has a limit',
    spec: { containers: [limited('a')], volumes: [emptyDir('v')] },
    volumes: { v: 99 * mib },
    containers: { a: 99 * mib },
    want: undefined,
  },
];

describe('judgeStorage()', () => {
  for (const { name, spec, volumes = {}, containers = {}, want } of cases) {
    test(name, () => {
      const use = { volumes: new Map(Object.entries(volumes)), containers: new Map(Object.entries(containers)) };
      const verdict = judgeStorage({ metadata: { name: 'p' }, spec, status: {} }, use);
      assert.equal(verdict?.message, want);
    });
  }
});

test('measureFolder() counts blocks once, whatever the names, and follows no link', async (t) => {
  const dir = mkdtempSync(join(tmpdir(), 'k8ts-size-'));
  t.after(() => rmSync(dir, { recursive: true }));
  const inner = join(dir, 'inner');
  mkdirSync(inner);
  symlinkSync('/usr', join(dir, 'link'));
  const empty = (await measureFolder(dir)).bytes;
  const odd = Buffer.concat([Buffer.from(`${inner}/`), Buffer.from([0xff])]);
  writeFileSync(odd, Buffer.alloc(mib, 1));
  linkSync(odd, join(dir, 'again'));
  const grown = (await measureFolder(dir)).bytes - empty;
  assert.ok(grown >= mib && grown < 1.5 * mib, `${grown}`);
  writeFileSync(join(dir, 'more'), Buffer.alloc(4 * mib, 1));
  assert.ok((await measureFolder(dir, mib / 2)).bytes > mib / 2, 'more than enough is enough');
  assert.deepEqual(await measureFolder(join(dir, 'none')), { bytes: 0, inodes: 0 });
});
