// labelSelector and fieldSelector of lists, watches and collection deletes, as one predicate over stored objects.
import { badRequestError } from '../../machinery/errors.ts';
import {
  type FieldRequirement,
  type FieldSelector,
  matchesFields,
  parseFieldSelector,
} from '../../machinery/fields.ts';
import type { Kind, ServedVersion } from '../../machinery/kind.ts';
import { apiVersionOf } from '../../machinery/kind.ts';
import { matchesLabels, parseLabelSelector } from '../../machinery/labels.ts';
import type { KubeObject } from '../../machinery/metadata.ts';

export interface Selection {
  /** Undefined: everything matches. */
  matches: ((object: KubeObject) => boolean) | undefined;
  /** The one name that can match, if the field selector names it. */
  name: string | undefined;
}

/** Reads the selectors of a query; 400 for one that cannot be parsed or asks for a field the kind does not offer. */
export function readSelection(query: URLSearchParams, kind: Kind, version: ServedVersion): Selection {
  const labelText = query.get('labelSelector') ?? '';
  const fieldText = query.get('fieldSelector') ?? '';
  const labels = labelText === '' ? undefined : parse(() => parseLabelSelector(labelText));
  const fields = fieldText === '' ? undefined : parse(() => parseFieldSelector(fieldText));
  const selectable = version.selectableFields ?? kind.selectableFields ?? {};
  if (fields) checkFields(fields, { kind, version, selectable });
  if (!labels && !fields) return { matches: undefined, name: undefined };
  const name = valueIn(fields, 'metadata.name');
  const matches = (object: KubeObject) =>
    (!labels || matchesLabels(labels, object.metadata.labels)) &&
    (!fields || matchesFields(fields, (field) => fieldValue(selectable, object, field)));
  return { matches, name };
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
    throw badRequestError((err as Error).message, err);
  }
}

type Selectable = NonNullable<Kind['selectableFields']>;

function checkFields(
  fields: readonly FieldRequirement[],
  { kind, version, selectable }: { kind: Kind; version: ServedVersion; selectable: Selectable },
): void {
  for (const { field } of fields) {
    if (field === 'metadata.name' || (field === 'metadata.namespace' && kind.namespaced)) continue;
    if (Object.hasOwn(selectable, field)) continue;
    const shown =
      kind.group || version.group
        ? `"${field}" is not a known field selector: only "metadata.name", "metadata.namespace"`
        : `field label not supported: ${field}`;
    throw badRequestError(
      `Unable to find ${JSON.stringify(`${apiVersionOf(version)}, Resource=${kind.plural}`)} that match label selector "", field selector "${field}": ${shown}`,
    );
  }
}

function fieldValue(selectable: Selectable, object: KubeObject, field: string): string {
  if (field === 'metadata.name') return object.metadata.name ?? '';
  if (field === 'metadata.namespace') return object.metadata.namespace ?? '';
  return selectable[field]?.(object) ?? '';
}
