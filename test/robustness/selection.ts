// What label and field selectors of one term select, as the documentation says it and not as the API server does it.
// https://kubernetes.io/docs/concepts/overview/working-with-objects/labels/
import type { KubeObject } from '../../machinery/metadata.ts';

export interface Selectors {
  labelSelector?: string;
  fieldSelector?: string;
}

export type Predicate = (object: KubeObject) => boolean;

export function selection({ labelSelector, fieldSelector }: Selectors): Predicate {
  const ofLabels = term(labelSelector, (object, key) => object.metadata.labels?.[key]);
  const ofFields = term(fieldSelector, fieldOf);
  return (object) => ofLabels(object) && ofFields(object);
}

function fieldOf(object: any, path: string): string {
  let value: any = object;
  for (const step of path.split('.')) value = value?.[step];
  return value ?? '';
}

function term(text: string | undefined, read: (object: KubeObject, key: string) => string | undefined): Predicate {
  if (!text) return () => true;
  const [, key, list] = /^(\S+) in \((.*)\)$/.exec(text) ?? [];
  if (key && list) return (object) => list.split(',').includes(read(object, key) ?? '\0');
  const [, left, operator, right] = /^([^=!]+)(=|!=)(.*)$/.exec(text) ?? [];
  if (left && operator) return (object) => (read(object, left) === right) === (operator === '=');
  if (text.startsWith('!')) return (object) => read(object, text.slice(1)) === undefined;
  return (object) => read(object, text) !== undefined;
}
