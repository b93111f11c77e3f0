// Looks after a runtime that is under fire: is it the same process, how much memory does it have,
// how long was its event loop kept busy.
import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import type { TestNode } from '../integration/runtime/test-node.ts';
import { StallBound } from './stall-bound.ts';

const maxMoreFiles = 50;
/** Asking for metrics costs a request: once in so many checks. */
const lookEvery = 20;

export interface RuntimeProbe extends AsyncDisposable {
  check(limits: { maxRssMiB: number }): Promise<void>;
}

export async function startProbe(node: TestNode, healthPort: number): Promise<RuntimeProbe> {
  const pid = node.runtimePid;
  const forwarded = await node.forward(healthPort);
  const openFiles = () => readdirSync(`/proc/${pid}/fd`).length;
  const rssMiB = () => Number(/^VmRSS:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]) / 1024;
  const stallSeconds = async () => {
    const answer = await fetch(`http://127.0.0.1:${forwarded.port}/metrics`);
    return Number(/^k8ts_event_loop_stall_seconds (\S+)$/m.exec(await answer.text())?.[1]);
  };
  const filesBefore = openFiles();
  const bound = new StallBound();
  let stalled = await stallSeconds();
  let checks = 0;
  return {
    async check({ maxRssMiB }) {
      assert.ok(rssMiB() < maxRssMiB, `the runtime has ${rssMiB()} MiB`);
      assert.ok(openFiles() < filesBefore + maxMoreFiles, `the runtime has ${openFiles()} open files`);
      if (checks++ % lookEvery !== 0) return;
      const stall = await stallSeconds();
      assert.ok(stall <= Math.max(stalled, bound.take()), `a stall of ${stall} s within the last ${lookEvery} cases`);
      stalled = Math.max(stalled, stall);
    },
    async [Symbol.asyncDispose]() {
      forwarded.close();
    },
  };
}
