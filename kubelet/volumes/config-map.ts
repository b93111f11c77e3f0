// configMap: files from a ConfigMap, kept in step with it.
// https://kubernetes.io/docs/concepts/storage/volumes/#configmap
import { chmodSync } from 'node:fs';
import { writeAtomically } from './atomic-writer.ts';
import type { VolumePlugin } from './plugin.ts';
import { configMapFiles } from './volume-files.ts';

export const configMapPlugin: VolumePlugin = {
  name: 'kubernetes.io~configmap',
  handles: ({ volume }) => volume.configMap !== undefined,
  isLive: true,
  isReadOnly: true,
  async setUp(context) {
    const { name = '', items, optional, defaultMode = 0o644 } = context.volume.configMap!;
    const files = await configMapFiles(context, { name, items, optional, defaultMode });
    await writeAtomically(context.diskDir, files, { fsGroup: context.fsGroup, nowMs: context.nowMs() });
    chmodSync(context.diskDir, 0o777);
    return context.diskDir;
  },
};
