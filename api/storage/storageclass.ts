// StorageClass: a kind of storage that claims can ask for, and who makes the volumes.
// https://kubernetes.io/docs/concepts/storage/storage-classes/

import { append, duplicate, type FieldError, forbidden, required } from '../../machinery/field-error.ts';
import { jsonEqual } from '../../machinery/json.ts';
import { column, defineKind } from '../../machinery/kind.ts';
import { newestFirst, objectFields } from '../../machinery/metadata.ts';
import { atomic, mandatory, s, type TypeOf } from '../../machinery/schema.ts';
import { labelsOfOld, said } from '../core/node/labels-of-old.ts';
import { validateOptionalWord, validateQualifiedName, validateWord } from '../meta/checks.ts';
import { ageColumn, defaultableNameColumn } from '../meta/columns.ts';
import type { ObjectOf } from '../meta/object.ts';
import { validateImmutable } from '../meta/validation.ts';
import { validateParameters, validateProvisioner } from './parameters.ts';

const labelRequirement = s.api('core.v1.TopologySelectorLabelRequirement', 'A node label and the values it may have.', {
  key: s.string('Label key.', mandatory),
  values: s.list(s.string(''), 'Values, one of which must be there.', { ...mandatory, ...atomic }),
});

const selectorTerm = s.atomic('core.v1.TopologySelectorTerm', 'Where volumes may be made; all conditions must hold.', {
  matchLabelExpressions: s.list(labelRequirement, 'Conditions on node labels.', atomic),
});
export interface TopologySelectorTerm extends TypeOf<typeof selectorTerm> {}

const schema = s.api('storage.v1.StorageClass', 'A kind of storage that claims can ask for.', {
  ...objectFields,
  allowVolumeExpansion: s.boolean('Whether claims may grow later.', { pointer: true }),
  allowedTopologies: s.list(selectorTerm, 'Where volumes may be made; anywhere when empty.', atomic),
  mountOptions: s.list(s.string(''), 'Mount options of the volumes; not checked.', atomic),
  parameters: s.map(s.string(''), 'What the provisioner is given.'),
  provisioner: s.string('Who makes the volumes.', mandatory),
  reclaimPolicy: s.string('What becomes of a volume whose claim is deleted: Delete or Retain.', {
    pointer: true,
    default: 'Delete',
    enum: ['Delete', 'Recycle', 'Retain'],
  }),
  volumeBindingMode: s.string('When a volume is made: Immediate, or WaitForFirstConsumer.', {
    pointer: true,
    default: 'Immediate',
    enum: ['Immediate', 'WaitForFirstConsumer'],
  }),
});
export interface StorageClass extends ObjectOf<typeof schema> {}

const defaultAnnotations = [
  'storageclass.kubernetes.io/is-default-class',
  'storageclass.beta.kubernetes.io/is-default-class',
];

export const isDefaultClass = ({ metadata }: StorageClass): boolean =>
  defaultAnnotations.some((mark) => metadata.annotations?.[mark] === 'true');

/** What claims get that name no class: of several default ones the newest, then the first by name. */
export function pickDefaultClass(classes: readonly StorageClass[]): StorageClass | undefined {
  return classes.filter(isDefaultClass).sort(newestFirst)[0];
}

export const StorageClassKind = defineKind<StorageClass>({
  kind: 'StorageClass',
  plural: 'storageclasses',
  scope: 'Cluster',
  shortNames: ['sc'],
  served: [{ group: 'storage.k8s.io', version: 'v1', schema }],
  returnsDeletedObject: true,
  columns: [
    defaultableNameColumn(defaultAnnotations),
    column('Provisioner', 'string', 'Who makes the volumes.', (it) => it.provisioner),
    column(
      'ReclaimPolicy',
      'string',
      'What becomes of a volume whose claim is deleted.',
      (it) => it.reclaimPolicy ?? 'Delete',
    ),
    column(
      'VolumeBindingMode',
      'string',
      'When a volume is made and bound.',
      (it) => it.volumeBindingMode ?? 'Immediate',
    ),
    column('AllowVolumeExpansion', 'string', 'Whether claims may grow.', (it) => it.allowVolumeExpansion ?? false),
    ageColumn,
  ],
  validate,
  validateUpdate,
  warnings: ({ allowedTopologies = [] }) =>
    allowedTopologies.flatMap(({ matchLabelExpressions = [] }, i) =>
      matchLabelExpressions.flatMap(({ key }, j) =>
        said(labelsOfOld, key, (text) => `allowedTopologies[${i}].matchLabelExpressions[${j}].key: ${text}`),
      ),
    ),
});

function validate(it: StorageClass): FieldError[] {
  const errors = validateProvisioner(it.provisioner, 'provisioner');
  append(errors, validateParameters(it.parameters, { mayBeEmpty: true }, 'parameters'));
  append(errors, validateOptionalWord(it.reclaimPolicy || undefined, ['Delete', 'Retain'], 'reclaimPolicy'));
  append(errors, validateWord(it.volumeBindingMode, ['Immediate', 'WaitForFirstConsumer'], 'volumeBindingMode'));
  append(errors, validateAllowedTopologies(it.allowedTopologies ?? []));
  return errors;
}

function validateAllowedTopologies(terms: readonly TopologySelectorTerm[]): FieldError[] {
  const errors: FieldError[] = [];
  const seen = new Set<string>();
  for (const [i, { matchLabelExpressions = [] }] of terms.entries()) {
    const at = `allowedTopologies[${i}].matchLabelExpressions`;
    const byKey = new Map<string, string[]>();
    for (const [j, { key, values: listed }] of matchLabelExpressions.entries()) {
      const given = listed ?? [];
      if (given.length === 0) errors.push(required(`${at}[${j}].values`));
      const values = new Set<string>();
      for (const [k, value] of given.entries()) {
        if (values.has(value)) errors.push(duplicate(`${at}[${j}].values[${k}]`, value));
        values.add(value);
      }
      append(errors, validateQualifiedName(key, `${at}[${j}].key`));
      if (byKey.has(key)) errors.push(duplicate(`${at}[${j}].key`, key));
      byKey.set(key, [...values].sort());
    }
    // The same conditions in another order are the same term.
    const shape = JSON.stringify([...byKey].sort(([a], [b]) => (a < b ? -1 : 1)));
    if (seen.has(shape)) errors.push(duplicate(at, ''));
    seen.add(shape);
  }
  return errors;
}

function validateUpdate(next: StorageClass, old: StorageClass): FieldError[] {
  const errors: FieldError[] = [];
  for (const field of ['parameters', 'provisioner', 'reclaimPolicy'] as const) {
    if (!jsonEqual(next[field], old[field])) errors.push(forbidden(field, `updates to ${field} are forbidden.`));
  }
  append(errors, validateImmutable(next.volumeBindingMode, old.volumeBindingMode, 'volumeBindingMode'));
  return errors;
}
