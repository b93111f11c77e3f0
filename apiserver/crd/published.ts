// The schema of a custom resource as OpenAPI publishes it: what its definition says, with the fields that every object
// has. `kubectl explain` and clients that check what they send read it.
import type { JSONSchemaProps } from '../../api/apiextensions/customresourcedefinition/json-schema.ts';
import { typeMeta } from '../../machinery/metadata.ts';

const metadata = {
  $ref: 'io.k8s.apimachinery.pkg.apis.meta.v1.ObjectMeta',
  description: "Standard object's metadata.",
};
const typeFields = {
  apiVersion: { type: 'string', description: typeMeta.apiVersion.doc },
  kind: { type: 'string', description: typeMeta.kind.doc },
};

export function publishedSchema(props: JSONSchemaProps | undefined): Record<string, any> {
  const { properties = {}, ...own } = props ?? { type: 'object', 'x-kubernetes-preserve-unknown-fields': true };
  const embedded = mapProperties(properties as Record<string, JSONSchemaProps>);
  return { ...own, properties: { ...embedded, ...typeFields, metadata } };
}

const mapProperties = (properties: Record<string, JSONSchemaProps>) =>
  Object.fromEntries(Object.entries(properties).map(([key, value]) => [key, withEmbedded(value)]));

/** A schema with the fields of objects that lie in it. */
function withEmbedded(props: JSONSchemaProps): Record<string, any> {
  const { properties, items, additionalProperties, ...own } = props;
  const isEmbedded = own['x-kubernetes-embedded-resource'] === true;
  const resource = isEmbedded ? { ...typeFields, metadata } : {};
  return {
    ...own,
    ...(properties || isEmbedded ? { properties: { ...mapProperties(properties ?? {}), ...resource } } : {}),
    ...(items && !Array.isArray(items) ? { items: withEmbedded(items) } : {}),
    ...(typeof additionalProperties === 'object' ? { additionalProperties: withEmbedded(additionalProperties) } : {}),
    ...(additionalProperties === true
      ? { additionalProperties: { 'x-kubernetes-preserve-unknown-fields': true } }
      : {}),
  };
}
