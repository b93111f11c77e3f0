// The conditions of a namespace that is being deleted. Pure. Upstream: status_condition_utils.go of
// pkg/controller/namespace/deletion.

import type { NamespaceCondition } from '../../api/core/namespace.ts';
import { timestamp } from '../../machinery/timestamp.ts';
import type { Remaining } from './content.ts';

type Row = [type: string, reason: string, message: string];

const allIsWell: readonly Row[] = [
  ['NamespaceDeletionDiscoveryFailure', 'ResourcesDiscovered', 'All resources successfully discovered'],
  ['NamespaceDeletionGroupVersionParsingFailure', 'ParsedGroupVersions', 'All legacy kube types successfully parsed'],
  [
    'NamespaceDeletionContentFailure',
    'ContentDeleted',
    'All content successfully deleted, may be waiting on finalization',
  ],
  ['NamespaceContentRemaining', 'ContentRemoved', 'All content successfully removed'],
  ['NamespaceFinalizersRemaining', 'ContentHasNoFinalizers', 'All content-preserving finalizers finished'],
];

/** What is wrong or left, by type. */
function problems({ errors, resources, finalizers }: Remaining): Map<string, Row> {
  const rows: Row[] = [];
  const list = (counts: Map<string, number>, phrase: (name: string, n: number) => string) =>
    [...counts]
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([name, n]) => phrase(name, n))
      .join(', ');
  if (errors.length > 0) {
    const detail = `Failed to delete all resource types, ${errors.length} remaining: ${[...errors].sort().join(', ')}`;
    rows.push(['NamespaceDeletionContentFailure', 'ContentDeletionFailed', detail]);
  }
  if (resources.size > 0) {
    const detail = list(resources, (name, n) => `${name} has ${n} resource instances`);
    rows.push(['NamespaceContentRemaining', 'SomeResourcesRemain', `Some resources are remaining: ${detail}`]);
  }
  if (finalizers.size > 0) {
    const detail = list(finalizers, (name, n) => `${name} in ${n} resource instances`);
    const message = `Some content in the namespace has finalizers remaining: ${detail}`;
    rows.push(['NamespaceFinalizersRemaining', 'SomeFinalizersRemain', message]);
  }
  return new Map(rows.map((row) => [row[0], row]));
}

/** The conditions after a look at what is left; one that says the same keeps its time. */
export function computeConditions(
  current: readonly NamespaceCondition[] | undefined,
  remaining: Remaining,
  nowMs: number,
): NamespaceCondition[] {
  const found = problems(remaining);
  return allIsWell.map((well) => {
    const [type, reason, message] = found.get(well[0]) ?? well;
    const status = found.has(type) ? 'True' : 'False';
    const before = current?.find((c) => c.type === type);
    const isSame = before?.status === status && before.reason === reason && before.message === message;
    return isSame ? before : { type, status, lastTransitionTime: timestamp(nowMs), reason, message };
  });
}
