// Generated image archives into a runtime as a process, on a small disk of its own, while somebody else asks it.
import assert from 'node:assert/strict';
import { existsSync, mkdirSync, readdirSync, readFileSync, statfsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { isRpcError } from '../../proto/promise-client.ts';
import { fuzz, fuzzSeconds } from '../environment/fuzz.ts';
import { missingForContainers, runPod, TestNode, testImage, waitForExit } from '../integration/runtime/test-node.ts';
import { drawArchive } from './image-inputs.ts';
import { startProbe } from './runtime-probe.ts';

const healthPort = 18_077;
const importDeadlineMs = 60_000;
const answerDeadlineMs = 10_000;
const maxRssMiB = 500;
/** Making a pod takes a while: once in so many cases. */
const podEvery = 60;

describe('image archives', { skip: missingForContainers(), timeout: (fuzzSeconds + 180) * 1000 }, () => {
  let node: TestNode;
  let outside: string;
  before(async () => {
    const disk = { sizeMiB: 64, inodes: 20_000 };
    node = await TestNode.start({ disk, flags: ['--health-port', String(healthPort)] });
    outside = join(node.dir, 'outside');
    mkdirSync(outside);
    writeFileSync(join(outside, 'keep'), 'kept');
    await node.importTestImage();
  });
  after(() => node[Symbol.asyncDispose]());

  async function importArchive(archive: Buffer): Promise<string> {
    const pieces = async function* () {
      for (let at = 0; at < archive.length; at += 1 << 18) yield archive.subarray(at, at + (1 << 18));
    };
    try {
      await node.cri.importArchive(pieces(), { signal: AbortSignal.timeout(importDeadlineMs) });
      return 'imported';
    } catch (err) {
      if (!isRpcError(err)) throw err;
      return err.details;
    }
  }

  /** What is to be as before, whatever came. */
  function assertClean(freeBefore: number): void {
    assert.deepEqual(readdirSync(outside), ['keep'], 'a file outside of the layer');
    assert.equal(readFileSync(join(outside, 'keep'), 'utf8'), 'kept');
    assert.deepEqual(node.findLeftovers(), []);
    const layers = join(node.rootDir, 'layers');
    const halfMade = readdirSync(layers).filter((id) => !existsSync(join(layers, id, 'record.json')));
    assert.deepEqual(halfMade, [], 'layers that were not taken back');
    const { bfree, bsize } = statfsSync(node.rootDir);
    assert.ok(freeBefore - bfree * bsize < 1 << 20, 'the disk fills');
  }

  async function removeImages(): Promise<void> {
    const { images } = await node.cri.images.ListImages({}, { timeoutMs: answerDeadlineMs });
    for (const { id, repo_tags } of images)
      if (!repo_tags.includes(testImage)) await node.cri.images.RemoveImage({ image: { image: id } });
  }

  test('no archive breaks the runtime', async () => {
    await using probe = await startProbe(node, healthPort);
    const { bfree, bsize } = statfsSync(node.rootDir);
    const seen = new Map<string, number>();
    await fuzz(async (draw, index) => {
      const archive = drawArchive(draw, outside);
      const whenImported = importArchive(archive);
      // Others are answered meanwhile.
      await node.cri.runtime.Version({}, { timeoutMs: answerDeadlineMs });
      const outcome = await whenImported;
      assert.doesNotMatch(outcome, /Cannot read|is not a function|is not iterable|call stack|Invalid array length/);
      const kind = outcome.slice(0, 40).replace(/[0-9a-f]{8,}.*|\d+.*/, '');
      seen.set(kind, (seen.get(kind) ?? 0) + 1);
      await removeImages();
      assertClean(bfree * bsize);
      await probe.check({ maxRssMiB });
      if (index % podEvery !== 0) return;
      const { container_id, pod_sandbox_id } = await runPod(node, `fuzz-${index}`, { command: ['true'] });
      assert.equal((await waitForExit(node, container_id)).exit_code, 0);
      await node.cri.runtime.RemovePodSandbox({ pod_sandbox_id });
    });
    console.log('outcomes:', Object.fromEntries(seen));
  });
});
