// The kubelet's own configuration, as far as it can be changed here.
// https://kubernetes.io/docs/reference/config-api/kubelet-config.v1beta1/
import type { ClusterConfig } from './cluster-config.ts';
import type { Field } from './documents.ts';

const maps = ['evictionHard', 'evictionSoft', 'evictionSoftGracePeriod', 'evictionMinimumReclaim'] as const;
const numbers = ['evictionMaxPodGracePeriod', 'imageGCHighThresholdPercent', 'imageGCLowThresholdPercent'] as const;
const durations = ['evictionPressureTransitionPeriod', 'imageMinimumGCAge'] as const;
const known = [
  'apiVersion',
  'kind',
  'singleProcessOOMKill',
  'staticPodPath',
  ...maps,
  ...numbers,
  ...durations,
] as const;

/** Adds what the document says. Throws UserError. */
export function readKubeletConfiguration(document: Field, config: ClusterConfig): void {
  const fields = document.fields(known);
  const { apiVersion, singleProcessOOMKill, staticPodPath } = fields;
  apiVersion?.oneOf(['kubelet.config.k8s.io/v1beta1']);
  if (singleProcessOOMKill)
    config.singleProcessOOMKill = { value: singleProcessOOMKill.boolean(), place: singleProcessOOMKill.place };
  if (staticPodPath) {
    const path = staticPodPath.text();
    if (path !== '' && !path.startsWith('/')) throw staticPodPath.refuse('must be an absolute path');
    config.staticPodPath = path;
  }
  const entries = [
    ...maps.flatMap((name) => (fields[name] ? [[name, readMap(fields[name])]] : [])),
    ...numbers.flatMap((name) => (fields[name] ? [[name, fields[name].integer()]] : [])),
    ...durations.flatMap((name) => (fields[name] ? [[name, fields[name].text()]] : [])),
  ];
  if (entries.length === 0) return;
  // What the values mean is the kubelet's to say: check.ts asks it.
  const { settings = {} } = config.kubelet ?? {};
  config.kubelet = { settings: { ...settings, ...Object.fromEntries(entries) }, place: document.place };
}

/** Texts that fit a list of flags; what else they may be is the kubelet's to say. */
function readMap(field: Field): Record<string, string> {
  return Object.fromEntries(
    field.entries().map(([key, value]) => {
      if (/[,<=]/.test(key) || /[,<=]/.test(value.text())) throw value.refuse('must not have any of , < =');
      return [key, value.text()];
    }),
  );
}
