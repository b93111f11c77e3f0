// secret: files from a Secret, in memory only, kept in step with it.
// https://kubernetes.io/docs/concepts/storage/volumes/#secret
import { chmodSync } from 'node:fs';
import { writeAtomically } from './atomic-writer.ts';
import type { VolumePlugin } from './plugin.ts';
import { secretFiles } from './volume-files.ts';

export const secretPlugin: VolumePlugin = {
  name: 'kubernetes.io~secret',
  handles: ({ volume }) => volume.secret !== undefined,
  isLive: true,
  isReadOnly: true,
  async setUp(context) {
    const { secretName = '', items, optional, defaultMode = 0o644 } = context.volume.secret!;
    const files = await secretFiles(context, { name: secretName, items, optional, defaultMode });
    await writeAtomically(context.memoryDir, files, { fsGroup: context.fsGroup, nowMs: context.nowMs() });
    chmodSync(context.memoryDir, 0o1777);
    return context.memoryDir;
  },
};
