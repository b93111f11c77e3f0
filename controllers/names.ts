// What kube-controller-manager calls its controllers: permanent names, older ones that flags take as well, the service
// account each acts as, and the flag that says how many keys it works on at a time. Controllers that we do not have are
// here too, so that flags which name them are understood.
// https://kubernetes.io/docs/reference/command-line-tools-reference/kube-controller-manager/ (--controllers)

export interface ControllerFacts {
  alias?: string;
  /** Service account in kube-system; without one it acts as the process does. */
  account?: string;
  /** `--concurrent-<syncs>-syncs`; `mirroring-` stands before all of it. */
  syncs?: string;
  /** Runs only when it is named. */
  isOffByDefault?: boolean;
}

const row = (alias = '', account = '', syncs = ''): ControllerFacts => ({
  ...(alias ? { alias } : {}),
  ...(account ? { account } : {}),
  ...(syncs ? { syncs } : {}),
});

export const controllerNames: Readonly<Record<string, ControllerFacts>> = {
  'bootstrap-signer-controller': { ...row('bootstrapsigner', 'bootstrap-signer'), isOffByDefault: true },
  'certificatesigningrequest-approving-controller': row('csrapproving', 'certificate-controller'),
  'certificatesigningrequest-cleaner-controller': row('csrcleaner', 'certificate-controller'),
  'certificatesigningrequest-signing-controller': row('csrsigning', 'certificate-controller'),
  'clusterrole-aggregation-controller': row('clusterrole-aggregation', 'clusterrole-aggregation-controller'),
  'cronjob-controller': row('cronjob', 'cronjob-controller', 'cron-job'),
  'daemonset-controller': row('daemonset', 'daemon-set-controller', 'daemonset'),
  'deployment-controller': row('deployment', 'deployment-controller', 'deployment'),
  'device-taint-eviction-controller': row('', 'device-taint-eviction-controller'),
  'disruption-controller': row('disruption', 'disruption-controller'),
  'endpoints-controller': row('endpoint', 'endpoint-controller', 'endpoint'),
  'endpointslice-controller': row('endpointslice', 'endpointslice-controller', 'service-endpoint'),
  'endpointslice-mirroring-controller': row(
    'endpointslicemirroring',
    'endpointslicemirroring-controller',
    'mirroring-service-endpoint',
  ),
  'ephemeral-volume-controller': row('ephemeral-volume', 'ephemeral-volume-controller', 'ephemeralvolume'),
  'garbage-collector-controller': row('garbagecollector', 'generic-garbage-collector', 'gc'),
  'horizontal-pod-autoscaler-controller': row(
    'horizontalpodautoscaling',
    'horizontal-pod-autoscaler',
    'horizontal-pod-autoscaler',
  ),
  'job-controller': row('job', 'job-controller', 'job'),
  'legacy-serviceaccount-token-cleaner-controller': row(
    'legacy-service-account-token-cleaner',
    'legacy-service-account-token-cleaner',
  ),
  // Ours: there it comes with an add-on of its own.
  'metrics-server': row('', 'metrics-server'),
  'namespace-controller': row('namespace', 'namespace-controller', 'namespace'),
  'node-ipam-controller': row('nodeipam', 'node-controller'),
  'node-lifecycle-controller': row('nodelifecycle', 'node-controller'),
  'persistentvolume-attach-detach-controller': row('attachdetach', 'attachdetach-controller'),
  'persistentvolume-binder-controller': row('persistentvolume-binder', 'persistent-volume-binder'),
  'persistentvolume-expander-controller': row('persistentvolume-expander', 'expand-controller'),
  'persistentvolume-protection-controller': row('pv-protection', 'pv-protection-controller'),
  'persistentvolumeclaim-protection-controller': row('pvc-protection', 'pvc-protection-controller'),
  'pod-garbage-collector-controller': row('podgc', 'pod-garbage-collector'),
  'replicaset-controller': row('replicaset', 'replicaset-controller', 'replicaset'),
  'replicationcontroller-controller': row('replicationcontroller', 'replication-controller', 'rc'),
  'resourceclaim-controller': row('resource-claim-controller', 'resource-claim-controller', 'resource-claim'),
  'resourcequota-controller': row('resourcequota', 'resourcequota-controller', 'resource-quota'),
  'root-ca-certificate-publisher-controller': row('root-ca-cert-publisher', 'root-ca-cert-publisher'),
  'service-cidr-controller': row('', 'service-cidrs-controller'),
  'serviceaccount-controller': row('serviceaccount', 'service-account-controller'),
  // Tokens are made by who makes the accounts' clients.
  'serviceaccount-token-controller': row('serviceaccount-token', '', 'serviceaccount-token'),
  'statefulset-controller': row('statefulset', 'statefulset-controller', 'statefulset'),
  'storage-version-migrator-controller': row(''),
  'storageversion-garbage-collector-controller': row('storage-version-gc'),
  'taint-eviction-controller': row('', 'node-controller'),
  'token-cleaner-controller': { ...row('tokencleaner', 'token-cleaner'), isOffByDefault: true },
  'ttl-after-finished-controller': row('ttl-after-finished', 'ttl-after-finished-controller', 'ttl-after-finished'),
  'ttl-controller': row('ttl', 'ttl-controller'),
  'validatingadmissionpolicy-status-controller': row(
    '',
    'validatingadmissionpolicy-status-controller',
    'validating-admission-policy-status',
  ),
  'volumeattributesclass-protection-controller': row('', 'volumeattributesclass-protection-controller'),
  // Ours: there it comes with external-snapshotter.
  'volumesnapshot-controller': row('', 'snapshot-controller'),
};

/** Loops of ours that are a part of a controller there. */
const parts: Readonly<Record<string, string>> = {
  'job-orphan-pod-controller': 'job-controller',
  'stale-pod-disruption-controller': 'disruption-controller',
};

const byAlias = new Map(Object.entries(controllerNames).flatMap(([name, { alias }]) => (alias ? [[alias, name]] : [])));

/** The controller that a loop is part of, or is. */
export const controllerOfLoop = (loop: string): string => parts[loop] ?? loop;

/** Facts of the controller behind a loop. */
export const factsOf = (loop: string): ControllerFacts => controllerNames[controllerOfLoop(loop)] ?? {};

/**
 * Which loops run by a list as of `--controllers`: `*` is every one that is on by default, `foo` is on, `-foo` is off;
 * what stands first decides. Throws for a name that nobody has.
 */
export function selectLoops<L extends { name: string }>(loops: readonly L[], list: readonly string[]): L[] {
  const known = new Set([...Object.keys(controllerNames), ...loops.map((loop) => controllerOfLoop(loop.name))]);
  const chosen = new Map<string, boolean>();
  for (const entry of list) {
    if (entry === '*') continue;
    const isOn = !entry.startsWith('-');
    const given = isOn ? entry : entry.slice(1);
    const name = byAlias.get(given) ?? given;
    if (!known.has(name)) throw new Error(`${JSON.stringify(entry)} is not in the list of known controllers`);
    if (!chosen.has(name)) chosen.set(name, isOn);
  }
  const others = list.includes('*');
  return loops.filter((loop) => {
    const name = controllerOfLoop(loop.name);
    return chosen.get(name) ?? (others && !controllerNames[name]?.isOffByDefault);
  });
}
