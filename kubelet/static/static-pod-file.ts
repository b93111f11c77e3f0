// A pod out of a file on the node, made into one that a kubelet runs by itself. Upstream: pkg/kubelet/config/common.go.
// https://kubernetes.io/docs/tasks/configure-pod-container/static-pod/
import { createHash } from 'node:crypto';
import { setPodDefaults } from '../../api/core/pod/defaults.ts';
import { podClaimNames, podConfigMapNames, podSecretNames } from '../../api/core/pod/references.ts';
import { validatePod } from '../../api/core/pod/validation.ts';
import { type Pod, podSchema } from '../../api/core/pod.ts';
import { validateObjectMeta } from '../../api/meta/validation.ts';
import { decodeValue } from '../../machinery/decode.ts';
import { required } from '../../machinery/field-error.ts';
import { canonicalJson, isObject } from '../../machinery/json.ts';
import { readYaml } from '../../machinery/yaml-reader.ts';

export const configAnnotations = {
  source: 'kubernetes.io/config.source',
  hash: 'kubernetes.io/config.hash',
  seen: 'kubernetes.io/config.seen',
} as const;

/** Whether the kubelet runs the pod by itself. */
export const isStaticPod = ({ metadata }: Pod) => (metadata.annotations?.[configAnnotations.source] ?? 'api') !== 'api';

/** A pod of the API as one that is: it says itself whatever its author likes. Upstream: podStorage of pkg/kubelet/config. */
export function asApiPod(pod: Pod): Pod {
  if (!isStaticPod(pod)) return pod;
  const annotations = { ...pod.metadata.annotations, [configAnnotations.source]: 'api' };
  return { ...pod, metadata: { ...pod.metadata, annotations } };
}

/** More than an object of the API may hold is no pod. */
export const maxFileBytes = 3 << 20;
const maxValues = 100_000;

export interface FileContext {
  /** The file's path, by which two files with the same text are told apart. */
  file: string;
  nodeName: string;
  nowMs: number;
}

/** Reads YAML or JSON. Throws an Error that says why it is no pod that can run here. */
export function readStaticPod(text: string, { file, nodeName, nowMs }: FileContext): Pod {
  const { value } = readYaml(text, maxValues);
  if (!isObject(value)) throw new Error("couldn't parse as pod: the file is not an object");
  if (value.apiVersion !== 'v1' || value.kind !== 'Pod')
    throw new Error(
      `couldn't parse as pod: ${JSON.stringify(value.kind)} in version ${JSON.stringify(value.apiVersion)}`,
    );
  const pod: Pod = decodeValue(podSchema, value).value;
  setPodDefaults(pod);
  // What makes it another pod: its text, the file, the node.
  const hash = createHash('md5').update(canonicalJson({ nodeName, file, pod })).digest('hex');
  const name = `${pod.metadata.name ?? ''}-${nodeName.toLowerCase()}`;
  pod.metadata = {
    name,
    namespace: pod.metadata.namespace || 'default',
    uid: hash,
    ...(pod.metadata.labels ? { labels: pod.metadata.labels } : {}),
    annotations: {
      ...pod.metadata.annotations,
      [configAnnotations.hash]: hash,
      [configAnnotations.seen]: new Date(nowMs).toISOString(),
      [configAnnotations.source]: 'file',
    },
  };
  pod.spec.nodeName = nodeName;
  // It stays whatever befalls the node.
  const others = (pod.spec.tolerations ?? []).filter(
    (t) => t.key || t.operator !== 'Exists' || t.effect !== 'NoExecute',
  );
  pod.spec.tolerations = [...others, { operator: 'Exists', effect: 'NoExecute' }];
  pod.status = { phase: 'Pending' };
  check(pod);
  return pod;
}

function check(pod: Pod): void {
  const { metadata } = pod;
  const problems = [
    ...(metadata.name?.startsWith('-') ? [required('metadata.name', 'name or generateName is required')] : []),
    // What the API refuses would have no mirror there.
    ...validateObjectMeta(metadata, { namespaced: true, nameRule: 'subdomain' }, 'metadata'),
    ...validatePod(pod),
  ].map(({ field, detail }) => `${field}: ${detail}`);
  if (problems.length > 0) throw new Error(`invalid pod: [${problems.join(', ')}]`);
  const referenced = findReference(pod);
  if (referenced) throw new Error(`static pods may not reference ${referenced}`);
}

/** The resource of an object in the API that the pod would need, if it would. */
function findReference({ metadata, spec }: Pod): string | undefined {
  const sources = (spec.volumes ?? []).flatMap((volume) => volume.projected?.sources ?? []);
  if (spec.serviceAccountName) return 'serviceaccounts';
  if (podSecretNames(spec).size > 0) return 'secrets';
  if (podConfigMapNames(spec).size > 0) return 'configmaps';
  if (podClaimNames(metadata.name ?? '', spec).size > 0) return 'persistentvolumeclaims';
  if (spec.resourceClaims?.length) return 'resourceclaims';
  if (sources.some((source) => source.serviceAccountToken)) return 'serviceaccounts';
  return sources.some((source) => source.clusterTrustBundle) ? 'clustertrustbundles' : undefined;
}
