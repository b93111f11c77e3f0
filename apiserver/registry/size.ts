// Whether an object can be stored at all, told before the work that its size would cost: every
// field of it is named once more in managedFields.
import { isObject } from '../../machinery/json.ts';
import type { KubeObject } from '../../machinery/metadata.ts';
import type { AnySchema, ObjectSchema } from '../../machinery/schema.ts';
import { EtcdTooLargeError } from '../storage/etcd.ts';

/** The largest request that etcd is started with. */
const maxStoredBytes = 4 * 1024 * 1024;
/** `"":,` around a key and its value, and `"f:":{},` around its name in managedFields. */
const perField = 4;
const perManagedField = 8;
/** `"k:{}":{".":{}},` around what an item of a list is named by. */
const perManagedItem = 17;

/** Throws 413 for an object that is surely larger than etcd keeps. */
export function checkStorable(object: KubeObject, schema: ObjectSchema): void {
  if (leastBytes(object, schema) > maxStoredBytes) throw new EtcdTooLargeError();
}

/** No more than what the object will take in etcd, in characters. `isItem`: of a list whose items are managed apart. */
function leastBytes(value: unknown, schema: AnySchema | undefined, isItem = false): number {
  if (typeof value === 'string') return value.length;
  if (typeof value !== 'object' || value === null) return 1;
  let sum = isItem ? perManagedItem : 0;
  if (!isObject(value)) {
    const list = schema?.type === 'list' ? schema : undefined;
    for (const item of value as unknown[]) sum += 1 + leastBytes(item, list?.items, list?.listType === 'map');
    return sum;
  }
  const isNamed = isItem || (schema?.type === 'map' && schema.mapType !== 'atomic');
  for (const key in value) {
    const field = schema?.type === 'object' ? schema.fields[key] : schema?.type === 'map' ? schema.values : undefined;
    sum += key.length + perField + leastBytes(value[key], field);
    if (isNamed) sum += key.length + perManagedField;
  }
  return sum;
}
