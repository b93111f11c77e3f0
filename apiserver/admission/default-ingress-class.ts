// An Ingress that names no class gets the default one.
// https://kubernetes.io/docs/concepts/services-networking/ingress/#default-ingress-class
import { newestFirst } from '../../machinery/metadata.ts';
import { keyPrefixOf } from '../storage/stored-object.ts';
import { type AdmissionPlugin, requestsFor } from './plugin.ts';

const defaultAnnotation = 'ingressclass.kubernetes.io/is-default-class';
const classAnnotation = 'kubernetes.io/ingress.class';

export const defaultIngressClass: AdmissionPlugin = {
  name: 'DefaultIngressClass',
  handles: requestsFor('ingresses.networking.k8s.io', ['CREATE']),
  mutate({ object }, { kinds, store }) {
    const { metadata, spec } = object!;
    if (spec.ingressClassName !== undefined || metadata.annotations?.[classAnnotation] !== undefined) return;
    const kind = kinds.kind('networking.k8s.io', 'IngressClass');
    const classes = [...store.resource(kind).list(keyPrefixOf(kind))];
    const [chosen] = classes
      .map((one) => one.object)
      .filter(({ metadata }) => metadata.annotations?.[defaultAnnotation] === 'true')
      .sort(newestFirst);
    if (chosen) spec.ingressClassName = chosen.metadata.name;
  },
};
