// What a volume says that is of old. Upstream: pkg/api/persistentvolume/util.go.
import type { ObjectMeta } from '../../../machinery/metadata.ts';
import { said, warnOfExpressions } from '../node/labels-of-old.ts';
import { volumesOfOld } from '../pod/warnings.ts';
import type { PersistentVolume } from './schema.ts';

const classAnnotation = 'volume.beta.kubernetes.io/storage-class';

/** Of a volume or a claim. */
export const warnOfClassAnnotation = ({ metadata: { annotations } }: { metadata: ObjectMeta }): string[] =>
  annotations?.[classAnnotation] === undefined
    ? []
    : [`metadata.annotations[${classAnnotation}]: deprecated since v1.8; use "storageClassName" attribute instead`];

export function warnOfVolume(volume: PersistentVolume): string[] {
  const { spec } = volume;
  const recycle =
    'The Recycle reclaim policy is deprecated. Instead, the recommended approach is to use dynamic provisioning.';
  return [
    ...warnOfClassAnnotation(volume),
    ...(spec.persistentVolumeReclaimPolicy === 'Recycle' ? [`spec.persistentVolumeReclaimPolicy: ${recycle}`] : []),
    ...(spec.nodeAffinity?.required?.nodeSelectorTerms ?? []).flatMap((term, i) =>
      warnOfExpressions(term, `spec.nodeAffinity.required.nodeSelectorTerms[${i}]`),
    ),
    ...Object.keys(spec)
      .filter((key) => key !== 'flocker' && key !== 'quobyte')
      .flatMap((key) => said(volumesOfOld, key, (text) => `spec.${key === 'storageos' ? 'storageOS' : key}: ${text}`)),
  ];
}
