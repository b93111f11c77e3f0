// Labels that nodes had once: selectors that name them are warned of. Upstream: pkg/api/node/util.go.

/** What to write in their place. */
export const labelsOfOld: Readonly<Record<string, string>> = {
  'beta.kubernetes.io/arch': 'deprecated since v1.14; use "kubernetes.io/arch" instead',
  'beta.kubernetes.io/os': 'deprecated since v1.14; use "kubernetes.io/os" instead',
  'failure-domain.beta.kubernetes.io/region': 'deprecated since v1.17; use "topology.kubernetes.io/region" instead',
  'failure-domain.beta.kubernetes.io/zone': 'deprecated since v1.17; use "topology.kubernetes.io/zone" instead',
  'beta.kubernetes.io/instance-type': 'deprecated since v1.17; use "node.kubernetes.io/instance-type" instead',
  'app.kubernetes.io/created-by': 'deprecated since v1.9',
  'scheduler.alpha.kubernetes.io/preferAvoidPods': 'deprecated since v1.22; use Taints and Tolerations instead',
  'node-role.kubernetes.io/master': 'use "node-role.kubernetes.io/control-plane" instead',
};

/** What a table says of a key. */
export const said = (
  texts: Readonly<Record<string, string>>,
  key: string | undefined,
  show: (text: string) => string,
) => (key !== undefined && Object.hasOwn(texts, key) ? [show(texts[key]!)] : []);

/** Of the expressions of a term or selector that stands at `path`. */
export const warnOfExpressions = (
  term: { matchExpressions?: readonly { key: string }[] } | undefined,
  path: string,
): string[] =>
  (term?.matchExpressions ?? []).flatMap(({ key }, i) =>
    said(labelsOfOld, key, (text) => `${path}.matchExpressions[${i}].key: ${key} is ${text}`),
  );
