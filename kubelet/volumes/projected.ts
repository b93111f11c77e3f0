// projected: several sources in one folder: ConfigMaps, Secrets, facts about the pod and tokens of its service account.
// https://kubernetes.io/docs/concepts/storage/projected-volumes/
import { chmodSync } from 'node:fs';
import type { VolumeProjection } from '../../api/core/pod/file-volumes.ts';
import type { Pod } from '../../api/core/pod.ts';
import { type VolumeFile, writeAtomically } from './atomic-writer.ts';
import type { VolumeContext, VolumePlugin } from './plugin.ts';
import { configMapFiles, downwardFiles, secretFiles } from './volume-files.ts';

export const projectedPlugin: VolumePlugin = {
  name: 'kubernetes.io~projected',
  handles: ({ volume }) => volume.projected !== undefined,
  isLive: true,
  isReadOnly: true,
  async setUp(context) {
    const { sources, defaultMode = 0o644 } = context.volume.projected!;
    const parts = await Promise.all((sources ?? []).map((source) => projectSource(context, source, defaultMode)));
    const files = new Map(parts.flatMap((part) => [...part]));
    await writeAtomically(context.memoryDir, files, { fsGroup: context.fsGroup, nowMs: context.nowMs() });
    chmodSync(context.memoryDir, 0o1777);
    return context.memoryDir;
  },
};

/** Of a token that belongs to the pod's user or group: nobody else in the pod may read it. */
const tokenMode = 0o600;

/** The user that all containers of a pod run as, when it is one and the pod names it. */
function commonUserOf({ spec }: Pod): number | undefined {
  const containers = [...(spec.initContainers ?? []), ...spec.containers];
  const users = new Set(containers.map((c) => c.securityContext?.runAsUser ?? spec.securityContext?.runAsUser));
  return users.size === 1 ? [...users][0] : undefined;
}

async function projectSource(
  context: VolumeContext,
  source: VolumeProjection,
  defaultMode: number,
): Promise<Map<string, VolumeFile>> {
  if (source.configMap) {
    const { name = '', items, optional } = source.configMap;
    return configMapFiles(context, { name, items, optional, defaultMode });
  }
  if (source.secret) {
    const { name = '', items, optional } = source.secret;
    return secretFiles(context, { name, items, optional, defaultMode });
  }
  if (source.downwardAPI) return downwardFiles(context, source.downwardAPI.items, defaultMode);
  if (source.serviceAccountToken) {
    const data = Buffer.from(await context.token(source.serviceAccountToken));
    const uid = commonUserOf(context.pod);
    const isOwned = uid !== undefined || context.fsGroup !== undefined;
    return new Map([[source.serviceAccountToken.path, { data, mode: isOwned ? tokenMode : defaultMode, uid }]]);
  }
  const [kind = 'empty'] = Object.keys(source);
  throw new Error(`projected volume source ${JSON.stringify(kind)} is not supported by this kubelet`);
}
