// Defaults of stateful sets. Upstream: SetDefaults_StatefulSet.
import { setTemplateDefaults } from '../../core/pod/defaults.ts';
import type { StatefulSet } from './schema.ts';

/** Changes the set. */
export function setStatefulSetDefaults({ spec }: StatefulSet): void {
  setTemplateDefaults(spec.template);
  const strategy = spec.updateStrategy;
  if (strategy) {
    // A strategy that is named without settings keeps none.
    if (!strategy.type) strategy.rollingUpdate ??= {};
    strategy.type ||= 'RollingUpdate';
    if (strategy.type === 'RollingUpdate' && strategy.rollingUpdate) strategy.rollingUpdate.partition ??= 0;
  }
  spec.persistentVolumeClaimRetentionPolicy = {
    whenDeleted: 'Retain',
    whenScaled: 'Retain',
    ...spec.persistentVolumeClaimRetentionPolicy,
  };
  for (const claim of spec.volumeClaimTemplates ?? []) {
    claim.kind = 'PersistentVolumeClaim';
    claim.apiVersion = 'v1';
  }
}
