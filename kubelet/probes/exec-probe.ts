// Probe by command: succeeds when it exits with 0. Upstream: pkg/probe/exec.
import { status } from '@grpc/grpc-js';
import type { CriClient } from '../../proto/cri-client.ts';
import { isRpcError } from '../../proto/promise-client.ts';
import { expandAll } from '../spec/expansion.ts';
import { beginningOf, failure, type Prober, success, unknown } from './probe-result.ts';
import { describeRpcError } from './rpc-text.ts';

export const createExecProber =
  (cri: CriClient): Prober =>
  async (probe, { containerId, container }) => {
    // Only what stands in the spec as a value is known here.
    const values = new Map((container.env ?? []).map(({ name, value = '' }) => [name, value]));
    let command: string[] = [];
    const seconds = probe.timeoutSeconds ?? 1;
    try {
      command = expandAll(probe.exec?.command ?? [], (name) => values.get(name));
      const answer = await cri.runtime.ExecSync({ container_id: containerId, cmd: command, timeout: String(seconds) });
      const output = beginningOf(answer.stdout, answer.stderr);
      return answer.exit_code === 0 ? success(output) : failure(output);
    } catch (err) {
      if (isRpcError(err) && err.code === status.DEADLINE_EXCEEDED) {
        return failure(`command timed out: "${command.join(' ')}" timed out after ${seconds}s`);
      }
      return unknown(describeRpcError(err));
    }
  };
