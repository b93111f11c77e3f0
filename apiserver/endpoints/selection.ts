// labelSelector and fieldSelector of lists, watches and collection deletes, as one predicate over stored objects.
import { badRequestError, messageOf } from '../../machinery/errors.ts';
import {
  type FieldRequirement,
  type FieldSelector,
  matchesFields,
  parseFieldSelector,
} from '../../machinery/fields.ts';
import type { Kind, ServedVersion } from '../../machinery/kind.ts';
import { matchesLabels, parseLabelSelector } from '../../machinery/labels.ts';
import type { CacheWatcher } from '../storage/resource-cache.ts';
import type { StoredObject } from '../storage/stored-object.ts';
import type { ApiRequest } from './exchange.ts';

export interface Selection {
  /** Undefined: everything matches. */
  matches: ((stored: StoredObject) => boolean) | undefined;
  /** The one name that can match, if the field selector names it. */
  name: string | undefined;
  /** A field that must have one value: the others need not be looked at. */
  trigger: CacheWatcher['trigger'];
}

/** Reads the selectors of a query; 400 for one that cannot be parsed or asks for a field the kind does not offer. */
export function readSelection({ info, kind, version }: Pick<ApiRequest, 'info' | 'kind' | 'version'>): Selection {
  const labelText = info.query.get('labelSelector') ?? '';
  const fieldText = info.query.get('fieldSelector') ?? '';
  const labels = labelText === '' ? undefined : parse(() => parseLabelSelector(labelText));
  const given = fieldText === '' ? undefined : parse(() => parseFieldSelector(fieldText));
  const { fieldAliases: aliases = {} } = kind;
  const fields = given?.map((one) =>
    Object.hasOwn(aliases, one.field) ? { ...one, field: aliases[one.field]! } : one,
  );
  const selectable = version.selectableFields ?? kind.selectableFields ?? {};
  if (fields) checkFields(fields, { kind, version, selectable });
  if (!labels && !fields) return { matches: undefined, name: undefined, trigger: undefined };
  // The cache notes the fields of the kind; those of one version are its own.
  const isNoted = version.selectableFields === undefined;
  const read = (stored: StoredObject, field: string) => fieldValue({ kind, selectable, isNoted }, stored, field);
  const matches = (stored: StoredObject) =>
    (!labels || matchesLabels(labels, stored.labels)) &&
    (!fields || matchesFields(fields, (field) => read(stored, field)));
  return { matches, name: valueIn(fields, 'metadata.name'), trigger: isNoted ? triggerOf(fields, read) : undefined };
}

/** A watch for one name, whatever else it selects. */
export function nameSelection({ matches, ...rest }: Selection, name: string): Selection {
  const hasName = (stored: StoredObject) => stored.name === name && (!matches || matches(stored));
  return { ...rest, name, matches: hasName, trigger: nameTrigger(name) };
}

const nameOf = (stored: StoredObject) => stored.name;
const nameTrigger = (value: string) => ({ field: 'metadata.name', value, read: nameOf });

function triggerOf(
  fields: FieldSelector | undefined,
  read: (stored: StoredObject, field: string) => string,
): Selection['trigger'] {
  const name = valueIn(fields, 'metadata.name');
  if (name !== undefined) return nameTrigger(name);
  const one = fields?.find(({ field, operator }) => operator !== '!=' && field !== 'metadata.namespace');
  return one && { field: one.field, value: one.value, read: (stored) => read(stored, one.field) };
}

/**
 * The value that a field selector requires of a field; undefined too where it cannot be parsed:
 * whoever selects by it says so.
 */
export function selectedValue(fieldSelector: string, field: string): string | undefined {
  if (!fieldSelector.includes(field)) return undefined;
  try {
    return valueIn(parseFieldSelector(fieldSelector), field);
  } catch {
    return undefined;
  }
}

const valueIn = (fields: FieldSelector | undefined, field: string) =>
  fields?.find((f) => f.field === field && f.operator !== '!=')?.value;

function parse<T>(work: () => T): T {
  try {
    return work();
  } catch (err) {
    throw badRequestError(messageOf(err), err);
  }
}

type Selectable = NonNullable<Kind['selectableFields']>;

function checkFields(
  fields: readonly FieldRequirement[],
  { kind, version, selectable }: { kind: Kind; version: ServedVersion; selectable: Selectable },
): void {
  // Kinds with fields of their own, and custom ones, say what there is themselves.
  const hasOwn = version.published !== undefined || Object.keys(selectable).length > 0;
  for (const { field } of fields) {
    if (field === 'metadata.name' || (field === 'metadata.namespace' && (kind.namespaced || !hasOwn))) continue;
    if (Object.hasOwn(selectable, field)) continue;
    throw badRequestError(
      hasOwn
        ? (kind.fieldRefusal?.(field) ?? `field label not supported: ${field}`)
        : `"${field}" is not a known field selector: only "metadata.name", "metadata.namespace"`,
    );
  }
}

interface FieldSource {
  kind: Kind;
  selectable: Selectable;
  isNoted: boolean;
}

function fieldValue({ kind, selectable, isNoted }: FieldSource, stored: StoredObject, field: string): string {
  if (field === 'metadata.name') return stored.name;
  if (field === 'metadata.namespace') return kind.namespaced ? stored.namespace : '';
  const noted = isNoted ? stored.fields?.[field] : undefined;
  return noted ?? selectable[field]?.(stored.object) ?? '';
}
