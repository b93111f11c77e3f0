// Conditions in CEL that a request must fulfil before a webhook is asked for rights. Upstream: authorization/cel.
import { compile, type Program } from '../../machinery/cel/cel.ts';
import { type DeclType, decl } from '../../machinery/cel/decl-type.ts';
import { kubernetesEnv } from '../../machinery/cel/kubernetes-env.ts';
import { formatType } from '../../machinery/cel/types.ts';
import { type FieldError, invalid } from '../../machinery/field-error.ts';
import { type Attributes, selectorAttributes } from './attributes.ts';

const text = decl.string();
const fields = (name: string, table: Record<string, DeclType>) => decl.object(name, () => Object.entries(table));
const requirements = (of: string) =>
  fields(`kubernetes.${of}SelectorAttributes`, {
    rawSelector: text,
    requirements: decl.list(
      fields('kubernetes.SelectorRequirement', { key: text, operator: text, values: decl.list(text) }),
    ),
  });
const resourceAttributes = fields('kubernetes.ResourceAttributes', {
  namespace: text,
  verb: text,
  group: text,
  version: text,
  resource: text,
  subresource: text,
  name: text,
  fieldSelector: requirements('Field'),
  labelSelector: requirements('Label'),
});

/** The spec of a SubjectAccessReview. */
const request = fields('kubernetes.SubjectAccessReviewSpec', {
  resourceAttributes,
  nonResourceAttributes: fields('kubernetes.NonResourceAttributes', { path: text, verb: text }),
  user: text,
  groups: decl.list(text),
  extra: decl.map(decl.list(text)),
  uid: text,
});
const env = kubernetesEnv({ variables: { request } });

export function checkCondition(expression: string, path: string): FieldError[] {
  const compiled = compile(expression, env);
  if (!compiled.ok) return [invalid(path, expression, `compilation failed: ${compiled.issues}`)];
  if (['bool', 'dyn'].includes(formatType(compiled.type))) return [];
  return [invalid(path, expression, 'must evaluate to bool')];
}

/** The request as expressions see it: fields that are empty are there. */
function specOf(asked: Attributes): object {
  const { user, isResource, verb, path, ...attributes } = asked;
  const { namespace, group, version, resource: kind, subresource, name } = attributes;
  const named = { namespace, verb, group, version, resource: kind, subresource, name };
  const what = isResource
    ? { resourceAttributes: { ...named, ...selectorAttributes(asked) } }
    : { nonResourceAttributes: { path, verb } };
  const { username, uid = '', groups, extra = {} } = user;
  return { ...what, user: username, uid, groups: [...groups], extra };
}

/** Whether all hold for a request; a text says why that cannot be told. One that does not hold decides. */
export function conditionsOf(expressions: readonly string[]): (attributes: Attributes) => boolean | string {
  const programs = expressions.map((expression): { expression: string; program: Program } => {
    const compiled = compile(expression, env);
    if (!compiled.ok) throw new Error(`${expression}: ${compiled.issues}`);
    return { expression, program: compiled.program };
  });
  return (attributes) => {
    const spec = specOf(attributes);
    const errors: string[] = [];
    for (const { expression, program } of programs) {
      const outcome = program.evaluate({ request: spec });
      if (!outcome.ok)
        errors.push(`cel evaluation error: expression '${expression}' resulted in error: ${outcome.message}`);
      else if (outcome.value !== true) return false;
    }
    return errors.length === 0 ? true : errors.join(', ');
  };
}
