// PriorityClass: a name for a pod priority.
// The value is copied into pods by admission and never changes, so that running pods keep their rank.
// https://kubernetes.io/docs/concepts/scheduling-eviction/pod-priority-preemption/
import { append, type FieldError, forbidden } from '../../machinery/field-error.ts';
import { column, defineKind } from '../../machinery/kind.ts';
import { objectFields } from '../../machinery/metadata.ts';
import { s } from '../../machinery/schema.ts';
import { validateOptionalWord } from '../meta/checks.ts';
import { ageColumn } from '../meta/columns.ts';
import type { ObjectOf } from '../meta/object.ts';
import { validateImmutable } from '../meta/validation.ts';

const schema = s.api('scheduling.v1.PriorityClass', 'A name for a pod priority.', {
  ...objectFields,
  description: s.string('When to use it.'),
  globalDefault: s.boolean('Given to pods that name no class.'),
  preemptionPolicy: s.string('Whether pods of lower priority may be evicted: PreemptLowerPriority or Never.', {
    pointer: true,
    default: 'PreemptLowerPriority',
    enum: ['Never', 'PreemptLowerPriority'],
  }),
  value: s.int32('The priority; higher is more important.', { always: true }),
});
export interface PriorityClass extends ObjectOf<typeof schema> {}

export const PriorityClassKind = defineKind<PriorityClass>({
  kind: 'PriorityClass',
  plural: 'priorityclasses',
  scope: 'Cluster',
  shortNames: ['pc'],
  served: [{ group: 'scheduling.k8s.io', version: 'v1', schema }],
  hasGeneration: true,
  bumpsGeneration: () => false,
  columns: [
    column('Value', 'integer', 'The priority.', (priority) => priority.value ?? 0),
    column(
      'Global-Default',
      'boolean',
      'Whether pods that name no class get it.',
      (priority) => priority.globalDefault ?? false,
    ),
    ageColumn,
    column(
      'PreemptionPolicy',
      'string',
      'Whether pods of lower priority may be evicted.',
      (priority) => priority.preemptionPolicy ?? '',
    ),
  ],
  validate,
  validateUpdate: (next, old) => [
    ...(next.value === old.value ? [] : [forbidden('value', 'may not be changed in an update.')]),
    ...validateImmutable(next.preemptionPolicy, old.preemptionPolicy, 'preemptionPolicy'),
  ],
});

const highestUserPriority = 1_000_000_000;

/** The classes of the system's own pods, the only ones above what users may have. */
const systemPriorities: Readonly<Record<string, number>> = {
  'system-cluster-critical': 2_000_000_000,
  'system-node-critical': 2_000_001_000,
};

function validate(priority: PriorityClass): FieldError[] {
  const errors: FieldError[] = [];
  const name = priority.metadata.name ?? '';
  if (name.startsWith('system-')) {
    if (systemPriorities[name] !== priority.value) {
      const why =
        name in systemPriorities
          ? `value of ${name} PriorityClass must be ${systemPriorities[name]}`
          : `${name} is not a known system priority class`;
      const detail = `priority class names with 'system-' prefix are reserved for system use only. error: ${why}`;
      errors.push(forbidden('metadata.name', detail));
    }
  } else if ((priority.value ?? 0) > highestUserPriority) {
    errors.push(forbidden('value', `maximum allowed value of a user defined priority is ${highestUserPriority}`));
  }
  const policies = ['Never', 'PreemptLowerPriority'];
  append(errors, validateOptionalWord(priority.preemptionPolicy, policies, 'preemptionPolicy'));
  return errors;
}
