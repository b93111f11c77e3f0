// `up --config`: the optional parts of the API server in a cluster, in the terms of kind and kubeadm.
import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { EtcdClient } from '../../apiserver/storage/etcd-client.ts';
import { loadCluster } from '../../cli/cluster-store.ts';
import { defaultRoots } from '../../cli/layout.ts';
import { pkiFiles } from '../../cli/pki/plan.ts';
import { realClock } from '../../machinery/clock.ts';
import { patience } from '../environment/cluster.ts';
import { Kubectl } from '../environment/kubectl.ts';
import { imageArchive } from '../images/images.ts';
import { k8ts, needsRoot, type TestCluster, testCluster } from '../integration/cli/k8ts-command.ts';

const key = Buffer.alloc(32, 7).toString('base64');
const token = 'a-token-of-the-file';

const auditPolicy = (resource: string) => `apiVersion: audit.k8s.io/v1
kind: Policy
omitStages: [RequestReceived]
rules:
- {level: Metadata, verbs: [create], resources: [{group: "", resources: [${resource}]}]}
- {level: None}
`;

const encryption = `apiVersion: apiserver.config.k8s.io/v1
kind: EncryptionConfiguration
resources:
- resources: [secrets]
  providers: [{aesgcm: {keys: [{name: one, secret: ${key}}]}}, {identity: {}}]
`;

const clusterConfig = (more = '') => `kind: Cluster
apiVersion: kind.x-k8s.io/v1alpha4
nodes:
- role: control-plane
  labels: {tier: front}
  extraMounts:
  - {hostPath: policies, containerPath: /etc/kubernetes/policies, readOnly: true}
kubeadmConfigPatches:
- |
  kind: ClusterConfiguration
  apiServer:
    certSANs: [api.example.com]
    extraVolumes:
    - {name: policies, hostPath: /etc/kubernetes/policies, mountPath: /etc/kubernetes/policies, readOnly: true}
    - {name: logs, hostPath: LOGS, mountPath: /var/log/kubernetes, pathType: DirectoryOrCreate}
    extraArgs:
      audit-policy-file: /etc/kubernetes/policies/audit.yaml
      audit-log-path: /var/log/kubernetes/audit.log
      encryption-provider-config: /etc/kubernetes/policies/encryption.yaml
      token-auth-file: /etc/kubernetes/policies/tokens.csv
      oidc-issuer-url: https://issuer.invalid
      oidc-client-id: kubectl
      authentication-token-webhook-config-file: /etc/kubernetes/policies/reviews.yaml
${more}`;

const reviews = `apiVersion: v1
kind: Config
clusters: [{name: c, cluster: {server: "https://127.0.0.1:9/review"}}]
contexts: [{name: c, context: {cluster: c}}]
current-context: c
`;

describe('a cluster with a configuration', { skip: needsRoot }, () => {
  let folder: string;
  let cluster: TestCluster;
  let kubectl: Kubectl;
  const file = (name: string) => join(folder, name);
  const write = (text: string) => writeFileSync(file('config.yaml'), text.replace('LOGS', file('logs')));
  // Relative paths begin where the command is run.
  const up = () =>
    k8ts(['up', ...patience, '--name', cluster.name, '--kubeconfig', cluster.kubeconfig, '--config', 'config.yaml'], {
      cwd: folder,
    });
  const auditLog = () =>
    readFileSync(file('logs/audit.log'), 'utf8')
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line));
  const pids = () => ['apiserver', 'etcd', 'controllers', 'scheduler', 'kubelet'].map((unit) => cluster.pidOf(unit));

  before(async () => {
    folder = mkdtempSync(join(tmpdir(), 'k8ts-config-'));
    cluster = testCluster('config');
    kubectl = new Kubectl(cluster.kubeconfig);
    mkdirSync(file('policies'));
    writeFileSync(file('policies/audit.yaml'), auditPolicy('configmaps'));
    writeFileSync(file('policies/encryption.yaml'), encryption);
    writeFileSync(file('policies/tokens.csv'), `${token},ann,7,"system:masters"\n`);
    writeFileSync(file('policies/reviews.yaml'), reviews);
  });
  after(() => {
    cluster?.[Symbol.dispose]();
    rmSync(folder, { recursive: true, force: true });
  });

  for (const [what, text, expected] of [
    [
      'a field',
      clusterConfig().replace('tier: front', 'tier: 5'),
      /config\.yaml:5: nodes\[0\]\.labels\.tier: must be a str/,
    ],
    [
      'a flag',
      clusterConfig('      no-such-flag: "1"\n'),
      /config\.yaml:24: .*no-such-flag: unknown argument "--no-such-flag=1"/,
    ],
    [
      'a flag of ours',
      clusterConfig('      secure-port: "1"\n'),
      /config\.yaml:24: .*secure-port: k8ts sets --secure-port by its/,
    ],
    ['a value', clusterConfig('      authorization-mode: RBAC,Foo\n'), /config\.yaml:24: .*"Foo" is not a valid mode/],
    ['a file', clusterConfig().replace('/tokens.csv', '/none.csv'), /config\.yaml:20: .*token-auth-file: .*none\.csv/],
  ] as const) {
    test(`is refused before anything is made: ${what}`, () => {
      write(text);
      const { code, stderr } = up();
      assert.equal(code, 1);
      assert.match(stderr, expected);
      assert.doesNotMatch(k8ts(['get', 'clusters']).stdout, new RegExp(`^${cluster.name}$`, 'm'));
    });
  }

  test('writes the audit log, encrypts, knows tokens of the file and labels its node', async () => {
    write(clusterConfig());
    const { code, stdout, stderr } = up();
    assert.equal(code, 0, `${stdout}${stderr}`);
    kubectl.get('create', 'configmap', 'seen');
    const event = auditLog().find(({ objectRef }) => objectRef.name === 'seen');
    assert.deepEqual([event.verb, event.level, event.responseStatus.code], ['create', 'Metadata', 201]);
    kubectl.get('create', 'secret', 'generic', 'hidden', '--from-literal=a=in-clear-text');
    const stored = await readEtcd(cluster.name, '/registry/secrets/default/hidden');
    assert.match(stored, /^k8s:enc:aesgcm:v1:one:/);
    const layout = loadCluster(cluster.name, defaultRoots)!;
    const asAnn = [
      '--server',
      layout.apiUrl,
      '--certificate-authority',
      `${pkiFiles(layout).ca}.crt`,
      '--token',
      token,
    ];
    const whoami = kubectl.run(['--kubeconfig', '/dev/null', ...asAnn, 'auth', 'whoami', '-o', 'json']);
    assert.equal(JSON.parse(whoami.stdout).status.userInfo.username, 'ann', whoami.stderr);
    assert.equal(kubectl.json('get', 'node', layout.nodes[0]!.name).metadata.labels.tier, 'front');
  });

  test('shows its node what is mounted, only for reading', async () => {
    const load = k8ts(['load', 'image-archive', '--name', cluster.name, await imageArchive('busybox')]);
    assert.equal(load.code, 0, load.stderr);
    const script = 'cat /p/audit.yaml; echo changed >/p/audit.yaml; echo "exit $?"';
    kubectl.apply({
      apiVersion: 'v1',
      kind: 'Pod',
      metadata: { name: 'reader' },
      spec: {
        restartPolicy: 'Never',
        volumes: [{ name: 'p', hostPath: { path: '/etc/kubernetes/policies', type: 'Directory' } }],
        containers: [
          {
            name: 'c',
            image: 'busybox:1.36',
            command: ['sh', '-c', script],
            volumeMounts: [{ name: 'p', mountPath: '/p' }],
          },
        ],
      },
    });
    kubectl.get('wait', '--for=jsonpath={.status.phase}=Succeeded', 'pod/reader', '--timeout=600s');
    const logs = kubectl.get('logs', 'reader');
    assert.ok(logs.startsWith(auditPolicy('configmaps')), logs);
    // Two streams: which line of them comes first is not said.
    assert.match(logs, /^exit 1$/m);
    assert.match(logs, /Read-only file system/);
    assert.equal(readFileSync(file('policies/audit.yaml'), 'utf8'), auditPolicy('configmaps'));
  });

  test('a change of a file or a flag restarts the component that has it, and no other', () => {
    const [apiserver, ...others] = pids();
    const same = up();
    assert.match(same.stdout, /All is well/);
    writeFileSync(file('policies/audit.yaml'), auditPolicy('secrets'));
    // Without the file it is the configuration that the cluster has.
    assert.equal(cluster.run('up', ...patience).code, 0);
    const [restarted, ...untouched] = pids();
    assert.notEqual(restarted, apiserver);
    assert.deepEqual(untouched, others);
    kubectl.get('create', 'secret', 'generic', 'audited');
    assert.ok(auditLog().some(({ objectRef }) => objectRef.name === 'audited'));
    write(`${clusterConfig()}  scheduler: {extraArgs: {log-level: debug}}\n`);
    assert.equal(up().code, 0);
    const [, ...rest] = pids();
    assert.deepEqual([pids()[0], rest[0], rest[1], rest[3]], [restarted, untouched[0], untouched[1], untouched[3]]);
    assert.notEqual(rest[2], untouched[2]);
  });

  test('a change that does not work changes nothing', () => {
    const before = pids();
    writeFileSync(file('policies/encryption.yaml'), encryption.replace(key, 'short'));
    const { code, stderr } = up();
    assert.equal(code, 1);
    assert.match(stderr, /config\.yaml:19: .*encryption-provider-config: .*secret/);
    writeFileSync(file('policies/encryption.yaml'), encryption);
    write(clusterConfig().replace('containerPath: /etc/kubernetes/policies', 'containerPath: /etc/kubernetes'));
    assert.match(up().stderr, /exists with other extraMounts/);
    assert.deepEqual(pids(), before);
    assert.equal(kubectl.run(['get', 'configmap', 'seen']).code, 0);
  });
});

async function readEtcd(name: string, path: string): Promise<string> {
  const layout = loadCluster(name, defaultRoots)!;
  const { etcdCa, etcdClient } = pkiFiles(layout);
  const tls = {
    ca: readFileSync(`${etcdCa}.crt`),
    cert: readFileSync(`${etcdClient}.crt`),
    key: readFileSync(`${etcdClient}.key`),
  };
  const etcd = new EtcdClient({ servers: [`https://127.0.0.1:${layout.ports.etcdClient}`], tls }, realClock);
  try {
    return (await etcd.get(path))?.value.toString('latin1') ?? '';
  } finally {
    etcd.close();
  }
}
