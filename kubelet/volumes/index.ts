// The kinds of volumes this kubelet can mount, in no particular order: each volume has exactly one source.
import { configMapPlugin } from './config-map.ts';
import { downwardApiPlugin } from './downward-api.ts';
import { emptyDirPlugin } from './empty-dir.ts';
import { hostPathPlugin } from './host-path.ts';
import type { VolumePlugin } from './plugin.ts';
import { projectedPlugin } from './projected.ts';
import { secretPlugin } from './secret.ts';

export const volumePlugins: readonly VolumePlugin[] = [
  emptyDirPlugin,
  hostPathPlugin,
  configMapPlugin,
  secretPlugin,
  downwardApiPlugin,
  projectedPlugin,
];
