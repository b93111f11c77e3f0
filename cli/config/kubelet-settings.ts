// What a cluster tells its kubelets of a node that runs out of something. Nodes share the disk of their host, which
// others fill: as with kind, nobody is evicted and no image removed for that, unless a configuration says so.

/** KubeletConfiguration's, as far as a configuration gives them. */
export interface KubeletSettings {
  evictionHard?: Record<string, string>;
  evictionSoft?: Record<string, string>;
  evictionSoftGracePeriod?: Record<string, string>;
  evictionMinimumReclaim?: Record<string, string>;
  evictionPressureTransitionPeriod?: string;
  evictionMaxPodGracePeriod?: number;
  imageGCHighThresholdPercent?: number;
  imageGCLowThresholdPercent?: number;
  imageMinimumGCAge?: string;
}

const clusterSettings: KubeletSettings = {
  evictionHard: {
    'memory.available': '100Mi',
    'nodefs.available': '0%',
    'nodefs.inodesFree': '0%',
    'imagefs.available': '0%',
    'imagefs.inodesFree': '0%',
  },
  imageGCHighThresholdPercent: 100,
};

/** As flags of `k8ts kubelet`. */
export function kubeletSettingFlags(given: KubeletSettings = {}): Record<string, string | number> {
  const all = { ...clusterSettings, ...given };
  const list = (of: Record<string, string> | undefined, sign: string) =>
    of &&
    Object.entries(of)
      .map(([signal, value]) => `${signal}${sign}${value}`)
      .join();
  const flags = {
    'eviction-hard': list(all.evictionHard, '<'),
    'eviction-soft': list(all.evictionSoft, '<'),
    'eviction-soft-grace-period': list(all.evictionSoftGracePeriod, '='),
    'eviction-minimum-reclaim': list(all.evictionMinimumReclaim, '='),
    'eviction-pressure-transition-period': all.evictionPressureTransitionPeriod,
    'eviction-max-pod-grace-period': all.evictionMaxPodGracePeriod,
    'image-gc-high-threshold': all.imageGCHighThresholdPercent,
    'image-gc-low-threshold': all.imageGCLowThresholdPercent,
    'minimum-image-ttl-duration': all.imageMinimumGCAge,
  };
  return Object.fromEntries(
    Object.entries(flags).flatMap(([name, value]) => (value === undefined ? [] : [[name, value]])),
  );
}
