import assert from 'node:assert/strict';
import { test } from 'node:test';
import { goArchitecture } from './architecture.ts';

test("architectures have Go's names", () => {
  const names = ['x64', 'arm64', 'ia32', 'ppc64', 'riscv64'].map(goArchitecture);
  assert.deepEqual(names, ['amd64', 'arm64', '386', 'ppc64le', 'riscv64']);
});
