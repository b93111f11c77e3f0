// What sig-cli requires, by the real kubectl.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { request } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { eventually, Kubectl } from '../environment/kubectl.ts';
import { requirements, type Space } from './cluster.ts';
import { namesOf, query, runningPods } from './objects.ts';
import { busybox, core, nginx, pod, script, server, sleeper, templateOf, workload } from './workloads.ts';

/** The output of a command that must succeed. */
function kubectl(space: Space, args: string[], input?: object | string): string {
  const text = typeof input === 'object' ? JSON.stringify(input) : input;
  const { code, stdout, stderr } = space.kubectl(args, text);
  assert.equal(code, 0, `kubectl ${args.join(' ')}: ${stderr}`);
  return stdout;
}

const list = (...items: any[]) => ({ apiVersion: 'v1', kind: 'List', items });
const controller = (name: string, labels: object, replicas: number, container: any): any => ({
  apiVersion: 'v1',
  kind: 'ReplicationController',
  metadata: { name, labels },
  spec: { replicas, selector: labels, template: templateOf(labels, container) },
});
const service = (name: string, port: number, labels: object): any => ({
  apiVersion: 'v1',
  kind: 'Service',
  metadata: { name, labels },
  spec: { selector: labels, ports: [{ port }] },
});
const deployment = (name: string, container: any, replicas = 1, volumes: object[] = []): any => {
  const labels = { app: name };
  const template = templateOf(labels, container, { volumes });
  return { apiVersion: 'apps/v1', kind: 'Deployment', ...workload(name, labels, { replicas, template }) };
};

const statusTemplate =
  '--template={{if (exists . "status" "containerStatuses")}}{{range .status.containerStatuses}}{{if (and (eq .name "update-demo") (exists . "state" "running"))}}true{{end}}{{end}}{{end}}';
const imageTemplate =
  '--template={{if (exists . "spec" "containers")}}{{range .spec.containers}}{{if eq .name "update-demo"}}{{.image}}{{end}}{{end}}{{end}}';

/** Waits until there are so many pods of the demo, each of which runs the image and serves its data. */
async function validateDemo(space: Space, replicas: number): Promise<void> {
  const template = '--template={{range.items}}{{.metadata.name}} {{end}}';
  await eventually(`${replicas} pods serve`, async () => {
    const names = kubectl(space, ['get', 'pods', '-o', 'template', template, '-l', 'name=update-demo'])
      .trim()
      .split(' ');
    if (names.length !== replicas || names[0] === '') return undefined;
    for (const name of names) {
      const of = (text: string) => space.kubectl(['get', 'pods', name, '-o', 'template', text]).stdout;
      if (of(statusTemplate) !== 'true' || of(imageTemplate) !== busybox) return undefined;
      const { body } = await space.request('GET', space.path(core, `pods/${name}/proxy/index.html`));
      if (typeof body !== 'string' || body.trim() !== name) return undefined;
    }
    return true;
  });
}

async function stopDemo(space: Space, demo: object): Promise<void> {
  kubectl(space, ['delete', '--grace-period=0', '--force', '-f', '-'], demo);
  const alive =
    '{{ range .items }}{{ if not .metadata.deletionTimestamp }}{{ .metadata.name }}{{ "\\n" }}{{ end }}{{ end }}';
  await eventually('nothing is left', () => {
    const left = kubectl(space, ['get', 'rc,svc', '-l', 'name=update-demo', '--no-headers']);
    const pods = kubectl(space, ['get', 'pods', '-l', 'name=update-demo', '-o', `go-template=${alive}`]);
    return left === '' && pods === '' ? true : undefined;
  });
}

/** `kubectl proxy`, and the line that tells where it is. */
async function withProxy<T>(space: Space, args: string[], use: (line: string) => Promise<T>): Promise<T> {
  const child = new Kubectl(space.kubeconfig).start(['proxy', ...args]);
  try {
    const [line] = (await once(createInterface({ input: child.stdout! }), 'line')) as [string];
    return await use(line);
  } finally {
    child.kill();
  }
}

/** Lines of `describe`, each with words that stand on it one after the other. */
function checkLines(output: string, wanted: string[][]): void {
  const lines = output.split('\n');
  let from = 0;
  for (const words of wanted) {
    const at = lines.findIndex((line, i) => i >= from && words.every((word) => line.includes(word)));
    assert.notEqual(at, -1, `${words.join(' ')} is not in the rest of\n${output}`);
    from = at;
  }
}

requirements({ name: 'conf-cli', sig: 'sig-cli', images: ['busybox', 'nginx', 'redis'] }, (requirement) => {
  requirement('Kubectl client Update Demo should create and stop a replication controller', async (space) => {
    const demo = controller('update-demo-nautilus', { name: 'update-demo' }, 2, server(80, { name: 'update-demo' }));
    kubectl(space, ['create', '-f', '-'], demo);
    await validateDemo(space, 2);
    await stopDemo(space, demo);
  });

  requirement('Kubectl client Update Demo should scale a replication controller', async (space) => {
    const demo = controller('update-demo-nautilus', { name: 'update-demo' }, 2, server(80, { name: 'update-demo' }));
    kubectl(space, ['create', '-f', '-'], demo);
    await validateDemo(space, 2);
    for (const replicas of [1, 2]) {
      kubectl(space, ['scale', 'rc', 'update-demo-nautilus', `--replicas=${replicas}`, '--timeout=5m']);
      await validateDemo(space, replicas);
    }
    await stopDemo(space, demo);
  });

  requirement('Kubectl client Guestbook application should create and stop a working application', guestbook);

  requirement('Kubectl client Kubectl api-versions should check if v1 is in available api versions', async (space) => {
    const versions = kubectl(space, ['api-versions']).split('\n');
    for (const version of ['v1', 'apps/v1', 'batch/v1']) assert.ok(versions.includes(version), version);
  });

  requirement(
    'Kubectl client Kubectl cluster-info should check if Kubernetes control plane services is included in cluster-info',
    async (space) => {
      // biome-ignore lint/suspicious/noControlCharactersInRegex: kubectl colours it
      const plain = kubectl(space, ['cluster-info']).replace(/\u001b\[[\d;]*m/g, '');
      assert.match(plain, /Kubernetes control plane is running at https:\/\/[^ ]+:\d+/);
    },
  );

  requirement(
    'Kubectl client Kubectl describe should check if kubectl describe prints relevant information for rc and pods',
    async (space) => {
      const labels = { app: 'agnhost', role: 'primary' };
      const ports = [{ name: 'agnhost-server', containerPort: 6379 }];
      const container = sleeper({ name: 'agnhost-primary', ports });
      const made = list(controller('agnhost-primary', labels, 1, container), service('agnhost-primary', 6379, labels));
      kubectl(space, ['create', '-f', '-'], made);
      const [one] = await runningPods(space, labels, 1);
      await space.until(
        'it counts',
        space.path(core, 'replicationcontrollers/agnhost-primary'),
        ({ status }) => status.readyReplicas === 1,
      );
      const describe = (...args: string[]) => kubectl(space, ['describe', ...args]);
      const head = [
        ['Name:', 'agnhost-primary'],
        ['Namespace:', space.namespace],
      ];
      const labelled = [['Labels:', 'app=agnhost'], ['role=primary'], ['Annotations:']];
      checkLines(describe('pod', one.metadata.name), [
        ...head,
        ['Node:', space.node],
        ...labelled,
        ['Status:', 'Running'],
        ['IP:', one.status.podIP ?? ''],
        ['Controlled By:', 'ReplicationController/agnhost-primary'],
        ['Image:', busybox],
        ['State:', 'Running'],
        ['QoS Class:', 'BestEffort'],
      ]);
      checkLines(describe('rc', 'agnhost-primary'), [
        ...head,
        ['Selector:', 'app=agnhost,role=primary'],
        ...labelled,
        ['Replicas:', '1 current', '1 desired'],
        ['Pods Status:', '1 Running', '0 Waiting', '0 Succeeded', '0 Failed'],
        ['Pod Template:'],
        ['Image:', busybox],
        ['Events:'],
      ]);
      checkLines(describe('service', 'agnhost-primary'), [
        ...head,
        ...labelled,
        ['Selector:', 'app=agnhost', 'role=primary'],
        ['Type:', 'ClusterIP'],
        ['IP:'],
        ['Port:', '<unset>', '6379/TCP'],
        ['Endpoints:'],
        ['Session Affinity:', 'None'],
      ]);
      checkLines(describe('node', space.node), [
        ['Name:', space.node],
        ['Labels:'],
        ['Annotations:'],
        ['CreationTimestamp:'],
        ['Conditions:'],
        ['Type', 'Status', 'LastHeartbeatTime', 'LastTransitionTime', 'Reason', 'Message'],
        ['Addresses:'],
        ['Capacity:'],
        ['Kernel Version:'],
        ['OS Image:'],
        ['Container Runtime Version:'],
        ['Kubelet Version:'],
        ['Pods:'],
      ]);
      checkLines(describe('namespace', space.namespace), [
        ['Name:', space.namespace],
        ['Labels:', `kubernetes.io/metadata.name=${space.namespace}`],
        ['Annotations:'],
        ['Status:', 'Active'],
      ]);
    },
  );

  requirement(
    'Kubectl client Kubectl diff should check if kubectl diff finds a difference for Deployments',
    async (space) => {
      const live = deployment('httpd-deployment', { name: 'httpd', image: nginx });
      kubectl(space, ['create', '-f', '-'], live);
      const same = space.kubectl(['diff', '-f', '-'], JSON.stringify(live));
      assert.deepEqual([same.code, same.stdout], [0, ''], same.stderr);
      const declared = JSON.stringify(live).replaceAll(nginx, busybox);
      const { code, stdout, stderr } = space.kubectl(['diff', '-f', '-'], declared);
      assert.equal(code, 1, stderr);
      const images = stdout.match(/^[-+] +- image: .*$/gm)?.map((line) => line.replace(/^(.) +- image: /, '$1'));
      assert.deepEqual(images, [`-${nginx}`, `+${busybox}`], stdout);
      kubectl(space, ['delete', '-f', '-'], live);
    },
  );

  requirement('Kubectl client Kubectl label should update the label on a resource', async (space) => {
    kubectl(space, ['create', '-f', '-'], pod('pause', sleeper(), { metadata: { labels: { name: 'pause' } } }));
    await runningPods(space, { name: 'pause' }, 1);
    kubectl(space, ['label', 'pods', 'pause', 'testing-label=testing-label-value']);
    const shown = () => kubectl(space, ['get', 'pod', 'pause', '-L', 'testing-label']);
    assert.match(shown(), /TESTING-LABEL\n.*testing-label-value/);
    const selected = () => kubectl(space, ['get', 'pod', '-l', 'testing-label=testing-label-value', '-o', 'name']);
    assert.equal(selected(), 'pod/pause\n');
    kubectl(space, ['label', 'pods', 'pause', 'testing-label-']);
    assert.doesNotMatch(shown(), /testing-label-value/);
    assert.equal(selected(), '');
  });

  requirement('Kubectl client Kubectl patch should add annotations for pods in rc', async (space) => {
    const labels = { app: 'agnhost' };
    kubectl(space, ['create', '-f', '-'], controller('agnhost-primary', labels, 1, sleeper()));
    for (const { metadata } of await runningPods(space, labels, 1)) {
      kubectl(space, ['patch', 'pod', metadata.name, '-p', '{"metadata":{"annotations":{"x":"y"}}}']);
    }
    for (const { metadata } of await runningPods(space, labels, 1)) assert.equal(metadata.annotations.x, 'y');
  });

  requirement("Kubectl client Kubectl replace should update a single-container pod's image", async (space) => {
    const name = 'e2e-test-httpd-pod';
    kubectl(space, ['run', name, `--image=${nginx}`, '--pod-running-timeout=2m0s', `--labels=run=${name}`]);
    await runningPods(space, { run: name }, 1);
    const read = () => JSON.parse(kubectl(space, ['get', 'pod', name, '-o', 'json']));
    const before = read();
    kubectl(space, ['replace', '-f', '-'], JSON.stringify(before).replaceAll(nginx, busybox));
    assert.deepEqual([read().spec.containers[0].image, read().metadata.uid], [busybox, before.metadata.uid]);
    kubectl(
      space,
      ['replace', '--force', '--grace-period=0', '-f', '-'],
      pod(name, sleeper(), { metadata: { labels: { run: name } } }),
    );
    const [after] = await runningPods(space, { run: name }, 1);
    assert.notEqual(after.metadata.uid, before.metadata.uid);
    kubectl(space, ['delete', 'pods', name, '--grace-period=0', '--force']);
  });

  requirement(
    'Kubectl client Kubectl server-side dry-run should check if kubectl can dry-run update Pods',
    async (space) => {
      const name = 'e2e-test-httpd-pod';
      kubectl(space, ['run', name, `--image=${nginx}`, '--pod-running-timeout=2m0s', `--labels=run=${name}`]);
      const change = JSON.stringify({ spec: { containers: [{ name, image: busybox }] } });
      const image = ['-o', 'jsonpath={.spec.containers[0].image}'];
      assert.equal(kubectl(space, ['patch', 'pod', name, '-p', change, '--dry-run=server', ...image]), busybox);
      await runningPods(space, { run: name }, 1);
      assert.equal(kubectl(space, ['get', 'pod', name, ...image]), nginx);
      kubectl(space, ['delete', 'pods', name]);
    },
  );

  requirement('Kubectl client Proxy server should support --unix-socket=/path', async (space) => {
    const dir = mkdtempSync(join(tmpdir(), 'kubectl-proxy-unix'));
    const socketPath = join(dir, 'test');
    try {
      const body = await withProxy(space, [`--unix-socket=${socketPath}`], async () => {
        const call = request({ socketPath, path: '/api/' });
        call.end();
        const [answer] = await once(call, 'response');
        return JSON.parse((await answer.toArray()).join(''));
      });
      assert.deepEqual(body.versions, ['v1']);
    } finally {
      rmSync(dir, { recursive: true });
    }
  });

  requirement('Kubectl client Proxy server should support proxy with --port 0', async (space) => {
    const body = await withProxy(space, ['-p', '0', '--disable-filter'], async (line) => {
      const [, port] = /Starting to serve on 127\.0\.0\.1:(\d+)/.exec(line) ?? [];
      return (await fetch(`http://127.0.0.1:${port}/api/`)).json() as Promise<any>;
    });
    assert.deepEqual([body.kind, body.versions], ['APIVersions', ['v1']]);
  });

  requirement('Kubectl logs logs should be able to retrieve and filter logs', async (space) => {
    const name = 'logs-generator';
    const generate = 'for i in $(seq 100); do echo "$i GET /api/v1/namespaces/kube-system/pods/$i"; sleep 0.2; done';
    const args = ['run', name, `--image=${busybox}`, '--restart=Never', '--pod-running-timeout=2m0s', '--'];
    kubectl(space, [...args, 'sh', '-c', generate]);
    const logs = (...more: string[]) => kubectl(space, ['logs', name, name, ...more]);
    await space.until('it began', space.path(core, `pods/${name}`), ({ status }) =>
      ['Running', 'Succeeded'].includes(status.phase),
    );
    await eventually('a line', () => (logs().includes('/api/v1/namespaces/kube-system') ? true : undefined));
    assert.match(logs('--tail=1'), /^\d+ GET [^\n]+\n$/);
    assert.equal(logs('--limit-bytes=1'), '1');
    const [time = '', ...words] = logs('--tail=1', '--timestamps').split(' ');
    assert.match(time, /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)$/);
    assert.equal(words[1], 'GET');
    const count = (since: string) => logs(`--since=${since}`).split('\n').length;
    await eventually('the first lines are older than a second', () => (count('1s') < count('24h') ? true : undefined));
    await space.until('it ended', space.path(core, `pods/${name}`), ({ status }) => status.phase === 'Succeeded');
    assert.equal(logs('--since=24h').trimEnd().split('\n').length, 100);
    await eventually('all of it is older than a second', () => (logs('--since=1s') === '' ? true : undefined));
    kubectl(space, ['delete', 'pod', name]);
  });
});

/** A page writes into the first of three stores and reads from the others. */
async function guestbook(space: Space): Promise<void> {
  const page = `#!/bin/sh
printf 'Content-Type: application/json\\r\\n\\r\\n'
case $QUERY_STRING in
  cmd=set*) redis-cli -h agnhost-primary set messages "\${QUERY_STRING##*value=}" >/dev/null && echo '{"message":"Updated"}' ;;
  *) echo "{\\"data\\":\\"$(redis-cli -h agnhost-replica get messages)\\"}" ;;
esac
`;
  const image = 'docker.io/library/redis:7.0';
  const redis = (...args: string[]) => {
    const command = ['/usr/bin/redis-server', '--protected-mode', 'no', '--dir', '/data', ...args];
    return { name: 'redis', image, command, ports: [{ containerPort: 6379 }] };
  };
  const frontend = {
    ...script('exec httpd -f -p 80 -h /www', { image, volumeMounts: [{ name: 'page', mountPath: '/www/cgi-bin' }] }),
    ports: [{ containerPort: 80 }],
  };
  const volumes = [{ name: 'page', configMap: { name: 'page', defaultMode: 0o755 } }];
  const all = list(
    { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'page' }, data: { guestbook: page } },
    service('agnhost-replica', 6379, { app: 'agnhost-replica' }),
    service('agnhost-primary', 6379, { app: 'agnhost-primary' }),
    service('frontend', 80, { app: 'frontend' }),
    deployment('frontend', frontend, 3, volumes),
    deployment('agnhost-primary', redis()),
    deployment('agnhost-replica', redis('--replicaof', 'agnhost-primary', '6379'), 2),
  );
  kubectl(space, ['create', '-f', '-'], all);
  await runningPods(space, { app: 'frontend' }, 3);
  const ask = (cmd: string, value: string, wanted: object) => {
    const path = space.path(core, `services/frontend/proxy/cgi-bin/guestbook${query({ cmd, key: 'messages', value })}`);
    return eventually(`${cmd} ${value}`, async () => {
      const { code, body } = await space.request('GET', path);
      return code === 200 && JSON.stringify(body) === JSON.stringify(wanted) ? true : undefined;
    });
  };
  await ask('get', '', { data: '' });
  await ask('set', 'TestEntry', { message: 'Updated' });
  await ask('get', '', { data: 'TestEntry' });
  kubectl(space, ['delete', '--grace-period=0', '--force', '-f', '-'], all);
  await space.until('its pods are gone', space.path(core, 'pods'), (pods) => namesOf(pods).length === 0);
}
