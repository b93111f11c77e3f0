// Gives pods their service account: the default one, its pull secrets, and a projected volume with
// a token, the cluster's CA and the namespace.
// https://kubernetes.io/docs/reference/access-authn-authz/admission-controllers/#serviceaccount
import { mirrorAnnotation } from '../../api/core/pod/mirror.ts';
import { podSecretNames } from '../../api/core/pod/references.ts';
import { enforceAnnotation } from '../../api/core/serviceaccount.ts';
import type { Clock } from '../../machinery/clock.ts';
import type { KubeObject } from '../../machinery/metadata.ts';
import { type Random, randomSuffix } from '../../machinery/random.ts';
import { type AdmissionPlugin, isPodCreation, refusal } from './plugin.ts';

const mountPath = '/var/run/secrets/kubernetes.io/serviceaccount';
const tokenSeconds = 3607;
const lookups = 6;
const lookupPauseMs = 200;

interface Mount {
  name: string;
  mountPath: string;
  readOnly?: boolean;
}

export const serviceAccount: AdmissionPlugin = {
  name: 'ServiceAccount',
  handles: isPodCreation,
  async mutate(request, { store, kinds, random, clock }) {
    const { namespace } = request;
    const pod = request.object!;
    const { spec } = pod;
    // Mirror pods stand for what a kubelet runs by itself.
    if (pod.metadata.annotations?.[mirrorAnnotation] !== undefined) return;
    spec.serviceAccountName ||= 'default';
    spec.serviceAccount = spec.serviceAccountName;
    const accounts = kinds.kind('', 'ServiceAccount');
    const found = await findSoon(() => store.find(accounts, namespace, spec.serviceAccountName), clock);
    if (!found) {
      const why = `error looking up service account ${namespace}/${spec.serviceAccountName}: serviceaccount ${JSON.stringify(spec.serviceAccountName)} not found`;
      throw refusal(request, why);
    }
    const account = found.object;
    const mounts = spec.automountServiceAccountToken ?? account.automountServiceAccountToken ?? true;
    if (mounts) mountToken(pod, random);
    if (!spec.imagePullSecrets?.length && account.imagePullSecrets?.length) {
      spec.imagePullSecrets = structuredClone(account.imagePullSecrets);
    }
  },
  async validate(request, { store, kinds }) {
    const { metadata, spec } = request.object!;
    let why: string | undefined;
    if (metadata.annotations?.[mirrorAnnotation] !== undefined) why = findMirrorProblem(spec);
    else {
      const found = await store.find(kinds.kind('', 'ServiceAccount'), request.namespace, spec.serviceAccountName);
      const isStrict = /^(1|[tT]|true|TRUE|True)$/.test(found?.object.metadata.annotations?.[enforceAnnotation] ?? '');
      if (found && isStrict) why = findForeignSecret(spec, found.object);
    }
    if (why !== undefined) throw refusal(request, why);
  },
};

/** What a kubelet runs by itself asks the API for nothing. */
function findMirrorProblem(spec: any): string | undefined {
  if (spec.serviceAccountName) return 'a mirror pod may not reference service accounts';
  if (podSecretNames(spec).size > 0) return 'a mirror pod may not reference secrets';
  const sources = (spec.volumes ?? []).flatMap((volume: any) => volume.projected?.sources ?? []);
  const hasToken = sources.some((source: any) => source.serviceAccountToken);
  return hasToken ? 'a mirror pod may not use ServiceAccountToken volume projections' : undefined;
}

/** A secret that the pod names and its account, which is asked for it, does not. */
function findForeignSecret(spec: any, account: KubeObject): string | undefined {
  const namesOf = (list: { name?: string }[] | undefined) => new Set((list ?? []).map((one) => one.name));
  const [secrets, pullSecrets] = [namesOf(account.secrets), namesOf(account.imagePullSecrets)];
  const end = `is not allowed because service account ${account.metadata.name} does not reference that`;
  for (const { secret } of spec.volumes ?? []) {
    if (secret && !secrets.has(secret.secretName)) {
      return `volume with secret.secretName="${secret.secretName}" ${end} secret`;
    }
  }
  for (const [what, list] of [
    ['init container', spec.initContainers],
    ['container', spec.containers],
  ] as const) {
    for (const container of list ?? []) {
      for (const { name, valueFrom } of container.env ?? []) {
        const secret = valueFrom?.secretKeyRef?.name;
        if (secret === undefined || secrets.has(secret)) continue;
        return `${what} ${container.name} with envVar ${name} referencing secret.secretName="${secret}" ${end} secret`;
      }
    }
  }
  for (const [i, { name }] of (spec.imagePullSecrets ?? []).entries()) {
    if (!pullSecrets.has(name)) return `imagePullSecrets[${i}].name="${name}" ${end} imagePullSecret`;
  }
  return undefined;
}

/** A namespace and its pods are often made together: the account of a new namespace is there a moment later. */
async function findSoon<T>(find: () => Promise<T | undefined>, clock: Clock): Promise<T | undefined> {
  for (let tries = 1; ; tries++) {
    const found = await find();
    if (found || tries === lookups) return found;
    await clock.sleep(lookupPauseMs);
  }
}

/** Mounts the token in every container that has nothing at its path. */
function mountToken(pod: KubeObject, random: Random): void {
  const { spec } = pod;
  const volume = `kube-api-access-${randomSuffix(random)}`;
  let used = false;
  for (const container of [...(spec.initContainers ?? []), ...(spec.containers ?? [])]) {
    const present: Mount[] = container.volumeMounts ?? [];
    if (present.some((m) => m.mountPath === mountPath)) continue;
    container.volumeMounts = [...present, { name: volume, readOnly: true, mountPath }];
    used = true;
  }
  if (!used) return;
  const sources = [
    { serviceAccountToken: { expirationSeconds: tokenSeconds, path: 'token' } },
    { configMap: { name: 'kube-root-ca.crt', items: [{ key: 'ca.crt', path: 'ca.crt' }] } },
    {
      downwardAPI: { items: [{ path: 'namespace', fieldRef: { apiVersion: 'v1', fieldPath: 'metadata.namespace' } }] },
    },
  ];
  spec.volumes = [...(spec.volumes ?? []), { name: volume, projected: { sources, defaultMode: 0o644 } }];
}
