// The expressions by which devices are selected. Upstream: k8s.io/dynamic-resource-allocation/cel.
// https://kubernetes.io/docs/reference/using-api/cel/
import { compile } from '../../../machinery/cel/cel.ts';
import { type DeclType, decl } from '../../../machinery/cel/decl-type.ts';
import { kubernetesEnv, kubernetesLibraries } from '../../../machinery/cel/kubernetes-env.ts';
import { bindingLibrary } from '../../../machinery/cel/lib/bindings.ts';
import { quantityType } from '../../../machinery/cel/lib/quantities.ts';
import { formatType, t } from '../../../machinery/cel/types.ts';
import { type FieldError, forbidden, invalid, tooLong } from '../../../machinery/field-error.ts';
import { byteLength } from '../../../machinery/name-rules.ts';

const maxLength = 10 * 1024;
const maxCost = 1_000_000;
const maxProperties = 32;
const maxTextLength = 64;

/** Scalars of four types, and quantities: what the values of a device look like to the checker. */
const attribute: DeclType = { ...decl.dyn(maxTextLength), type: t.any };
const quantity: DeclType = { type: quantityType, reading: 'as-is', maxElements: 0, minBytes: 1 };

/** By domain, then by name. */
const byDomain = (values: DeclType) => decl.map(decl.map(values, maxProperties), maxProperties);

const device = decl.object('kubernetes.DRADevice', () => [
  ['driver', decl.string(63)],
  ['attributes', byDomain(attribute)],
  ['capacity', byDomain(quantity)],
  ['allowMultipleAllocations', decl.bool],
]);

const env = kubernetesEnv({ variables: { device }, libraries: [...kubernetesLibraries, bindingLibrary] });

/** One that compiles, says yes or no, and cannot cost too much. */
export function validateExpression(expression: string, path: string): FieldError[] {
  if (byteLength(expression) > maxLength) return [tooLong(path, maxLength)];
  const compiled = compile(expression, env);
  if (!compiled.ok) return [invalid(path, expression, `compilation failed: ${compiled.issues}`)];
  if (!['bool', 'any', 'dyn'].includes(compiled.type.kind)) {
    const text = `must evaluate to bool or the unknown type, not ${formatType(compiled.type)}`;
    return [invalid(path, expression, text)];
  }
  return compiled.cost.max > maxCost ? [forbidden(path, 'too complex, exceeds cost limit')] : [];
}
