// downwardAPI: files with facts about the pod; labels and annotations are followed.
// https://kubernetes.io/docs/concepts/workloads/pods/downward-api/
import { chmodSync } from 'node:fs';
import { writeAtomically } from './atomic-writer.ts';
import type { VolumePlugin } from './plugin.ts';
import { downwardFiles } from './volume-files.ts';

export const downwardApiPlugin: VolumePlugin = {
  name: 'kubernetes.io~downward-api',
  handles: ({ volume }) => volume.downwardAPI !== undefined,
  isLive: true,
  isReadOnly: true,
  async setUp(context) {
    const { items, defaultMode = 0o644 } = context.volume.downwardAPI!;
    const files = downwardFiles(context, items, defaultMode);
    await writeAtomically(context.memoryDir, files, { fsGroup: context.fsGroup, nowMs: context.nowMs() });
    chmodSync(context.memoryDir, 0o1777);
    return context.memoryDir;
  },
};
