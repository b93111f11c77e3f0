// Ingress: how requests from outside reach services, by host and path.
// https://kubernetes.io/docs/concepts/services-networking/ingress/
import { defineKind } from '../../machinery/kind.ts';
import { ingressColumns } from './ingress/columns.ts';
import { type Ingress, ingressSchema } from './ingress/schema.ts';
import { validateIngress, validateIngressCreate, validateIngressStatus } from './ingress/validation.ts';

export const IngressKind = defineKind<Ingress>({
  kind: 'Ingress',
  plural: 'ingresses',
  scope: 'Namespaced',
  shortNames: ['ing'],
  served: [{ group: 'networking.k8s.io', version: 'v1', schema: ingressSchema }],
  subresources: { status: true },
  hasGeneration: true,
  columns: ingressColumns,
  validate: (ingress, old) => [...validateIngress(ingress), ...(old ? [] : validateIngressCreate(ingress))],
  validateStatusUpdate: validateIngressStatus,
  warnings,
});

function warnings({ metadata }: Ingress, old?: Ingress): string[] {
  const annotation = 'kubernetes.io/ingress.class';
  if (old || metadata.annotations?.[annotation] === undefined) return [];
  return [`annotation "${annotation}" is deprecated, please use 'spec.ingressClassName' instead`];
}
