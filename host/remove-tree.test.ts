// Trees that no path reaches to the end of.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { existsSync, mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { removeTree, removeTreeSync } from './remove-tree.ts';

/** Goes down by relative names, as a program in a container can. */
function makeDeepTree(): string {
  const dir = mkdtempSync(join(tmpdir(), 'k8ts-deep-'));
  const script =
    'n=$(printf %0200d 0); i=0; while [ $i -lt 60 ]; do mkdir $n && cd -P $n && i=$((i+1)); done; touch end';
  execFileSync('sh', ['-c', script], { cwd: dir });
  return dir;
}

test('a tree deeper than a path may be long is removed', async () => {
  const [first, second] = [makeDeepTree(), makeDeepTree()];
  await removeTree(first);
  removeTreeSync(second);
  assert.deepEqual([existsSync(first), existsSync(second)], [false, false]);
});

test('what is not there is removed already', async () => {
  await removeTree('/nonexistent/k8ts');
  removeTreeSync('/nonexistent/k8ts');
});
