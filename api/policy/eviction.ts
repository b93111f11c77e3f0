// Eviction: asks to delete a pod within its disruption budget.
// Spoken only by pods/eviction, where the handler asks the disruption budgets before it deletes.
// https://kubernetes.io/docs/concepts/scheduling-eviction/api-eviction/
import { defineKind } from '../../machinery/kind.ts';
import { objectFields } from '../../machinery/metadata.ts';
import { s } from '../../machinery/schema.ts';
import { deleteOptions } from '../meta/delete-options.ts';
import type { ObjectOf } from '../meta/object.ts';

const schema = s.api('policy.v1.Eviction', 'Asks to delete a pod within its disruption budget.', {
  ...objectFields,
  deleteOptions: s.field(deleteOptions, 'How to delete it.'),
});
export interface Eviction extends ObjectOf<typeof schema> {}

export const EvictionKind = defineKind<Eviction>({
  kind: 'Eviction',
  plural: 'evictions',
  scope: 'Namespaced',
  verbs: ['create'],
  stored: false,
  served: [{ group: 'policy', version: 'v1', schema }],
});
