import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { layoutOf } from '../layout.ts';
import { nodeUnits } from '../units.ts';
import { readConfig } from './read.ts';

const kubelet = (lines: string) => `kind: KubeletConfiguration\napiVersion: kubelet.config.k8s.io/v1beta1\n${lines}`;
const read = (text: string) => readConfig(text, 'c.yaml', '/w');
const commandOf = (text: string) => {
  const layout = layoutOf({ name: 'a', slot: 0, egress: true, config: read(text) });
  const context = { layout, program: { node: 'node', bundle: 'b' }, trees: { version: 2 as const, hierarchies: [] } };
  return nodeUnits(context, layout.nodes[0]!).find(({ name }) => name === 'kubelet')!.command;
};
const flagOf = (text: string) => commandOf(text).find((word) => word.startsWith('--single'));

describe("the kubelet's configuration", () => {
  test('singleProcessOOMKill is a flag of the kubelet, unless nobody says so', () => {
    assert.equal(flagOf(kubelet('singleProcessOOMKill: true\n')), '--single-process-oom-kill=true');
    assert.equal(flagOf(kubelet('singleProcessOOMKill: false\n')), '--single-process-oom-kill=false');
    assert.equal(flagOf(kubelet('')), undefined);
  });

  test("it stands among kind's patches as well", () => {
    const patch = '  kind: KubeletConfiguration\n  singleProcessOOMKill: true\n';
    const config = read(`kind: Cluster\napiVersion: kind.x-k8s.io/v1alpha4\nkubeadmConfigPatches:\n- |\n${patch}`);
    assert.deepEqual(config.singleProcessOOMKill, {
      value: true,
      place: 'c.yaml:6: kubeadmConfigPatches[0].singleProcessOOMKill',
    });
  });

  test('staticPodPath is a flag of the kubelet as well', () => {
    assert.equal(readConfig(kubelet('staticPodPath: /manifests\n'), 'c.yaml', '/w').staticPodPath, '/manifests');
  });

  const isTold = (text: string, flags: [name: string, value: string | boolean][]) => {
    const command = commandOf(kubelet(text));
    for (const [name, value] of flags) {
      const at = command.indexOf(typeof value === 'boolean' ? `--${name}=${value}` : `--${name}`);
      assert.ok(at > 0, name);
      if (typeof value === 'string') assert.equal(command[at + 1], value, name);
    }
  };

  test('nobody is evicted for want of disk, which is the host’s, unless somebody says so', () => {
    const hard =
      'memory.available<100Mi,nodefs.available<0%,nodefs.inodesFree<0%,imagefs.available<0%,imagefs.inodesFree<0%';
    isTold('', [
      ['eviction-hard', hard],
      ['image-gc-high-threshold', '100'],
    ]);
  });

  const told: [name: string, lines: string[], flags: [name: string, value: string | boolean][]][] = [
    [
      'eviction and images',
      [
        'evictionHard: {memory.available: 200Mi}',
        'evictionSoft: {nodefs.available: 5%}',
        'evictionSoftGracePeriod: {nodefs.available: 1m}',
        'evictionMinimumReclaim: {nodefs.available: 1Gi}',
        'evictionPressureTransitionPeriod: 1m',
        'evictionMaxPodGracePeriod: 10',
        'imageGCHighThresholdPercent: 90',
        'imageGCLowThresholdPercent: 70',
        'imageMinimumGCAge: 5m',
        'imageMaximumGCAge: 24h',
        'imagePullCredentialsVerificationPolicy: NeverVerifyAllowlistedImages',
        'preloadedImagesVerificationAllowlist: [docker.io/library/a, r.example/*]',
      ],
      [
        ['eviction-hard', 'memory.available<200Mi'],
        ['eviction-soft', 'nodefs.available<5%'],
        ['eviction-soft-grace-period', 'nodefs.available=1m'],
        ['eviction-minimum-reclaim', 'nodefs.available=1Gi'],
        ['eviction-pressure-transition-period', '1m'],
        ['eviction-max-pod-grace-period', '10'],
        ['image-gc-high-threshold', '90'],
        ['image-gc-low-threshold', '70'],
        ['minimum-image-ttl-duration', '5m'],
        ['maximum-image-ttl-duration', '24h'],
        ['image-pull-credentials-verification-policy', 'NeverVerifyAllowlistedImages'],
        ['preloaded-images-verification-allowlist', 'docker.io/library/a,r.example/*'],
      ],
    ],
    [
      'how long restarts wait',
      ['crashLoopBackOff: {maxContainerRestartPeriod: 20s}'],
      [['max-container-restart-period', '20s']],
    ],
    ['how many ids a pod has', ['userNamespaces: {idsPerPod: 131072}'], [['user-namespaces-ids-per-pod', '131072']]],
    [
      'who may ask it',
      [
        'authentication: {anonymous: {enabled: true}, webhook: {enabled: false, cacheTTL: 1m}}',
        'authorization: {mode: Webhook, webhook: {cacheAuthorizedTTL: 2m, cacheUnauthorizedTTL: 3s}}',
      ],
      [
        ['anonymous-auth', true],
        ['authentication-token-webhook', false],
        ['authentication-token-webhook-cache-ttl', '1m'],
        ['authorization-mode', 'Webhook'],
        ['authorization-webhook-cache-authorized-ttl', '2m'],
        ['authorization-webhook-cache-unauthorized-ttl', '3s'],
      ],
    ],
  ];
  for (const [name, lines, flags] of told) test(`it is told ${name}`, () => isTold(lines.join('\n'), flags));

  const refusals: [string, string, RegExp][] = [
    [
      'more than one signal in a value',
      kubelet('evictionHard: {memory.available: "1Mi,x<2"}'),
      /^c\.yaml:3: evictionHard\.memory\.available: must not have any of/,
    ],
    [
      'a number for an amount',
      kubelet('evictionHard: {memory.available: 5}'),
      /^c\.yaml:3: evictionHard\.memory\.available: must be a string$/,
    ],
    [
      'a word for a number',
      kubelet('evictionMaxPodGracePeriod: soon'),
      /^c\.yaml:3: evictionMaxPodGracePeriod: must be a whole number$/,
    ],
    [
      'a field within that is not known',
      kubelet('authentication: {anonymous: {enable: true}}'),
      /^c\.yaml:3: authentication\.anonymous\.enable: is not supported; known here: enabled$/,
    ],
    ['a text', kubelet('singleProcessOOMKill: "yes"\n'), /^c\.yaml:3: singleProcessOOMKill: must be true or false$/],
    ['a relative path', kubelet('staticPodPath: manifests\n'), /^c\.yaml:3: staticPodPath: must be an absolute path$/],
    ['another field', kubelet('maxPods: 10\n'), /^c\.yaml:3: maxPods: is not supported/],
    [
      'another version',
      'kind: KubeletConfiguration\napiVersion: v1\n',
      /^c\.yaml:2: apiVersion: must be "kubelet\.conf/,
    ],
  ];
  for (const [name, text, message] of refusals)
    test(`${name} is refused`, () => assert.throws(() => read(text), { message }));
});
