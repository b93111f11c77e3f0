// An Ingress that names no class gets the default one.
// https://kubernetes.io/docs/concepts/services-networking/ingress/#default-ingress-class
import { forbiddenError } from '../../machinery/errors.ts';
import { keyPrefixOf } from '../storage/stored-object.ts';
import type { AdmissionPlugin } from './plugin.ts';

const defaultAnnotation = 'ingressclass.kubernetes.io/is-default-class';
const classAnnotation = 'kubernetes.io/ingress.class';

export const defaultIngressClass: AdmissionPlugin = {
  name: 'DefaultIngressClass',
  handles: ({ operation, kind, subresource }) =>
    operation === 'CREATE' && kind.group === 'networking.k8s.io' && kind.plural === 'ingresses' && subresource === '',
  mutate({ object, name }, { kinds, store }) {
    const { metadata, spec } = object!;
    if (spec.ingressClassName !== undefined || metadata.annotations?.[classAnnotation] !== undefined) return;
    const kind = kinds.kind('networking.k8s.io', 'IngressClass');
    const classes = [...store.resource(kind).list(keyPrefixOf(kind))];
    const defaults = classes.filter((c) => c.object.metadata.annotations?.[defaultAnnotation] === 'true');
    if (defaults.length > 1) {
      const why = `Internal error occurred: ${defaults.length} default IngressClasses were found, only 1 allowed`;
      throw forbiddenError({ group: 'networking.k8s.io', resource: 'ingresses' }, name, why);
    }
    if (defaults[0]) spec.ingressClassName = defaults[0].object.metadata.name;
  },
};
