// Publishes the cluster's CA in every namespace, where pods mount it beside their token. Upstream:
// root-ca-cert-publisher.
import { type ConfigMap, ConfigMapKind } from '../api/core/configmap.ts';
import { type Namespace, NamespaceKind } from '../api/core/namespace.ts';
import { defineController } from '../client/controller.ts';
import { jsonEqual } from '../machinery/json.ts';
import { unlessInVain } from './pods/pod-control.ts';

const mapName = 'kube-root-ca.crt';
const descriptionAnnotation = 'kubernetes.io/description';
const description =
  'Contains a CA bundle that can be used to verify the kube-apiserver when using internal endpoints such as the internal service IP or kubernetes.default.svc. No other usage is guaranteed across distributions of Kubernetes clusters.';

/** The ConfigMap to write, or undefined when it is as it should be. Pure. */
export function planRootCa(namespace: Namespace, present: ConfigMap | undefined, caPem: string): ConfigMap | undefined {
  const data = { 'ca.crt': caPem };
  const annotations = { ...present?.metadata.annotations, [descriptionAnnotation]: description };
  if (!present) return { metadata: { name: mapName, namespace: namespace.metadata.name ?? '', annotations }, data };
  if (jsonEqual(present.data, data) && jsonEqual(present.metadata.annotations, annotations)) return undefined;
  return { ...present, metadata: { ...present.metadata, annotations }, data };
}

/** The controller for one CA. */
export function rootCaPublisher(caPem: string) {
  return defineController({
    name: 'root-ca-certificate-publisher-controller',
    kind: NamespaceKind,
    related: [
      {
        kind: ConfigMapKind,
        options: { fieldSelector: `metadata.name=${mapName}` },
        keys: (map, old) => [(map ?? old).metadata.namespace],
      },
    ],
    deps: (context) => ({
      maps: context.informer(ConfigMapKind, { fieldSelector: `metadata.name=${mapName}` }).lister,
      ...context.resource(ConfigMapKind),
    }),
    async reconcile(namespace, { maps, create, update }) {
      if (namespace.metadata.deletionTimestamp) return undefined;
      const present = maps.get(`${namespace.metadata.name}/${mapName}`);
      const wanted = planRootCa(namespace, present, caPem);
      if (!wanted) return undefined;
      await unlessInVain(present ? update(wanted) : create(wanted));
    },
  });
}
