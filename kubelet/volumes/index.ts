// The kinds of volumes this kubelet can mount, in no particular order: each volume has exactly one source.
import type { Mounts } from '../../host/mounts.ts';
import { emptyDirPlugin } from './empty-dir.ts';
import { configMapPlugin, downwardApiPlugin, secretPlugin } from './files-plugin.ts';
import { hostPathPlugin } from './host-path.ts';
import { createLocalPlugin } from './local.ts';
import { createNfsPlugin } from './nfs.ts';
import type { VolumePlugin } from './plugin.ts';
import { projectedPlugin } from './projected.ts';

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
