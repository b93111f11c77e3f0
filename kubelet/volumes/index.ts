// The kinds of volumes this kubelet can mount, in no particular order: each volume has exactly one source.
import type { Mounts } from '../../host/mounts.ts';
import { configMapPlugin } from './config-map.ts';
import { downwardApiPlugin } from './downward-api.ts';
import { emptyDirPlugin } from './empty-dir.ts';
import { hostPathPlugin } from './host-path.ts';
import { createLocalPlugin } from './local.ts';
import { createNfsPlugin } from './nfs.ts';
import type { VolumePlugin } from './plugin.ts';
import { projectedPlugin } from './projected.ts';
import { secretPlugin } from './secret.ts';

/** `more` are those that stand on other parts of the kubelet. */
export const createVolumePlugins = (mounts: Mounts, ...more: VolumePlugin[]): readonly VolumePlugin[] => [
  emptyDirPlugin,
  hostPathPlugin,
  configMapPlugin,
  secretPlugin,
  downwardApiPlugin,
  projectedPlugin,
  createLocalPlugin(mounts),
  createNfsPlugin(mounts),
  ...more,
];
