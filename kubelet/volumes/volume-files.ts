// The files that ConfigMaps, Secrets and facts about the pod become; shared by the volumes of one
// source and the projected one.
import type { ConfigMap } from '../../api/core/configmap.ts';
import type { DownwardAPIVolumeFile, KeyToPath } from '../../api/core/pod/file-volumes.ts';
import type { Secret } from '../../api/core/secret.ts';
import { findContainer } from '../pods/pod-text.ts';
import { podField, resourceField } from '../spec/pod-fields.ts';
import type { VolumeFile } from './atomic-writer.ts';
import type { VolumeContext } from './plugin.ts';

export interface SourceOptions {
  name?: string | undefined;
  items?: readonly KeyToPath[] | undefined;
  optional?: boolean | undefined;
  defaultMode: number;
}

/** `missingKey` is what one is called in the error. */
function selectFiles(
  all: ReadonlyMap<string, Buffer>,
  selection: SourceOptions,
  missingKey: string,
): Map<string, VolumeFile> {
  const out = new Map<string, VolumeFile>();
  if (!selection.items?.length) {
    for (const [key, data] of all) out.set(key, { data, mode: selection.defaultMode });
    return out;
  }
  for (const { key, path, mode } of selection.items) {
    const data = all.get(key);
    if (data) out.set(path, { data, mode: mode ?? selection.defaultMode });
    else if (!selection.optional) throw new Error(`${missingKey}: ${key}`);
  }
  return out;
}

export async function configMapFiles(context: VolumeContext, source: SourceOptions): Promise<Map<string, VolumeFile>> {
  const { name = '', optional } = source;
  const found = await context.configMap(name);
  if (!found && !optional) throw new Error(`configmap "${name}" not found`);
  return selectFiles(bytesOfConfigMap(found), source, 'configmap references non-existent config key');
}

function bytesOfConfigMap(found: ConfigMap | undefined): Map<string, Buffer> {
  const out = new Map<string, Buffer>();
  for (const [key, text] of Object.entries(found?.data ?? {})) out.set(key, Buffer.from(text));
  for (const [key, text] of Object.entries(found?.binaryData ?? {})) out.set(key, Buffer.from(text, 'base64'));
  return out;
}

export async function secretFiles(context: VolumeContext, source: SourceOptions): Promise<Map<string, VolumeFile>> {
  const { name = '', optional } = source;
  const found: Secret | undefined = await context.secret(name);
  if (!found && !optional) throw new Error(`secret "${name}" not found`);
  const bytes = new Map(Object.entries(found?.data ?? {}).map(([key, text]) => [key, Buffer.from(text, 'base64')]));
  return selectFiles(bytes, source, 'references non-existent secret key');
}

export function downwardFiles(
  { pod, addresses, allocatable }: VolumeContext,
  items: readonly DownwardAPIVolumeFile[] | undefined,
  defaultMode: number,
): Map<string, VolumeFile> {
  const out = new Map<string, VolumeFile>();
  for (const { path, mode, fieldRef, resourceFieldRef } of items ?? []) {
    let text = '';
    if (fieldRef) text = podField(pod, fieldRef.fieldPath, addresses);
    else if (resourceFieldRef) {
      const container = findContainer(pod, resourceFieldRef.containerName ?? '');
      if (!container) throw new Error(`container ${resourceFieldRef.containerName} not found`);
      text = resourceField(pod, container, { selector: resourceFieldRef, allocatable });
    }
    out.set(path, { data: Buffer.from(text), mode: mode ?? defaultMode });
  }
  return out;
}
