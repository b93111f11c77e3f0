import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { kubeletSettingFlags } from './kubelet-settings.ts';
import { readConfig } from './read.ts';

const read = (lines: string) =>
  readConfig(`kind: KubeletConfiguration\napiVersion: kubelet.config.k8s.io/v1beta1\n${lines}`, 'c.yaml', '/w');

describe('what a kubelet is told of a node that runs out of something', () => {
  test('nothing about disks, which are the host’s, unless somebody says so', () => {
    assert.deepEqual(kubeletSettingFlags(), {
      'eviction-hard':
        'memory.available<100Mi,nodefs.available<0%,nodefs.inodesFree<0%,imagefs.available<0%,imagefs.inodesFree<0%',
      'image-gc-high-threshold': 100,
    });
  });

  test('what the configuration says', () => {
    const { kubelet } = read(
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
      ].join('\n'),
    );
    assert.deepEqual(kubeletSettingFlags(kubelet?.settings), {
      'eviction-hard': 'memory.available<200Mi',
      'eviction-soft': 'nodefs.available<5%',
      'eviction-soft-grace-period': 'nodefs.available=1m',
      'eviction-minimum-reclaim': 'nodefs.available=1Gi',
      'eviction-pressure-transition-period': '1m',
      'eviction-max-pod-grace-period': 10,
      'image-gc-high-threshold': 90,
      'image-gc-low-threshold': 70,
      'minimum-image-ttl-duration': '5m',
    });
  });

  const refused: [string, RegExp][] = [
    [
      'evictionHard: {memory.available: "1Mi,x<2"}',
      /^c\.yaml:3: evictionHard\.memory\.available: must not have any of/,
    ],
    ['evictionHard: {memory.available: 5}', /^c\.yaml:3: evictionHard\.memory\.available: must be a string$/],
    ['evictionMaxPodGracePeriod: soon', /^c\.yaml:3: evictionMaxPodGracePeriod: must be a whole number$/],
  ];
  for (const [lines, message] of refused) test(lines, () => assert.throws(() => read(lines), { message }));
});
