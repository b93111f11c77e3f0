// IngressClass: a controller that serves ingresses, with its settings.
// https://kubernetes.io/docs/concepts/services-networking/ingress/#ingress-class
import { append, type FieldError, forbidden, notSupported, required, tooLong } from '../../machinery/field-error.ts';
import { column, defineKind } from '../../machinery/kind.ts';
import { objectFields } from '../../machinery/metadata.ts';
import { byteLength } from '../../machinery/name-rules.ts';
import { mandatory, s, type TypeOf } from '../../machinery/schema.ts';
import { validateDNSLabel, validateDomainPrefixedPath } from '../meta/checks.ts';
import { ageColumn, orNone } from '../meta/columns.ts';
import type { ObjectOf } from '../meta/object.ts';
import { validateImmutable } from '../meta/validation.ts';
import { validateTypedReference } from './ingress/validation.ts';

const reference = s.api('networking.v1.IngressClassParametersReference', 'Names settings of the controller.', {
  apiGroup: s.string('API group; empty for the core group.', { pointer: true }),
  kind: s.string('Kind of the object.', mandatory),
  name: s.string('Name of the object.', mandatory),
  namespace: s.string('Namespace of the object, with scope Namespace.', { pointer: true }),
  scope: s.string('Cluster or Namespace.', { pointer: true, default: 'Cluster' }),
});
export interface IngressClassParametersReference extends TypeOf<typeof reference> {}

const ingressClassSpec = s.api('networking.v1.IngressClassSpec', 'A controller of ingresses.', {
  controller: s.string('Name of the controller, a domain and a path.'),
  parameters: s.field(reference, 'An object with settings of the controller.'),
});

const schema = s.api('networking.v1.IngressClass', 'A controller of ingresses.', {
  ...objectFields,
  spec: s.field(ingressClassSpec, 'The controller and its settings.', { always: true }),
});
export interface IngressClass extends ObjectOf<typeof schema> {}

export const IngressClassKind = defineKind<IngressClass>({
  kind: 'IngressClass',
  plural: 'ingressclasses',
  scope: 'Cluster',
  served: [{ group: 'networking.k8s.io', version: 'v1', schema }],
  hasGeneration: true,
  columns: [
    column('Controller', 'string', 'Name of the controller.', ({ spec }) => spec.controller ?? ''),
    column('Parameters', 'string', 'Object with its settings.', showParameters),
    ageColumn,
  ],
  validate: ({ spec }) => [
    ...validateController(spec.controller, 'spec.controller'),
    ...(spec.parameters ? validateParametersReference(spec.parameters) : []),
  ],
  validateUpdate: (next, old) => validateImmutable(next.spec.controller, old.spec.controller, 'spec.controller'),
});

function showParameters({ spec: { parameters } }: IngressClass): string {
  if (!parameters) return orNone('');
  const { apiGroup, kind, name } = parameters;
  return `${kind}${apiGroup === undefined ? '' : `.${apiGroup}`}/${name}`;
}

const maxControllerLength = 250;

function validateController(controller: string | undefined, path: string): FieldError[] {
  if (!controller) return [required(path)];
  const errors = byteLength(controller) > maxControllerLength ? [tooLong(path, maxControllerLength)] : [];
  return [...errors, ...validateDomainPrefixedPath(controller, path)];
}

function validateParametersReference(reference: IngressClassParametersReference): FieldError[] {
  const { namespace, scope } = reference;
  const errors = validateTypedReference(reference, 'spec.parameters');
  const at = 'spec.parameters.namespace';
  if (scope === undefined) errors.push(required('spec.parameters.scope'));
  else if (scope === 'Namespace') {
    if (namespace === undefined) errors.push(required(at, "`parameters.scope` is set to 'Namespace'"));
    else append(errors, validateDNSLabel(namespace, at));
  } else if (scope !== 'Cluster') errors.push(notSupported('spec.parameters.scope', scope, ['Cluster', 'Namespace']));
  else if (namespace !== undefined) errors.push(forbidden(at, "`parameters.scope` is set to 'Cluster'"));
  return errors;
}
