// A template that a workload has had, as a ControllerRevision. Upstream: NewControllerRevision of pkg/controller/history.
import type { ControllerRevision } from '../../api/apps/controllerrevision.ts';
import { sortKeys } from '../../machinery/go-json.ts';
import type { Kind } from '../../machinery/kind.ts';
import type { ObjectMeta } from '../../machinery/metadata.ts';
import { controllerRef } from './claim.ts';

interface Workload {
  metadata: ObjectMeta;
  spec: { template?: { metadata?: ObjectMeta } };
}

/** What a revision keeps: a patch that `kubectl rollout undo` applies. Clients find their own revision by its bytes. */
export function revisionData({ spec }: Workload): object {
  return sortKeys({ spec: { template: { ...spec.template, $patch: 'replace' } } });
}

/** The revision for the current template, not yet created, named by its hash; `hashLabel` tells whose it is. Pure. */
export function revisionOf(
  kind: Kind,
  workload: Workload,
  { number, hash, hashLabel }: { number: number; hash: string; hashLabel: string },
): ControllerRevision {
  const { template } = workload.spec;
  const { name = '', namespace = '', annotations } = workload.metadata;
  return {
    metadata: {
      name: `${name}-${hash}`,
      namespace,
      labels: { ...template?.metadata?.labels, [hashLabel]: hash },
      ...(annotations ? { annotations: { ...annotations } } : {}),
      ownerReferences: [controllerRef(kind, workload)],
    },
    data: revisionData(workload),
    revision: number,
  };
}
