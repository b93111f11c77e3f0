// projected: several sources in one folder: ConfigMaps, Secrets, facts about the pod and tokens of its service account.
// https://kubernetes.io/docs/concepts/storage/projected-volumes/

import type { VolumeProjection } from '../../api/core/pod/file-volumes.ts';
import type { Pod } from '../../api/core/pod.ts';
import type { VolumeFile } from './atomic-writer.ts';
import { filesPlugin } from './files-plugin.ts';
import type { VolumeContext } from './plugin.ts';
import { configMapFiles, downwardFiles, secretFiles } from './volume-files.ts';

export const projectedPlugin = filesPlugin('projected', 'projected', async (context, source) => {
  const { sources = [], defaultMode = 0o644 } = source;
  const parts = await Promise.all(sources.map((one) => projectSource(context, one, defaultMode)));
  return new Map(parts.flatMap((part) => [...part]));
});

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
  if (source.configMap) return configMapFiles(context, { ...source.configMap, defaultMode });
  if (source.secret) return secretFiles(context, { ...source.secret, defaultMode });
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
