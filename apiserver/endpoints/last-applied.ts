// The annotation in which kubectl's client-side apply keeps what it applied last. An apply by
// kubectl on the server keeps it in step, so that one may go back.
// https://kubernetes.io/docs/reference/using-api/server-side-apply/#upgrading-from-client-side-apply-to-server-side-apply
import { annotationsMaxBytes } from '../../api/meta/validation.ts';
import { goJson, sortKeys } from '../../machinery/go-json.ts';
import { isObject } from '../../machinery/json.ts';
import type { KubeObject } from '../../machinery/metadata.ts';

const annotation = 'kubectl.kubernetes.io/last-applied-configuration';

/** What was applied last; undefined where nothing was, or it cannot be read. */
export function lastAppliedOf(object: KubeObject): Record<string, unknown> | undefined {
  const text = object.metadata.annotations?.[annotation];
  if (!text) return undefined;
  try {
    const value = JSON.parse(text) as unknown;
    return isObject(value) ? value : {};
  } catch {
    return {};
  }
}

/** Writes down what has been applied. Where there is no room for it, the annotation goes. Changes the draft. */
export function withLastApplied(draft: KubeObject, config: Record<string, unknown>): void {
  const { [annotation]: _, ...others } = draft.metadata.annotations ?? {};
  const text = `${goJson(sortKeys(withoutAnnotation(config)))}\n`;
  const bytes = Object.entries({ ...others, [annotation]: text }).reduce(
    (sum, [key, value]) => sum + Buffer.byteLength(key) + Buffer.byteLength(value),
    0,
  );
  draft.metadata.annotations = bytes > annotationsMaxBytes ? others : { ...others, [annotation]: text };
}

function withoutAnnotation(config: Record<string, unknown>): Record<string, unknown> {
  const { metadata } = config;
  if (!isObject(metadata) || !isObject(metadata.annotations)) return config;
  const { [annotation]: _, ...annotations } = metadata.annotations;
  return { ...config, metadata: { ...metadata, annotations } };
}
