// Objects of a custom resource from one version to another, and into the form that its present schema gives them.
// https://kubernetes.io/docs/tasks/extend-kubernetes/custom-resources/custom-resource-definition-versioning/
import type { CustomResourceDefinition } from '../../api/apiextensions/customresourcedefinition/schema.ts';
import { decodeValue } from '../../machinery/decode.ts';
import type { StoredForm } from '../../machinery/kind.ts';
import type { KubeObject } from '../../machinery/metadata.ts';
import type { ObjectSchema } from '../../machinery/schema.ts';

/** Objects of a definition in the version `apiVersion`; those that are in it already are not given. */
export type Converter = (
  definition: CustomResourceDefinition,
  objects: readonly KubeObject[],
  apiVersion: string,
) => Promise<KubeObject[]>;

/** How objects of a definition are stored, as the kind of one of its versions sees it. */
export function storedFormOf(
  definition: CustomResourceDefinition,
  own: { apiVersion: string; schema(): ObjectSchema },
  convert: Converter,
): StoredForm {
  const { group, versions, conversion } = definition.spec;
  const storage = versions.find((version) => version.storage)!;
  const storageVersion = `${group}/${storage.name}`;
  const to = (objects: readonly KubeObject[], apiVersion: string): KubeObject[] | Promise<KubeObject[]> => {
    const others = objects.filter((object) => object.apiVersion !== apiVersion);
    if (others.length === 0) return [...objects];
    if (conversion?.strategy !== 'Webhook') return objects.map((object) => ({ ...object, apiVersion }));
    return convert(definition, others, apiVersion).then((converted) => {
      const queue = [...converted];
      return objects.map((object) => (object.apiVersion === apiVersion ? object : queue.shift()!));
    });
  };
  // Fields that the schema lost are left out, and those that got a default have it.
  const shape = (objects: readonly KubeObject[], options = { defaults: true }) => {
    const schema = own.schema();
    return objects.map((object) => decodeValue(schema, object, options).value as KubeObject);
  };
  return {
    version: storage.name,
    read(objects, options) {
      const there = to(objects, own.apiVersion);
      return there instanceof Promise ? there.then((all) => shape(all, options)) : shape(there, options);
    },
    write(object) {
      const there = to([{ ...object, apiVersion: own.apiVersion }], storageVersion);
      return there instanceof Promise ? there.then(([one]) => one!) : there[0]!;
    },
  };
}
