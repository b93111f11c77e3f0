// Volumes of files that the API tells, kept in step with it: from a ConfigMap, on disk; from a Secret and with facts
// about the pod (labels and annotations are followed), in memory only. Several in one folder: projected.ts.
// https://kubernetes.io/docs/concepts/storage/volumes/#configmap https://kubernetes.io/docs/concepts/storage/volumes/#secret
// https://kubernetes.io/docs/concepts/workloads/pods/downward-api/
import { chmodSync } from 'node:fs';
import type { Volume } from '../../api/core/pod/volume.ts';
import { type VolumeFiles, writeAtomically } from './atomic-writer.ts';
import type { VolumeContext, VolumePlugin } from './plugin.ts';
import { configMapFiles, downwardFiles, secretFiles } from './volume-files.ts';
import { folderUse } from './volume-use.ts';

/** `name`: the folder below `volumes/`, without its prefix. `filesOf` is given the volume's source. */
export function filesPlugin<K extends 'configMap' | 'secret' | 'downwardAPI' | 'projected'>(
  source: K,
  name: string,
  filesOf: (context: VolumeContext, from: NonNullable<Volume[K]>) => VolumeFiles | Promise<VolumeFiles>,
): VolumePlugin {
  const onDisk = source === 'configMap';
  return {
    name: `kubernetes.io~${name}`,
    handles: ({ volume }) => volume[source] !== undefined,
    isLive: true,
    isReadOnly: true,
    async setUp(context) {
      const dir = onDisk ? context.diskDir : context.memoryDir;
      const files = await filesOf(context, context.volume[source]!);
      await writeAtomically(dir, files, { fsGroup: context.fsGroup, nowMs: context.nowMs() });
      chmodSync(dir, onDisk ? 0o777 : 0o1777);
      return dir;
    },
    measure: (_diskDir, path) => folderUse(path),
  };
}

export const configMapPlugin = filesPlugin('configMap', 'configmap', (context, source) =>
  configMapFiles(context, { ...source, defaultMode: source.defaultMode ?? 0o644 }),
);

export const secretPlugin = filesPlugin('secret', 'secret', (context, source) =>
  secretFiles(context, { ...source, name: source.secretName, defaultMode: source.defaultMode ?? 0o644 }),
);

export const downwardApiPlugin = filesPlugin('downwardAPI', 'downward-api', (context, source) =>
  downwardFiles(context, source.items, source.defaultMode ?? 0o644),
);
