import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { UserError } from '../user-error.ts';
import { mapPath } from './cluster-config.ts';
import { readConfig } from './read.ts';

const read = (text: string) => readConfig(text, 'c.yaml', '/home/me');

const kindFile = `# a cluster
kind: Cluster
apiVersion: kind.x-k8s.io/v1alpha4
name: audited
networking:
  apiServerPort: 6500
  apiServerAddress: 127.0.0.1
  podSubnet: 10.50.0.0/16
  serviceSubnet: "10.51.0.0/16"
featureGates:
runtimeConfig: {}
nodes:
- role: control-plane
  labels: {tier: front}
  extraMounts:
  - hostPath: ./policies
    containerPath: /etc/kubernetes/policies
    readOnly: true
  kubeadmConfigPatches:
  - |
    kind: InitConfiguration
    nodeRegistration:
      kubeletExtraArgs:
        node-labels: "ingress-ready=true,topology.kubernetes.io/zone=a"
  - |
    kind: ClusterConfiguration
    apiServer:
        extraArgs:
          audit-log-path: /var/log/kubernetes/audit.log
          audit-policy-file: /etc/kubernetes/policies/audit.yaml
          oidc-ca-file: /etc/ssl/certs/issuer.pem
        extraVolumes:
          - name: policies
            hostPath: /etc/kubernetes/policies
            mountPath: /etc/kubernetes/policies
            readOnly: true
            pathType: DirectoryOrCreate
          - name: logs
            hostPath: /var/log/k8s
            mountPath: /var/log/kubernetes
        certSANs: [api.example.com, 192.0.2.7]
    scheduler:
      extraArgs: {log-level: debug}
`;

describe('a configuration file', () => {
  test("in kind's terms, with kubeadm's within", () => {
    const config = read(kindFile);
    assert.deepEqual(
      [config.name, config.apiPort, config.podSubnet, config.serviceSubnet],
      ['audited', 6500, '10.50.0.0/16', '10.51.0.0/16'],
    );
    assert.deepEqual(config.nodeLabels, { tier: 'front', 'ingress-ready': 'true', 'topology.kubernetes.io/zone': 'a' });
    const mount = { hostPath: '/home/me/policies', containerPath: '/etc/kubernetes/policies', readOnly: true };
    assert.deepEqual(config.nodeMounts, [mount]);
    assert.deepEqual(config.extraArgs.apiserver, [
      {
        name: 'audit-log-path',
        value: '/var/log/k8s/audit.log',
        place: 'c.yaml:29: nodes[0].kubeadmConfigPatches[1].apiServer.extraArgs.audit-log-path',
      },
      {
        name: 'audit-policy-file',
        value: '/home/me/policies/audit.yaml',
        place: 'c.yaml:30: nodes[0].kubeadmConfigPatches[1].apiServer.extraArgs.audit-policy-file',
      },
      {
        name: 'oidc-ca-file',
        value: '/etc/ssl/certs/issuer.pem',
        place: 'c.yaml:31: nodes[0].kubeadmConfigPatches[1].apiServer.extraArgs.oidc-ca-file',
      },
    ]);
    assert.deepEqual(
      config.paths.map(({ hostPath, pathType }) => [hostPath, pathType]),
      [
        ['/home/me/policies', 'DirectoryOrCreate'],
        ['/var/log/k8s', ''],
      ],
    );
    assert.deepEqual(config.certSANs, ['api.example.com', '192.0.2.7']);
    assert.deepEqual(
      config.extraArgs.scheduler.map(({ name, value }) => [name, value]),
      [['log-level', 'debug']],
    );
  });

  test("in kubeadm's terms, of both versions, the later one counting", () => {
    const config = read(`apiVersion: kubeadm.k8s.io/v1beta4
kind: ClusterConfiguration
kubernetesVersion: v1.36.2
networking: {podSubnet: 10.60.0.0/16, dnsDomain: cluster.local}
apiServer:
  extraArgs:
  - {name: anonymous-auth, value: "false"}
  - name: token-auth-file
    value: /etc/tokens/known.csv
  extraVolumes:
  - {name: tokens, hostPath: /root/tokens.csv, mountPath: /etc/tokens/known.csv, pathType: File}
---
apiVersion: kubeadm.k8s.io/v1beta3
kind: ClusterConfiguration
apiServer:
  extraArgs: {anonymous-auth: "true"}
controllerManager:
  extraArgs: {cluster-signing-duration: 1h}
`);
    const pairs = config.extraArgs.apiserver.map(({ name, value }) => [name, value]);
    assert.deepEqual(pairs, [
      ['anonymous-auth', 'true'],
      ['token-auth-file', '/root/tokens.csv'],
    ]);
    assert.equal(config.extraArgs.apiserver[0]!.place, 'c.yaml:16: apiServer.extraArgs.anonymous-auth');
    assert.equal(config.extraArgs.controllers[0]!.value, '1h');
    assert.equal(config.podSubnet, '10.60.0.0/16');
  });

  const cluster = (lines: string) => `kind: Cluster\napiVersion: kind.x-k8s.io/v1alpha4\n${lines}`;
  const kubeadm = (lines: string) => `kind: ClusterConfiguration\napiVersion: kubeadm.k8s.io/v1beta4\n${lines}`;
  const refusals: [string, string, RegExp][] = [
    ['nothing', '# nothing\n---\n', /^c\.yaml: there is nothing in it$/],
    ['no YAML', 'kind: [', /^c\.yaml:1: did not find expected/],
    ['a broken second document', `${cluster('')}---\nkind: x\na: b: c\n`, /^c\.yaml:5: mapping values are not allowed/],
    ['a key twice', cluster('name: a\nname: b\n'), /^c\.yaml:4: key "name" already set in map$/],
    ['no kind', 'a: 1\n', /^c\.yaml:1: kind is required$/],
    [
      'an unknown kind',
      'a: 1\nkind: KubeProxyConfiguration\n',
      /kind "KubeProxyConfiguration" is not supported; kind's Cl/,
    ],
    ['an old version of kind', 'kind: Cluster\napiVersion: v1alpha3\n', /^c\.yaml:2: apiVersion: must be "kind\.x-k8s/],
    [
      'an unknown field',
      cluster('networkin: {}\n'),
      /^c\.yaml:3: networkin: is not supported; known here: .*networking/,
    ],
    [
      'several nodes',
      cluster('nodes:\n- role: control-plane\n- role: worker\n'),
      /^c\.yaml:5: nodes\[1\]: a cluster has one/,
    ],
    ['a worker', cluster('nodes:\n- role: worker\n'), /nodes\[0\]\.role: must be "control-plane", not "worker"/],
    [
      'ports',
      cluster('nodes:\n- extraPortMappings: [{}]\n'),
      /^c\.yaml:4: nodes\[0\]\.extraPortMappings: is not supported/,
    ],
    ['a feature', cluster('featureGates:\n  A: true\n'), /^c\.yaml:4: featureGates\.A: feature A cannot be switched/],
    ['an API', cluster('runtimeConfig: {"api/alpha": "true"}\n'), /runtimeConfig\.api\/alpha: .* cannot be switched/],
    [
      'IPv6',
      cluster('networking:\n  ipFamily: dual\n'),
      /^c\.yaml:4: networking\.ipFamily: must be "ipv4", not "dual"/,
    ],
    [
      'a range that is none',
      cluster('networking: {podSubnet: 10.0.0.0}\n'),
      /podSubnet: "10\.0\.0\.0" is no IPv4 range/,
    ],
    ['a name that is none', cluster('name: A_b\n'), /name: a cluster name is up to/],
    ['a port that is none', cluster('networking: {apiServerPort: 70000}\n'), /apiServerPort: a port is a number/],
    ['a label of Kubernetes', cluster('nodes:\n- labels: {node-role.kubernetes.io/x: ""}\n'), /may not give itself/],
    ['a label that is none', cluster('nodes:\n- labels: {"a b": c}\n'), /label a b=c: name part must consist/],
    [
      'a mount over what the node has',
      cluster('nodes:\n- extraMounts:\n  - hostPath: /x\n    containerPath: /usr/x\n'),
      /^c\.yaml:6: nodes\[0\]\.extraMounts\[0\]\.containerPath: \/usr of a node is its own$/,
    ],
    [
      'a patch of kubeadm',
      cluster('kubeadmConfigPatches:\n- |\n  kind: JoinConfiguration\n'),
      /"JoinConfiguration" is not/,
    ],
    [
      'a field in a patch',
      cluster('kubeadmConfigPatches:\n- |\n  kind: ClusterConfiguration\n  dns: {}\n'),
      /^c\.yaml:6: kubeadmConfigPatches\[0\]\.dns: is not/,
    ],
    ['another release', kubeadm('kubernetesVersion: v1.35.0\n'), /^c\.yaml:3: kubernetesVersion: only v1\.36/],
    [
      'a number',
      kubeadm('apiServer:\n  extraArgs: {audit-log-maxage: 3}\n'),
      /audit-log-maxage: must be a string: put it in q/,
    ],
    ['a flag with dashes', kubeadm('apiServer:\n  extraArgs: {--x: "3"}\n'), /"--x" is no name of a flag/],
    [
      'a flag twice',
      kubeadm('apiServer:\n  extraArgs:\n  - {name: x, value: a}\n  - {name: x, value: b}\n'),
      /^c\.yaml:6: .*given twice/,
    ],
    [
      'half a flag',
      kubeadm('apiServer:\n  extraArgs: [{name: x}]\n'),
      /apiServer\.extraArgs\[0\]: name and value are required/,
    ],
    [
      'a file of no volume',
      kubeadm('apiServer:\n  extraArgs: {token-auth-file: /x}\n'),
      /token-auth-file: \/x is in none of the/,
    ],
    [
      'a relative file',
      kubeadm('apiServer:\n  extraArgs: {token-auth-file: x}\n'),
      /--token-auth-file must be an absolute path/,
    ],
    [
      'a volume without a path',
      kubeadm('apiServer:\n  extraVolumes: [{name: a, mountPath: /a}]\n'),
      /extraVolumes\[0\]: hostPath is/,
    ],
    [
      'a path with steps back',
      kubeadm('apiServer:\n  extraVolumes: [{name: a, hostPath: /a/../b, mountPath: /a}]\n'),
      /without "\.\."/,
    ],
    [
      'a log that cannot be written',
      kubeadm(
        'apiServer:\n  extraArgs: {audit-log-path: /l/a}\n  extraVolumes: [{name: l, hostPath: /l, mountPath: /l, readOnly: true}]\n',
      ),
      /audit-log-path: \/l\/a is in a volume that is only for reading/,
    ],
    ['a name of a certificate', kubeadm('apiServer: {certSANs: ["a b"]}\n'), /certSANs\[0\]: "a b" is neither/],
    [
      'a flag of the kubelet',
      'kind: InitConfiguration\nnodeRegistration:\n  kubeletExtraArgs: {max-pods: "5"}\n',
      /--max-pods of the kubelet/,
    ],
  ];
  for (const [what, text, expected] of refusals) {
    test(`is refused: ${what}`, () => {
      assert.throws(
        () => read(text),
        (err) => {
          assert.ok(err instanceof UserError, String(err));
          assert.match(err.message, expected);
          return true;
        },
      );
    });
  }

  test('flags of the kubelet that no KubeletConfiguration has', () => {
    const flags = { 'image-credential-provider-config': '/c', 'image-credential-provider-bin-dir': '/b' };
    const args = JSON.stringify({ ...flags, 'node-labels': 'a=b' });
    const other = '---\nkind: KubeletConfiguration\nimageMinimumGCAge: 5m\n';
    const config = read(`kind: InitConfiguration\nnodeRegistration:\n  kubeletExtraArgs: ${args}\n${other}`);
    assert.deepEqual(config.kubelet?.flags, { ...flags, 'minimum-image-ttl-duration': '5m' });
    assert.deepEqual(config.nodeLabels, { a: 'b' });
  });

  test('a flag may name a volume of another document', () => {
    const config = read(`kind: ClusterConfiguration
apiServer: {extraArgs: {token-auth-file: /t/a}}
---
kind: ClusterConfiguration
apiServer: {extraVolumes: [{name: t, hostPath: /x, mountPath: /t}]}
`);
    assert.equal(config.extraArgs.apiserver[0]!.value, '/x/a');
  });

  test('maps a path by the longest mapping that holds it', () => {
    const mappings = [
      { mountPath: '/a', hostPath: '/x' },
      { mountPath: '/a/b', hostPath: '/y/' },
    ];
    const cases = { '/a': '/x', '/a/c': '/x/c', '/a/b/c': '/y/c', '/ab': undefined };
    for (const [path, expected] of Object.entries(cases)) assert.equal(mapPath(path, mappings), expected);
  });
});
