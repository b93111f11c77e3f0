// What people do with kubectl all day, beyond the examples: each command against a real cluster,
// judged by what it prints and what then is.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { type E2eCluster, startCluster } from '../environment/cluster.ts';
import { eventually, Kubectl, needsNewKubectl } from '../environment/kubectl.ts';
import { needsRoot } from '../integration/cli/k8ts-command.ts';

const image = '--image=busybox:1.36';

/** A process 1 that ends when it is told to; sleep alone does not. */
const untilTerm = ['sh', '-c', 'trap "exit 0" TERM; sleep 3600 & wait'];

describe('everyday commands', { skip: needsRoot || needsNewKubectl }, () => {
  let cluster: E2eCluster;
  let folder: string;
  before(async () => {
    cluster = await startCluster('commands', ['busybox', 'nginx']);
    folder = mkdtempSync(join(tmpdir(), 'k8ts-commands-'));
    cluster.kubectl.get('run', 'box', image, '--', 'sleep', '3600');
    cluster.kubectl.get('wait', '--for=condition=Ready', 'pod/box', '--timeout=600s');
  });
  after(async () => {
    await cluster?.[Symbol.asyncDispose]();
    if (folder) rmSync(folder, { recursive: true, force: true });
  });

  test('edit: what the editor leaves is what stands, and nonsense is given back with the reason', () => {
    const { kubectl, kubeconfig } = cluster;
    kubectl.get('create', 'configmap', 'edited', '--from-literal=colour=red');
    const editor = (script: string) => new Kubectl(kubeconfig, 'kubectl', { KUBE_EDITOR: `sed -i ${script}` });
    assert.match(editor('s/red/green/').get('edit', 'configmap', 'edited'), /configmap\/edited edited/);
    assert.equal(kubectl.json('get', 'configmap', 'edited').data.colour, 'green');
    const edit = (script: string) => editor(script).run(['edit', 'configmap', 'edited']);
    assert.match(edit('s/nothing/else/').stderr, /Edit cancelled, no changes made/);
    const refused = edit('s/colour:/co@our:/');
    assert.equal(refused.code, 1);
    const [, kept] = /configmaps "edited" is invalid\nA copy of your changes has been stored to "(.*)"/.exec(
      refused.stderr,
    )!;
    assert.match(
      readFileSync(kept!, 'utf8'),
      /^# .*data\[co@our\]: Invalid value: "co@our": a valid config key must consist of/m,
    );
    rmSync(kept!);
    assert.equal(kubectl.json('get', 'configmap', 'edited').data.colour, 'green');
  });

  test('apply: fields that are no longer in the file go, those of others stay', () => {
    const { kubectl } = cluster;
    const manifest = (data: object) => ({ apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'applied' }, data });
    assert.match(kubectl.apply(manifest({ a: '1', b: '2' })), /configmap\/applied created/);
    kubectl.get('patch', 'configmap', 'applied', '-p', '{"data":{"other":"x"}}');
    assert.match(kubectl.apply(manifest({ a: '3' })), /configmap\/applied configured/);
    assert.deepEqual(kubectl.json('get', 'configmap', 'applied').data, { a: '3', other: 'x' });
    assert.match(kubectl.apply(manifest({ a: '3' })), /configmap\/applied unchanged/);
    const diff = kubectl.run(['diff', '-f', '-'], JSON.stringify(manifest({ a: '4' })));
    assert.equal(diff.code, 1, diff.stderr);
    assert.match(diff.stdout, /^- {2}a: "3"\n\+ {2}a: "4"$/m);
  });

  test('a misspelt field is refused, and what explain prints', () => {
    const { kubectl } = cluster;
    const manifest = {
      apiVersion: 'v1',
      kind: 'Pod',
      metadata: { name: 'x' },
      spec: { contaners: [], containers: [] },
    };
    const { code, stderr } = kubectl.run(['create', '-f', '-'], JSON.stringify(manifest));
    assert.equal(code, 1);
    assert.match(stderr, /strict decoding error: unknown field "spec\.contaners"/);
    const text = kubectl.get('explain', 'deployment.spec.strategy');
    assert.match(text, /GROUP: +apps\nKIND: +Deployment\nVERSION: +v1\n\nFIELD: strategy <DeploymentStrategy>/);
    assert.match(text, /rollingUpdate\t<RollingUpdateDeployment>/);
    assert.match(kubectl.get('explain', 'pod', '--recursive'), /livenessProbe\t<Probe>/);
  });

  test('roll-outs: history, restart, pause, resume, undo', () => {
    const { kubectl } = cluster;
    const rollout = (...args: string[]) => kubectl.get('rollout', args[0]!, 'deployment/web', ...args.slice(1));
    const envOf = () => kubectl.json('get', 'deployment', 'web').spec.template.spec.containers[0].env;
    kubectl.get('create', 'deployment', 'web', image, '--replicas=2', '--', 'sleep', '3600');
    rollout('status', '--timeout=600s');
    rollout('restart');
    rollout('status', '--timeout=600s');
    assert.match(rollout('history'), /^1 +<none>\n2 +<none>$/m);
    rollout('pause');
    kubectl.get('set', 'env', 'deployment/web', 'A=b');
    const { status, metadata } = kubectl.json('get', 'deployment', 'web');
    assert.equal(metadata.annotations['deployment.kubernetes.io/revision'], '2', 'nothing is rolled out');
    assert.equal(status.readyReplicas, 2);
    rollout('resume');
    rollout('status', '--timeout=600s');
    assert.deepEqual(envOf(), [{ name: 'A', value: 'b' }]);
    rollout('undo');
    rollout('status', '--timeout=600s');
    assert.equal(envOf(), undefined);
    assert.match(rollout('history'), /^1 .*\n3 .*\n4 .*$/m);
    kubectl.get('delete', 'deployment', 'web', '--grace-period=1');
  });

  test('cp brings files in and out', () => {
    const { kubectl } = cluster;
    const [mine, back] = [join(folder, 'mine'), join(folder, 'back')];
    writeFileSync(mine, 'carried');
    kubectl.get('cp', mine, 'box:/tmp/there');
    kubectl.get('cp', 'box:/tmp/there', back);
    assert.equal(readFileSync(back, 'utf8'), 'carried');
  });

  test('run -i --rm gives input and takes output; logs know lines, times and former containers', async () => {
    const { kubectl } = cluster;
    const said = kubectl.run(
      ['run', 'cat', image, '-i', '--rm', '--restart=Never', '--pod-running-timeout=10m', '--', 'cat'],
      'in and out\n',
    );
    assert.match(said.stdout, /^in and out$/m);
    kubectl.get('run', 'twice', image, '--', 'sh', '-c', 'echo one; echo two; sleep 1; exit 1');
    await eventually(
      'the restart',
      () => kubectl.json('get', 'pod', 'twice').status.containerStatuses?.[0].restartCount > 0 || undefined,
    );
    assert.equal(kubectl.get('logs', 'twice', '--previous', '--tail=1'), 'two\n');
    assert.match(kubectl.get('logs', 'twice', '--previous', '--timestamps'), /^\d{4}-\d\d-\d\dT[\d:.]+Z one\n/);
    kubectl.get('delete', 'pod', 'twice', '--grace-period=0', '--force');
  });

  test('debug enters a pod without a shell, and copies one that does not start', async () => {
    const { kubectl } = cluster;
    kubectl.get('run', 'shellless', '--image=nginx:1.7.9');
    kubectl.get('wait', '--for=condition=Ready', 'pod/shellless', '--timeout=600s');
    const look = ['debug', 'shellless', image, '--target=shellless', '-c', 'look', '--', 'sh', '-c'];
    const said = kubectl.run([...look, 'wget -qO- 127.0.0.1; tr "\\0" " " < /proc/1/cmdline']);
    assert.equal(said.code, 0, said.stderr);
    const status = await eventually('the look is over', () => {
      const [found] = kubectl.json('get', 'pod', 'shellless').status.ephemeralContainerStatuses ?? [];
      return found?.state.terminated && found;
    });
    assert.deepEqual([status.name, status.state.terminated.exitCode, status.restartCount], ['look', 0, 0]);
    const seen = kubectl.get('logs', 'shellless', '-c', 'look');
    assert.match(seen, /<title>/, 'the network is that of the pod');
    assert.match(seen, /nginx/, 'processes of the target are seen');
    assert.equal(kubectl.json('get', 'pod', 'shellless').status.containerStatuses[0].restartCount, 0);
    assert.match(kubectl.get('describe', 'pod', 'shellless'), /Ephemeral Containers:\n +look:/);
    kubectl.get('run', 'crashing', image, '--', 'sh', '-c', 'exit 1');
    kubectl.get('debug', 'crashing', '--copy-to=crashing-copy', '--container=crashing', '--', 'sleep', '3600');
    kubectl.get('wait', '--for=condition=Ready', 'pod/crashing-copy', '--timeout=600s');
    kubectl.get('delete', 'pod', 'shellless', 'crashing', 'crashing-copy', '--grace-period=0', '--force');
  });

  test("busybox has what others' manifests and probes use, and its shell passes odd names on", async () => {
    const { kubectl } = cluster;
    const config = { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'odd' }, data: { data_1: 'one' } };
    const [, name = ''] = image.split('=');
    const command = ['sh', '-c', 'timeout 5 true && which wget && env | grep data_1 | sort'];
    const envFrom = ['', 'p-'].map((prefix) => ({ prefix, configMapRef: { name: 'odd' } }));
    const spec = { restartPolicy: 'Never', containers: [{ name: 'c', image: name, command, envFrom }] };
    for (const object of [config, { apiVersion: 'v1', kind: 'Pod', metadata: { name: 'odd' }, spec }])
      kubectl.apply(object);
    await eventually('it is done', () => kubectl.json('get', 'pod', 'odd').status.phase === 'Succeeded' || undefined);
    assert.equal(kubectl.get('logs', 'odd'), '/bin/wget\ndata_1=one\np-data_1=one\n');
  });

  test('cordon and drain keep and clear a node', async () => {
    const { kubectl, node } = cluster;
    kubectl.get('create', 'deployment', 'moved', image, '--', 'sleep', '3600');
    kubectl.get('rollout', 'status', 'deployment/moved', '--timeout=600s');
    const drained = kubectl.get('drain', node, '--pod-selector=app=moved', '--grace-period=1', '--timeout=600s');
    assert.match(drained, /pod\/moved-\S+ evicted\nnode\/\S+ drained/);
    assert.match(kubectl.get('get', 'node', node), /Ready,SchedulingDisabled/);
    const pending = () => kubectl.json('get', 'pods', '-l', 'app=moved').items[0]?.status;
    const { message } = await eventually('the new pod finds no node', () =>
      pending()?.conditions?.find((c: any) => c.reason === 'Unschedulable'),
    );
    assert.match(message, /^0\/1 nodes are available: 1 node\(s\) were unschedulable\./);
    kubectl.get('uncordon', node);
    kubectl.get('rollout', 'status', 'deployment/moved', '--timeout=600s');
    kubectl.get('delete', 'deployment', 'moved', '--grace-period=1');
  });

  test('a more important pod takes the place of another one, which says why it ends', async () => {
    const { kubectl, node } = cluster;
    const { allocatable } = kubectl.json('get', 'node', node).status;
    const cpu = `${Math.floor(Number(allocatable.cpu) * 800)}m`;
    const priorities = { unimportant: -5, important: 1000 };
    for (const [name, value] of Object.entries(priorities)) {
      kubectl.get('create', 'priorityclass', name, `--value=${value}`);
      const spec = {
        priorityClassName: name,
        terminationGracePeriodSeconds: 1,
        containers: [
          { name: 'c', image: 'busybox:1.36', command: ['sleep', '3600'], resources: { requests: { cpu } } },
        ],
      };
      // What is held cannot vanish before it was looked at.
      const metadata = { name, finalizers: name === 'unimportant' ? ['example.com/held'] : [] };
      kubectl.apply({ apiVersion: 'v1', kind: 'Pod', metadata, spec });
      if (name === 'unimportant') kubectl.get('wait', '--for=condition=Ready', `pod/${name}`, '--timeout=600s');
    }
    const why = await eventually('it says why it ends', () =>
      kubectl.json('get', 'pod', 'unimportant').status.conditions.find((c: any) => c.type === 'DisruptionTarget'),
    );
    assert.deepEqual(
      [why.status, why.reason, why.message],
      ['True', 'PreemptionByScheduler', 'default-scheduler: preempting to accommodate a higher priority pod'],
    );
    kubectl.get('wait', '--for=condition=Ready', 'pod/important', '--timeout=600s');
    const { metadata, status } = kubectl.json('get', 'pod', 'important');
    assert.equal(status.nominatedNodeName, undefined, 'it is there');
    const events = kubectl.get('get', 'events', '-o', 'jsonpath={range .items[*]}{.reason}: {.message}{"\\n"}{end}');
    assert.ok(events.includes(`Preempted: Preempted by pod ${metadata.uid} on node ${node}`), events);
    kubectl.get('patch', 'pod', 'unimportant', '--type=merge', '-p', '{"metadata":{"finalizers":null}}');
    kubectl.get('delete', 'pod', 'important', '--wait=true');
    kubectl.get('delete', 'priorityclass', ...Object.keys(priorities));
  });

  test('who may do what: roles, tokens, impersonation', () => {
    const { kubectl } = cluster;
    kubectl.get('create', 'serviceaccount', 'robot');
    kubectl.get('create', 'role', 'reader', '--verb=get,list', '--resource=pods');
    kubectl.get('create', 'rolebinding', 'reads', '--role=reader', '--serviceaccount=default:robot');
    const robot = '--as=system:serviceaccount:default:robot';
    assert.match(kubectl.get('auth', 'can-i', 'list', 'pods', robot), /^yes/);
    assert.equal(kubectl.run(['auth', 'can-i', 'delete', 'pods', robot]).code, 1);
    // `--token` alone would be beaten by the client certificate of the context.
    const { clusters } = kubectl.json('config', 'view', '--raw');
    const file = join(folder, 'robot.kubeconfig');
    const config = {
      apiVersion: 'v1',
      kind: 'Config',
      clusters: [{ name: 'c', cluster: clusters[0].cluster }],
      users: [{ name: 'robot', user: { token: kubectl.get('create', 'token', 'robot').trim() } }],
      contexts: [{ name: 'x', context: { cluster: 'c', user: 'robot' } }],
      'current-context': 'x',
    };
    writeFileSync(file, JSON.stringify(config), { mode: 0o600 });
    const asRobot = new Kubectl(file);
    assert.match(asRobot.get('get', 'pods', '-o', 'name'), /pod\/box/);
    assert.equal(
      asRobot.run(['delete', 'pod', 'box']).stderr,
      'Error from server (Forbidden): pods "box" is forbidden: User "system:serviceaccount:default:robot" cannot delete resource "pods" in API group "" in the namespace "default"\n',
    );
  });

  test('get -w prints what changes; delete --cascade=orphan leaves the dependents', async () => {
    const { kubectl } = cluster;
    const watch = kubectl.start(['get', 'deployments', '-w', '--no-headers']);
    let seen = '';
    watch.stdout!.on('data', (chunk) => (seen += chunk));
    kubectl.get('create', 'deployment', 'parent', image, '--', ...untilTerm);
    await eventually('the watch tells that it is ready', () => /^parent +1\/1/m.test(seen) || undefined);
    watch.kill();
    await once(watch, 'exit');
    kubectl.get('delete', 'deployment', 'parent', '--cascade=orphan');
    const orphan = await eventually('the replica set is nobody’s', () => {
      const [set] = kubectl.json('get', 'replicasets', '-l', 'app=parent').items;
      return set?.metadata.ownerReferences === undefined ? set : undefined;
    });
    assert.equal(orphan.status.readyReplicas, 1);
    kubectl.get('delete', 'replicaset', orphan.metadata.name, '--cascade=foreground', '--timeout=600s');
    assert.equal(kubectl.json('get', 'pods', '-l', 'app=parent').items.length, 0, 'the pods went first');
  });

  test('describe tells the story of a pod, a service and the node', () => {
    const { kubectl, node } = cluster;
    const pod = kubectl.get('describe', 'pod', 'box');
    for (const line of [
      /^Status: +Running$/m,
      /^QoS Class: +BestEffort$/m,
      /^ +Normal +Scheduled .* Successfully assigned default\/box to /m,
      /^ +Normal +Pulled .* Container image "busybox:1\.36" already present on machine/m,
      /^ +Normal +Started .* Container started$/m,
    ])
      assert.match(pod, line);
    assert.match(kubectl.get('describe', 'service', 'kubernetes'), /^Endpoints: +[\d.]+:\d+$/m);
    const told = kubectl.get('describe', 'node', node);
    assert.match(told, /^ +Ready +True .* KubeletReady +kubelet is posting ready status$/m);
    assert.match(told, /^ +default +box +0 \(0%\)/m);
  });
});
