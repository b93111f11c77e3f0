import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import type { Pod } from '../../api/core/pod.ts';
import { idsPerPodProblem, UserNamespaces } from './user-namespaces.ts';

const podOf = (uid: string, hostUsers?: boolean): Pod => ({
  metadata: { name: uid, uid },
  spec: { containers: [], ...(hostUsers === undefined ? {} : { hostUsers }) },
  status: {},
});
const range = (host_id: number, length = 65_536) => {
  const mappings = [{ host_id, container_id: 0, length }];
  return { mode: 'POD', uids: mappings, gids: mappings };
};

function inFolder(work: (dir: string) => void) {
  const dir = mkdtempSync(join(tmpdir(), 'k8ts-userns-'));
  try {
    work(dir);
  } finally {
    rmSync(dir, { recursive: true });
  }
}

describe('ranges of pods', () => {
  test('a pod has the users of the node unless it asks for its own', () =>
    inFolder((dir) => {
      for (const hostUsers of [undefined, true])
        assert.deepEqual(new UserNamespaces(dir, 65_536).of(podOf('a', hostUsers)), { mode: 'NODE' });
    }));

  test('each has its own, which is free again with its folder; the next kubelet knows them', () =>
    inFolder((dir) => {
      const of = (uid: string, kubelet = new UserNamespaces(dir, 65_536)) => kubelet.of(podOf(uid, false));
      const kubelet = new UserNamespaces(dir, 65_536);
      assert.deepEqual(of('a', kubelet), range(65_536));
      assert.deepEqual(of('b', kubelet), range(131_072));
      assert.deepEqual(of('a', kubelet), range(65_536));
      assert.deepEqual(of('b'), range(131_072));
      rmSync(join(dir, 'a'), { recursive: true });
      assert.deepEqual(of('c'), range(65_536));
      assert.deepEqual(of('a'), range(196_608));
    }));

  test("what lies on the disk has upstream's form, and half of it is nothing", () =>
    inFolder((dir) => {
      new UserNamespaces(dir, 65_536).of(podOf('a', false));
      const mappings = [{ hostId: 65_536, containerId: 0, length: 65_536 }];
      const file = join(dir, 'a', 'userns');
      assert.deepEqual(JSON.parse(readFileSync(file, 'utf8')), { uidMappings: mappings, gidMappings: mappings });
      writeFileSync(join(dir, 'a', 'userns.new'), '{');
      writeFileSync(file, '');
      mkdirSync(join(dir, 'other'));
      assert.deepEqual(new UserNamespaces(dir, 65_536).of(podOf('b', false)), range(65_536));
      for (const spoilt of ['{', '{}', '{"uidMappings":[{"hostId":0,"length":1}]}']) {
        writeFileSync(file, spoilt);
        assert.throws(
          () => new UserNamespaces(dir, 65_536).of(podOf('c', false)),
          /mappings of pod a are not readable/,
        );
      }
    }));

  test('ranges of another size are kept clear of', () =>
    inFolder((dir) => {
      for (const uid of ['a', 'b', 'c']) new UserNamespaces(dir, 65_536).of(podOf(uid, false));
      const large = new UserNamespaces(dir, 131_072);
      assert.deepEqual(large.of(podOf('d', false)), range(262_144, 131_072));
      assert.deepEqual(large.of(podOf('a', false)), range(65_536));
    }));

  test('a node has no more ids than there are', () =>
    inFolder((dir) => {
      const huge = new UserNamespaces(dir, 2 ** 31 - 65_536);
      huge.of(podOf('a', false));
      assert.throws(() => huge.of(podOf('b', false)), /could not find an empty slot/);
    }));
});

test('idsPerPod', () => {
  for (const ids of [65_536, 262_144]) assert.equal(idsPerPodProblem(ids), undefined);
  for (const [ids, problem] of [
    [0, /less than 65536/],
    [1.5, /less than/],
    [65_537, /multiple/],
    [2 ** 32, /must be less than 4294967296/],
  ] as const)
    assert.match(idsPerPodProblem(ids)!, problem);
});
