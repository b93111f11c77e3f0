// What the server sets in a claim: the two fields that name a data source say the same.
// Upstream: pkg/api/persistentvolumeclaim and the claim strategy.
import type { TypedLocalObjectReference } from '../object-reference.ts';
import type { PersistentVolumeClaimSpec } from '../pod/volume-claim.ts';
import type { PersistentVolumeClaim } from './schema.ts';

/** What a new claim starts from. Changes the claim. */
export function prepareClaim(claim: PersistentVolumeClaim): void {
  claim.status = { phase: 'Pending' };
  dropOtherSources(claim.spec);
  normalizeDataSources(claim.spec);
}

/** Changes the draft. */
export function prepareClaimUpdate(draft: PersistentVolumeClaim, old: PersistentVolumeClaim): void {
  // A claim that has a source keeps whatever it is.
  if (!old.spec.dataSource && !old.spec.dataSourceRef) dropOtherSources(draft.spec);
  normalizeDataSources(draft.spec);
}

function dropOtherSources(spec: PersistentVolumeClaimSpec): void {
  // Sources of other namespaces are an alpha feature, which is off.
  if (spec.dataSourceRef?.namespace !== undefined) delete spec.dataSourceRef;
  if (spec.dataSource && !isClaimOrSnapshot(spec.dataSource)) delete spec.dataSource;
}

function normalizeDataSources(spec: PersistentVolumeClaimSpec): void {
  if (spec.dataSource) spec.dataSourceRef ??= { ...spec.dataSource };
  else if (spec.dataSourceRef) spec.dataSource = { ...spec.dataSourceRef };
}

/** The old field takes only these; others are dropped, as they always were. */
function isClaimOrSnapshot({ apiGroup = '', kind }: TypedLocalObjectReference): boolean {
  if (kind === 'PersistentVolumeClaim') return apiGroup === '';
  return kind === 'VolumeSnapshot' && apiGroup === 'snapshot.storage.k8s.io';
}
