// Field management of a write: the object before and after it as every version shows it in which
// somebody manages fields. Upstream: the handlers' FieldManager with its version converter.
import { decodeValue } from '../../machinery/decode.ts';
import type { Versions } from '../../machinery/field-management/apply.ts';
import { blankOf, decidedPart, recordUpdate, type View } from '../../machinery/field-management/record.ts';
import { apiVersionOf, type Kind, parseApiVersion } from '../../machinery/kind.ts';
import type { KubeObject, ManagedFieldsEntry } from '../../machinery/metadata.ts';
import { timestamp } from '../../machinery/timestamp.ts';
import { toVersion } from '../storage/stored-object.ts';
import { stepwise } from '../turns.ts';
import type { ApiContext, WriteOptions } from './context.ts';
import type { ServedResource } from './kind-table.ts';

/** The kind in each of its versions; undefined in one that is not served. */
export function versionsServed({ kinds }: Pick<ApiContext, 'kinds'>, kind: Kind) {
  return (apiVersion: string): ServedResource | undefined => {
    const version = kind.served.find((served) => apiVersionOf(served) === apiVersion);
    if (version) return { kind, version };
    // The versions of a custom resource are kinds of their own.
    const { group, version: name } = parseApiVersion(apiVersion);
    const sibling = kind.storedForm && group === kind.group ? kinds.find(group, name, kind.plural) : undefined;
    return sibling?.kind.kind === kind.kind ? sibling : undefined;
  };
}

/** The versions of a kind, for a write to `subresource`. */
export function versionsOf(context: Pick<ApiContext, 'kinds'>, kind: Kind, subresource: string): Versions {
  const find = versionsServed(context, kind);
  const part = {
    hasStatus: kind.subresources.status === true,
    subresource,
    statusKeeps: kind.statusKeeps ?? [],
  };
  return {
    schemaOf: (apiVersion) => find(apiVersion)?.version.schema,
    convert: (object, apiVersion) => convert(object, find(object.apiVersion ?? kind.apiVersion), find(apiVersion)),
    decided: (object) => decidedPart(object, part),
  };
}

function convert(
  object: KubeObject,
  from: ServedResource | undefined,
  to: ServedResource | undefined,
): KubeObject | Promise<KubeObject> {
  if (!from || !to) throw new Error(`an object of ${object.apiVersion} cannot be converted`);
  const value = decodeValue(from.version.schema, object, { defaults: false }).value as KubeObject;
  const stored: KubeObject = from.version.toStorage ? from.version.toStorage(value) : value;
  if (from.kind === to.kind) return toVersion(stored, to.kind, to.version);
  return convertThroughStorage(stored, from.kind, to);
}

async function convertThroughStorage(object: KubeObject, from: Kind, to: ServedResource): Promise<KubeObject> {
  const written = from.storedForm ? await from.storedForm.write(object) : object;
  // A default in place of a field that was taken out would be a field that is there.
  const [read] = to.kind.storedForm ? await to.kind.storedForm.read([written], { defaults: false }) : [written];
  return toVersion(read!, to.kind, to.version);
}

/** Writes into the draft (storage version) who manages which of its fields now. `old` is undefined on create. */
export async function recordFields(
  context: ApiContext,
  kind: Kind,
  write: { old: KubeObject | undefined; draft: KubeObject; subresource: string; options: WriteOptions },
): Promise<void> {
  const { old, draft, subresource, options } = write;
  const stored = old?.metadata.managedFields;
  const sent = draft.metadata.managedFields;
  const writer = {
    manager: options.fieldManager,
    apiVersion: options.apiVersion,
    subresource,
    // Upstream gives scales no time.
    time: subresource === 'scale' ? undefined : timestamp(context.clock.now()),
  };
  const views = await viewsOf(versionsOf(context, kind, subresource), kind, { old, draft }, [
    writer.apiVersion,
    ...[...(stored ?? []), ...(sent ?? [])].map((entry) => entry.apiVersion ?? ''),
  ]);
  const update = { writer, views: (apiVersion: string) => views.get(apiVersion), stored, sent, isCreate: !old };
  setManagers(draft, await stepwise(recordUpdate(update), options.isLarge, context.clock));
}

/** Says in the draft who manages its fields; nothing where nobody does. */
export function setManagers({ metadata }: KubeObject, fields: ManagedFieldsEntry[]): void {
  if (fields.length > 0) metadata.managedFields = fields;
  else delete metadata.managedFields;
}

async function viewsOf(
  versions: Versions,
  kind: Kind,
  { old, draft }: { old: KubeObject | undefined; draft: KubeObject },
  wanted: readonly string[],
): Promise<Map<string, View>> {
  const views = new Map<string, View>();
  for (const apiVersion of new Set(wanted)) {
    const schema = versions.schemaOf(apiVersion);
    if (!schema) continue;
    const isStorage = apiVersion === kind.apiVersion;
    const next = isStorage ? draft : await versions.convert(draft, apiVersion);
    const before = !old ? blankOf(schema) : isStorage ? old : await versions.convert(old, apiVersion);
    views.set(apiVersion, { schema, old: versions.decided(before), next: versions.decided(next) });
  }
  return views;
}
