// The kubelet's own configuration, as far as it can be changed here.
// https://kubernetes.io/docs/reference/config-api/kubelet-config.v1beta1/
import type { ClusterConfig } from './cluster-config.ts';
import type { Field } from './documents.ts';

/** Adds what the document says. Throws UserError. */
export function readKubeletConfiguration(document: Field, config: ClusterConfig): void {
  const { apiVersion, singleProcessOOMKill, staticPodPath } = document.fields([
    'apiVersion',
    'kind',
    'singleProcessOOMKill',
    'staticPodPath',
  ]);
  apiVersion?.oneOf(['kubelet.config.k8s.io/v1beta1']);
  if (singleProcessOOMKill)
    config.singleProcessOOMKill = { value: singleProcessOOMKill.boolean(), place: singleProcessOOMKill.place };
  if (staticPodPath) {
    const path = staticPodPath.text();
    if (path !== '' && !path.startsWith('/')) throw staticPodPath.refuse('must be an absolute path');
    config.staticPodPath = path;
  }
}
