// Cells that the lists of policies and bindings share.
import { type Column, column } from '../../../machinery/kind.ts';
import type { LabelSelector } from '../../../machinery/metadata.ts';
import type { BindingSpec, PolicySpec } from './schema.ts';

const unset = '<unset>';

export const paramKindColumn: Column<{ spec: PolicySpec }> = column(
  'ParamKind',
  'string',
  'Kind of its parameters.',
  ({ spec: { paramKind } }) => (paramKind ? `${paramKind.apiVersion ?? ''}/${paramKind.kind ?? ''}` : unset),
);

export const bindingColumns: readonly Column<{ spec: BindingSpec }>[] = [
  column('PolicyName', 'string', 'The policy that is bound.', ({ spec }) => spec.policyName ?? ''),
  column('ParamRef', 'string', 'The parameters.', ({ spec: { paramRef } }) => {
    const { name, namespace, selector } = paramRef ?? {};
    if (name) return namespace ? `${namespace}/${name}` : name;
    return selector ? showSelector(selector) : unset;
  }),
];

/** A selector as Go prints the message. */
function showSelector({ matchLabels = {}, matchExpressions = [] }: LabelSelector): string {
  const labels = Object.keys(matchLabels)
    .sort()
    .map((key) => `${key}: ${matchLabels[key]},`)
    .join('');
  const expressions = matchExpressions
    .map(
      (e) => `LabelSelectorRequirement{Key:${e.key},Operator:${e.operator},Values:[${(e.values ?? []).join(' ')}],},`,
    )
    .join('');
  const list = `[]LabelSelectorRequirement{${expressions}}`;
  return `&LabelSelector{MatchLabels:map[string]string{${labels}},MatchExpressions:${list},}`;
}
