// Columns of `kubectl get` that several kinds share, and the pieces their cells are made of.
// Upstream: pkg/printers/internalversion.
import { formatAge } from '../../machinery/duration.ts';
import { type Column, column, wideColumn } from '../../machinery/kind.ts';
import { formatLabelSelector } from '../../machinery/labels.ts';
import type { LabelSelector, ObjectMeta } from '../../machinery/metadata.ts';

interface WithMetadata {
  metadata: ObjectMeta;
}

export const ageColumn: Column<WithMetadata> = column(
  'Age',
  'string',
  'Time since the object was made.',
  (object, { nowMs }) => formatAge(object.metadata.creationTimestamp, nowMs),
);

/** The name of a class, marked where an annotation makes it the default of its kind. */
export const defaultableNameColumn = (annotations: readonly string[]): Column<WithMetadata> => ({
  name: 'Name',
  type: 'string',
  format: 'name',
  doc: 'Name of the object, and whether it is the default.',
  cell: ({ metadata }) => {
    const isDefault = annotations.some((annotation) => metadata.annotations?.[annotation] === 'true');
    return isDefault ? `${metadata.name} (default)` : (metadata.name ?? '');
  },
});

interface Template {
  spec?: { containers?: readonly { name: string; image?: string }[] };
}
interface WithTemplate {
  spec: { selector?: LabelSelector; template?: Template };
}

/** Of a workload: how many pods are ready, of those that there should be. */
export const readyColumn: Column<{ spec: { replicas?: number }; status?: { readyReplicas?: number } }> = column(
  'Ready',
  'string',
  'Pods that are ready, of those desired.',
  ({ spec, status }) => `${status?.readyReplicas ?? 0}/${spec.replicas ?? 0}`,
);

/** Containers, images and selector of a workload, for -o wide. */
export const workloadColumns: readonly Column<WithTemplate>[] = [
  wideColumn('Containers', 'string', 'Names of the containers in the template.', ({ spec }) =>
    containerNames(spec.template),
  ),
  wideColumn('Images', 'string', 'Images of the containers in the template.', ({ spec }) =>
    containerImages(spec.template),
  ),
  wideColumn('Selector', 'string', 'Labels of the pods that belong to it.', (object) =>
    orNone(formatLabelSelector(object.spec.selector)),
  ),
];

export const containerNames = (template?: Template): string =>
  (template?.spec?.containers ?? []).map(({ name }) => name).join(',');
export const containerImages = (template?: Template): string =>
  (template?.spec?.containers ?? []).map(({ image = '' }) => image).join(',');

/** An empty cell says `<none>`. */
export const orNone = (text: string | undefined) => text || '<none>';

/** Joins the first three of many: `a,b,c + 2 more...`. */
export function joinWithMore(items: readonly string[], empty: string): string {
  const shown = items.slice(0, 3).join(',');
  if (items.length > 3) return `${shown} + ${items.length - 3} more...`;
  return shown || empty;
}
