// The files that ConfigMaps, Secrets and facts about the pod become; shared by the volumes of one
// source and the projected one.
import type { ConfigMap } from '../../api/core/configmap.ts';
import type { DownwardAPIVolumeFile, KeyToPath } from '../../api/core/pod/file-volumes.ts';
import type { Secret } from '../../api/core/secret.ts';
import { findContainer } from '../pods/pod-text.ts';
import { podField, resourceField } from '../spec/pod-fields.ts';
import type { VolumeFile } from './atomic-writer.ts';
import type { VolumeContext } from './plugin.ts';

interface Selection {
  items?: readonly KeyToPath[] | undefined;
  optional?: boolean | undefined;
  defaultMode: number;
  /** What a missing key is called in the error. */
  missingKey: string;
}

function selectFiles(all: ReadonlyMap<string, Buffer>, selection: Selection): Map<string, VolumeFile> {
  const out = new Map<string, VolumeFile>();
  if (!selection.items?.length) {
    for (const [key, data] of all) out.set(key, { data, mode: selection.defaultMode });
    return out;
  }
  for (const { key, path, mode } of selection.items) {
    const data = all.get(key);
    if (data) out.set(path, { data, mode: mode ?? selection.defaultMode });
    else if (!selection.optional) throw new Error(`${selection.missingKey}: ${key}`);
  }
  return out;
}

export interface SourceOptions {
  name: string;
  items?: readonly KeyToPath[] | undefined;
  optional?: boolean | undefined;
  defaultMode: number;
}

export async function configMapFiles(context: VolumeContext, source: SourceOptions): Promise<Map<string, VolumeFile>> {
  const found = await context.configMap(source.name);
  if (!found && !source.optional) throw new Error(`configmap "${source.name}" not found`);
  const missingKey = 'configmap references non-existent config key';
  return selectFiles(bytesOfConfigMap(found), { ...source, missingKey });
}

function bytesOfConfigMap(found: ConfigMap | undefined): Map<string, Buffer> {
  const out = new Map<string, Buffer>();
  for (const [key, text] of Object.entries(found?.data ?? {})) out.set(key, Buffer.from(text));
  for (const [key, text] of Object.entries(found?.binaryData ?? {})) out.set(key, Buffer.from(text, 'base64'));
  return out;
}

export async function secretFiles(context: VolumeContext, source: SourceOptions): Promise<Map<string, VolumeFile>> {
  const found: Secret | undefined = await context.secret(source.name);
  if (!found && !source.optional) throw new Error(`secret "${source.name}" not found`);
  const bytes = new Map(Object.entries(found?.data ?? {}).map(([key, text]) => [key, Buffer.from(text, 'base64')]));
  return selectFiles(bytes, { ...source, missingKey: 'references non-existent secret key' });
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
