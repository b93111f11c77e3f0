// How long the steps of a pod take. The limits are generous, for busy machines; the figures are printed.
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { missingForContainers, sandboxConfig, TestNode, testImage } from './test-node.ts';

const rounds = 20;

function summarise(values: number[]) {
  const sorted = [...values].sort((a, b) => a - b);
  const at = (q: number) => Number(sorted[Math.min(sorted.length - 1, Math.floor(q * sorted.length))]!.toFixed(1));
  return { min: at(0), median: at(0.5), p90: at(0.9) };
}

describe('timing', { skip: missingForContainers(), timeout: 60_000 }, () => {
  test('pods start and stop quickly', async (t) => {
    await using node = await TestNode.start();
    await node.importTestImage();
    const { runtime } = node.cri;
    const times: Record<string, number[]> = {};
    const measure = async <T>(name: string, work: () => Promise<T>): Promise<T> => {
      const start = performance.now();
      const result = await work();
      times[name] = [...(times[name] ?? []), performance.now() - start];
      return result;
    };
    for (let i = 0; i < rounds; i++) {
      const config = sandboxConfig(node, `timed-${i}`);
      await measure('pod', async () => {
        const { pod_sandbox_id } = await measure('RunPodSandbox', () => runtime.RunPodSandbox({ config }));
        const container = {
          metadata: { name: 'c', attempt: 0 },
          image: { image: testImage },
          command: ['sleep', '1000'],
          log_path: 'c.log',
        };
        const request = { pod_sandbox_id, config: container, sandbox_config: config };
        const { container_id } = await measure('CreateContainer', () => runtime.CreateContainer(request));
        await measure('StartContainer', () => runtime.StartContainer({ container_id }));
      });
    }
    const { items } = await runtime.ListPodSandbox({});
    for (const { id } of items) {
      const { containers } = await runtime.ListContainers({ filter: { pod_sandbox_id: id } });
      await measure('ExecSync', () => runtime.ExecSync({ container_id: containers[0]!.id, cmd: ['true'] }));
      await measure('StopContainer', () => runtime.StopContainer({ container_id: containers[0]!.id, timeout: '0' }));
      await measure('StopPodSandbox', () => runtime.StopPodSandbox({ pod_sandbox_id: id }));
      await measure('RemovePodSandbox', () => runtime.RemovePodSandbox({ pod_sandbox_id: id }));
    }
    const summary = Object.entries(times).map(([name, values]) => ({ name, ...summarise(values) }));
    for (const s of summary) t.diagnostic(`${s.name}: min ${s.min} ms, median ${s.median} ms, p90 ${s.p90} ms`);
    assert.ok(summary.find((s) => s.name === 'pod')!.median < 400);
  });
});
