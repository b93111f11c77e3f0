// Tables: the rows and columns that `kubectl get` prints, computed by the server from the kind's columns.
import { badRequestError } from '../../machinery/errors.ts';
import { invalid } from '../../machinery/field-error.ts';
import type { Column, Kind, ServedVersion } from '../../machinery/kind.ts';
import type { KubeObject } from '../../machinery/metadata.ts';
import { toVersion } from '../storage/stored-object.ts';

export type IncludeObject = 'None' | 'Metadata' | 'Object';

const included: readonly string[] = ['None', 'Metadata', 'Object'];

/** What the rows of a table hold of their objects; 400 for anything else. */
export function readIncludeObject(query: URLSearchParams): IncludeObject {
  const asked = query.get('includeObject') || 'Metadata';
  if (included.includes(asked)) return asked as IncludeObject;
  const { field, detail } = invalid('includeObject', asked, "must be 'Metadata', 'Object', 'None', or empty");
  throw badRequestError(`Unable to convert to Table as requested: ${field}: ${detail}`);
}

interface TableOptions {
  /** The version that whole objects are shown in. */
  version: ServedVersion;
  metaVersion: string;
  include: IncludeObject;
  nowMs: number;
  /** Column definitions are left out after the first event of a watch. */
  withColumns: boolean;
}

const nameColumn: Column<KubeObject> = {
  name: 'Name',
  type: 'string',
  format: 'name',
  doc: 'What the object is called; one of its kind has the name in its namespace.',
  cell: (o) => o.metadata.name ?? '',
};

const createdColumn: Column<KubeObject> = {
  name: 'Created At',
  type: 'date',
  doc: 'When the server created the object.',
  cell: (o) => o.metadata.creationTimestamp ?? '',
};

function columnsOf(kind: Kind, version: ServedVersion): readonly Column<any>[] {
  const own = version.columns ?? kind.columns ?? [createdColumn];
  // Events show their name last and in a place of their own.
  return own.some((c) => c.name === nameColumn.name) ? own : [nameColumn, ...own];
}

/** A meta.k8s.io Table before its rows, which come last. */
export function tableHead(kind: Kind, metadata: object, options: TableOptions): object {
  const describe = (c: Column<any>) => ({
    name: c.name,
    type: c.type,
    format: c.format ?? '',
    description: c.doc,
    priority: c.priority ?? 0,
  });
  return {
    kind: 'Table',
    apiVersion: `meta.k8s.io/${options.metaVersion}`,
    metadata,
    columnDefinitions: options.withColumns ? columnsOf(kind, options.version).map(describe) : null,
  };
}

/** Shows an object as a row. */
export function rowsOf(kind: Kind, options: TableOptions): (object: KubeObject) => object {
  const { version, metaVersion, include, nowMs } = options;
  const columns = columnsOf(kind, version);
  const shown = (object: KubeObject) =>
    include === 'Object' ? toVersion(object, kind, version) : partialMetadata(object, metaVersion);
  return (object) => ({
    cells: columns.map((c) => c.cell(object, { nowMs })),
    object: include === 'None' ? null : shown(object),
  });
}

/** A table of one object. */
export function renderTable(kind: Kind, object: KubeObject, options: TableOptions): object {
  const head = tableHead(kind, { resourceVersion: object.metadata.resourceVersion }, options);
  return { ...head, rows: [rowsOf(kind, options)(object)] };
}

/** The metadata of an object under a kind of its own. */
export function partialMetadata({ metadata }: KubeObject, metaVersion: string): object {
  return { kind: 'PartialObjectMetadata', apiVersion: `meta.k8s.io/${metaVersion}`, metadata };
}
