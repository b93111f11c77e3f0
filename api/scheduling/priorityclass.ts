// PriorityClass: a name for a pod priority.

import { defineKind } from '../../machinery/kind.ts';
import { objectMeta, typeMeta } from '../../machinery/metadata.ts';
import { s } from '../../machinery/schema.ts';
import { ageColumn } from '../meta/columns.ts';
import type { ObjectOf } from '../meta/object.ts';

export const priorityClassSchema = s.object('io.k8s.api.scheduling.v1.PriorityClass', 'A name for a pod priority.', {
  ...typeMeta,
  description: s.string('When to use it.'),
  globalDefault: s.boolean('Given to pods that name no class.'),
  metadata: s.field(objectMeta, 'Standard object metadata.', { always: true }),
  preemptionPolicy: s.string('Whether pods of lower priority may be evicted: PreemptLowerPriority or Never.', {
    pointer: true,
    default: 'PreemptLowerPriority',
    enum: ['Never', 'PreemptLowerPriority'],
  }),
  value: s.int32('The priority; higher is more important.', { always: true }),
});
export interface PriorityClass extends ObjectOf<typeof priorityClassSchema> {}

export const PriorityClassKind = defineKind<PriorityClass>({
  kind: 'PriorityClass',
  plural: 'priorityclasses',
  scope: 'Cluster',
  shortNames: ['pc'],
  served: [{ group: 'scheduling.k8s.io', version: 'v1', schema: priorityClassSchema }],
  hasGeneration: true,
  bumpsGeneration: () => false,
  allowUnconditionalUpdate: true,
  columns: [
    { name: 'Value', type: 'integer', doc: 'The priority.', cell: (priority) => priority.value ?? 0 },
    {
      name: 'Global-Default',
      type: 'boolean',
      doc: 'Whether pods that name no class get it.',
      cell: (priority) => priority.globalDefault ?? false,
    },
    ageColumn,
    {
      name: 'PreemptionPolicy',
      type: 'string',
      doc: 'Whether pods of lower priority may be evicted.',
      cell: (priority) => priority.preemptionPolicy ?? '',
    },
  ],
});
