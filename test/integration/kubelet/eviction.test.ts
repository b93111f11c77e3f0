// A node that is always short of memory, by its configuration: who is evicted, and what that looks like.
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { eventually, type Kubectl } from '../../environment/kubectl.ts';
import { needsRoot, type TestCluster, testCluster } from '../cli/k8ts-command.ts';
import { image, upWithBusybox } from './busybox-cluster.ts';

/** What the machine itself needs is more than one part in a thousand: it is always met. */
const config = `kind: KubeletConfiguration
apiVersion: kubelet.config.k8s.io/v1beta1
evictionHard:
  memory.available: 99.9%
`;

describe('a node that is short of memory', { skip: needsRoot }, () => {
  let cluster: TestCluster;
  let kubectl: Kubectl;
  let dir: string;

  before(async () => {
    dir = mkdtempSync(join(tmpdir(), 'k8ts-eviction-'));
    writeFileSync(join(dir, 'config.yaml'), config);
    cluster = testCluster('eviction');
    kubectl = await upWithBusybox(cluster, '--config', join(dir, 'config.yaml'));
  });

  after(() => {
    cluster?.[Symbol.dispose]();
    rmSync(dir, { recursive: true, force: true });
  });

  const create = (name: string, spec: object, resources: object = {}) =>
    kubectl.apply({
      apiVersion: 'v1',
      kind: 'Pod',
      metadata: { name },
      spec: {
        nodeName: `${cluster.name}-control-plane`,
        automountServiceAccountToken: false,
        terminationGracePeriodSeconds: 30,
        containers: [
          { name: 'c', image, resources, command: ['sh', '-c', 'trap "exit 0" TERM; while :; do sleep 0.2; done'] },
        ],
        ...spec,
      },
    });
  const until = (name: string, check: (pod: any) => unknown) =>
    eventually(
      name,
      () => {
        const pod = kubectl.json('get', 'pod', name);
        return check(pod) ? pod : undefined;
      },
      180_000,
    );
  const patience = 180_000;

  test('says so, and evicts who asks for less than it takes, with all that tells why', async () => {
    // Priority decides about all that take more than they ask for.
    const tolerations = [{ key: 'node.kubernetes.io/memory-pressure', operator: 'Exists' }];
    create('best-effort', { tolerations });
    create('critical', { priorityClassName: 'system-node-critical', tolerations });
    create('modest', { tolerations }, { requests: { memory: '64Mi' } });
    const pod = await until('best-effort', ({ status }) => status.phase === 'Failed');
    assert.equal(pod.status.reason, 'Evicted');
    const wanted =
      /^The node was low on resource: memory\. Threshold quantity: \w+, available: \w+\. Container c was using \w+, request is 0, has larger consumption of memory\. $/;
    assert.match(pod.status.message, wanted);
    const target = pod.status.conditions.find((c: any) => c.type === 'DisruptionTarget');
    assert.deepEqual(
      [target.status, target.reason, target.message],
      ['True', 'TerminationByKubelet', pod.status.message],
    );
    const event = await eventually('its event', () =>
      kubectl
        .json('get', 'events', '--field-selector', 'involvedObject.name=best-effort')
        .items.find((e: any) => e.reason === 'Evicted'),
    );
    assert.deepEqual([event.type, event.message], ['Warning', pod.status.message]);
    await eventually('the event of the node', () =>
      kubectl
        .json('get', 'events', '--field-selector', 'involvedObject.kind=Node')
        .items.find((e: any) => e.reason === 'EvictionThresholdMet' && e.message === 'Attempting to reclaim memory'),
    );
    const node = await eventually(
      'the taint',
      () => {
        const found = kubectl.json('get', 'node', `${cluster.name}-control-plane`);
        return found.spec.taints?.some((t: any) => t.key === 'node.kubernetes.io/memory-pressure') ? found : undefined;
      },
      patience,
    );
    const condition = node.status.conditions.find((c: any) => c.type === 'MemoryPressure');
    assert.deepEqual([condition.status, condition.reason], ['True', 'KubeletHasInsufficientMemory']);
  });

  test('takes no new pod that promises nothing', async () => {
    create('late', {});
    const { status } = await until('late', (pod) => pod.status.phase === 'Failed');
    assert.equal(status.reason, 'Evicted');
    assert.equal(status.message, 'Pod was rejected: The node had condition: [MemoryPressure]. ');
  });

  test('goes on, one pod after the other, but for what keeps the cluster running', async () => {
    await until('modest', ({ status }) => status.phase === 'Failed' && status.reason === 'Evicted');
    await until('critical', ({ status }) => status.phase === 'Running');
  });
});
