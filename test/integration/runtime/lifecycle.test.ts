// A pod's life with real containers: sandbox, container, logs, exit, removal, and nothing left.
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { missingForContainers, readLog, sandboxConfig, TestNode, testImage, waitForExit } from './test-node.ts';

describe('container lifecycle', { skip: missingForContainers() }, () => {
  test('a container runs, logs, exits and is removed', async () => {
    await using node = await TestNode.start();
    await node.importTestImage();
    const { runtime } = node.cri;
    const config = sandboxConfig(node, 'life');
    const { pod_sandbox_id } = await runtime.RunPodSandbox({ config });
    const { status: sandbox } = await runtime.PodSandboxStatus({ pod_sandbox_id });
    assert.equal(sandbox!.state, 'SANDBOX_READY');
    assert.equal(sandbox!.network!.ip, '10.244.77.2');
    const { container_id } = await runtime.CreateContainer({
      pod_sandbox_id,
      sandbox_config: config,
      config: {
        metadata: { name: 'main', attempt: 0 },
        image: { image: testImage },
        command: [
          'sh',
          '-c',
          'hostname; ip -4 addr show eth0 | grep -o "inet [0-9.]*"; echo oops >&2; printf partial; exit 3',
        ],
        log_path: 'main/0.log',
      },
    });
    await runtime.StartContainer({ container_id });
    const status = await waitForExit(node, container_id);
    assert.deepEqual([status.exit_code, status.reason], [3, 'Error']);
    assert.ok(BigInt(status.finished_at) > BigInt(status.started_at));
    const lines = readLog(join(config.log_directory, 'main/0.log')).map((l) => l.replace(/^\S+ /, ''));
    assert.deepEqual(lines.sort(), ['stderr F oops', 'stdout F inet 10.244.77.2', 'stdout F life', 'stdout P partial']);
  });
});
