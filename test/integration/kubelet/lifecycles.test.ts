// Recorded lifecycles of Kubernetes, replayed on a real node: each ends in the same phase, conditions, container states, reasons and events.
import assert from 'node:assert/strict';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { after, before, describe, test } from 'node:test';
import { eventually, Kubectl } from '../../environment/kubectl.ts';
import { k8ts, needsRoot, type TestCluster, testCluster } from '../cli/k8ts-command.ts';
import { buildOciArchive, busyboxLayer } from '../runtime/image-archive.ts';
import { compareStatus, type Masks, missingEvents, type Recording } from './recorded-lifecycle.ts';

const file = '../shared/reference/golden/pods.json';
const skip = needsRoot || (existsSync(file) ? false : 'reference not present');
const images = {
  'registry.k8s.io/e2e-test-images/busybox:1.37.0-1': {},
  'registry.k8s.io/e2e-test-images/nonroot:1.5': { User: '1234' },
};

/** Those that end by themselves. The rest needs requests in between, or kinds of later issues. */
const replayed = [
  'exit0-always exit0-onfailure exit1-onfailure exit0-never exit1-never init-ok init-fail-never init-fail-always sidecar',
  'sidecar-main-completes multi-one-completed multi-one-failed-all-done startup-pending readiness-flip poststart-fail poststart-fail-never',
  'image-pull-backoff image-never image-invalid-name init-image-pull command-not-found-always workingdir-is-file missing-configmap-env',
  'missing-configmap-key missing-secret-volume missing-configmap-volume hostpath-type-mismatch optional-sources runasnonroot-root-image',
  'runasnonroot-ok termination-message-file host-network rejected-outofcpu rejected-outofmemory rejected-nodeaffinity rejected-sysctl',
  'cgroup-limits',
]
  .join(' ')
  .split(' ');

describe('recorded lifecycles', { skip, concurrency: 6 }, () => {
  let cluster: TestCluster;
  let kubectl: Kubectl;
  const recordings: Recording[] = skip ? [] : JSON.parse(readFileSync(file, 'utf8')).scenarios;

  before(async () => {
    cluster = testCluster('lives');
    const up = cluster.run('up');
    assert.equal(up.code, 0, up.stderr);
    kubectl = new Kubectl(cluster.kubeconfig);
    for (const [name, config] of Object.entries(images)) {
      const archive = `${cluster.kubeconfig}.tar`;
      writeFileSync(
        archive,
        await buildOciArchive({ name, layers: [busyboxLayer()], config: { Env: ['PATH=/bin'], ...config } }),
      );
      assert.equal(k8ts(['load', 'image-archive', archive, '--name', cluster.name]).code, 0);
    }
  });

  after(() => cluster?.[Symbol.dispose]());

  /** Creates what was recorded, bound to our node: who places it is not the question here. */
  function create(manifest: any, { namespace, node }: Masks): void {
    const object = structuredClone(manifest);
    if (object.kind === 'Pod') {
      object.spec.nodeName = node;
      object.spec.automountServiceAccountToken = false;
    }
    const { code, stderr } = kubectl.run(['create', '-n', namespace, '-f', '-'], JSON.stringify(object));
    assert.equal(code, 0, stderr);
  }

  for (const name of replayed) {
    test(name, async () => {
      const recording = recordings.find((r) => r.name === name);
      assert.ok(recording, `${name} is not in the reference`);
      const masks = { namespace: `life-${name}`, node: `${cluster.name}-control-plane` };
      kubectl.get('create', 'namespace', masks.namespace);
      await eventually('the service account', () =>
        kubectl.json('get', 'serviceaccount', 'default', '-n', masks.namespace),
      );
      for (const manifest of [recording.manifest].flat()) create(manifest, masks);
      const pods: any[] = recording.result.pods ?? [recording.result.pod];
      let differences: string[] = [];
      await eventually('the recorded status', () => {
        differences = pods.flatMap((p) =>
          compareStatus(p.status, kubectl.json('get', 'pod', p.name, '-n', masks.namespace).status, masks),
        );
        return differences.length === 0 || undefined;
      }).catch(() => assert.deepEqual(differences, []));
      let missing: string[] = [];
      await eventually('the recorded events', () => {
        missing = missingEvents(recording.result.events, kubectl, masks);
        return missing.length === 0 || undefined;
      }).catch(() => assert.deepEqual(missing, []));
    });
  }
});
