// Schemas of what is sent and never stored: statuses, metadata alone, lists of it, and discovery.
// https://kubernetes.io/docs/reference/kubernetes-api/common-definitions/
import { objectMeta, typeMeta } from '../../machinery/metadata.ts';
import { type ObjectSchema, type Schema, s } from '../../machinery/schema.ts';

const meta = 'io.k8s.apimachinery.pkg.apis.meta.v1';
const discovery = 'io.k8s.api.apidiscovery.v2';

const text = s.string('');
const texts = s.list(text, '');
const object = <const F extends Readonly<Record<string, Schema<any, any>>>>(name: string, fields: F) =>
  s.object(name, '', fields);
const list = <T>(items: Schema<T>) => s.list(items, '');

export const listMeta = object(`${meta}.ListMeta`, {
  selfLink: text,
  resourceVersion: text,
  continue: text,
  remainingItemCount: s.int64(''),
});

const cause = object(`${meta}.StatusCause`, { reason: text, message: text, field: text });
const details = object(`${meta}.StatusDetails`, {
  name: text,
  group: text,
  kind: text,
  causes: list(cause),
  retryAfterSeconds: s.int32(''),
  uid: text,
});
export const status = object(`${meta}.Status`, {
  metadata: listMeta,
  status: text,
  message: text,
  reason: text,
  details,
  code: s.int32(''),
});

const partialObjectMetadata = object(`${meta}.PartialObjectMetadata`, { ...typeMeta, metadata: objectMeta });

const groupVersion = object(`${meta}.GroupVersionForDiscovery`, { groupVersion: text, version: text });
const serverAddress = object(`${meta}.ServerAddressByClientCIDR`, { clientCIDR: text, serverAddress: text });
const group = object(`${meta}.APIGroup`, {
  name: text,
  versions: list(groupVersion),
  preferredVersion: groupVersion,
  serverAddressByClientCIDRs: list(serverAddress),
});
const resource = object(`${meta}.APIResource`, {
  name: text,
  singularName: text,
  namespaced: s.boolean(''),
  group: text,
  version: text,
  kind: text,
  // JSON has the list where protobuf has a message around it.
  verbs: texts,
  shortNames: texts,
  categories: texts,
  storageVersionHash: text,
});

const gvk = object(`${meta}.GroupVersionKind`, { group: text, version: text, kind: text });
const subresourceDiscovery = object(`${discovery}.APISubresourceDiscovery`, {
  subresource: text,
  responseKind: gvk,
  acceptedTypes: list(gvk),
  verbs: texts,
});
const resourceDiscovery = object(`${discovery}.APIResourceDiscovery`, {
  resource: text,
  responseKind: gvk,
  scope: text,
  singularResource: text,
  verbs: texts,
  shortNames: texts,
  categories: texts,
  subresources: list(subresourceDiscovery),
});
const versionDiscovery = object(`${discovery}.APIVersionDiscovery`, {
  version: text,
  resources: list(resourceDiscovery),
  freshness: text,
});
const groupDiscovery = object(`${discovery}.APIGroupDiscovery`, {
  metadata: objectMeta,
  versions: list(versionDiscovery),
});

export const apiResourceList = object(`${meta}.APIResourceList`, { groupVersion: text, resources: list(resource) });
export const apiGroupDiscoveryList = object(`${discovery}.APIGroupDiscoveryList`, {
  metadata: listMeta,
  items: list(groupDiscovery),
});

/** By apiVersion and kind. */
export const metaMessages: Readonly<Record<string, ObjectSchema>> = {
  'v1 Status': status,
  'v1 APIVersions': object(`${meta}.APIVersions`, { versions: texts, serverAddressByClientCIDRs: list(serverAddress) }),
  'v1 APIGroup': group,
  'v1 APIGroupList': object(`${meta}.APIGroupList`, { groups: list(group) }),
  'v1 APIResourceList': apiResourceList,
  'meta.k8s.io/v1 PartialObjectMetadata': partialObjectMetadata,
  'meta.k8s.io/v1beta1 PartialObjectMetadata': partialObjectMetadata,
  ...Object.fromEntries(
    ['v1', 'v1beta1'].map((version) => [
      `meta.k8s.io/${version} PartialObjectMetadataList`,
      object(`${meta.slice(0, -2)}${version}.PartialObjectMetadataList`, {
        metadata: listMeta,
        items: list(partialObjectMetadata),
      }),
    ]),
  ),
  'apidiscovery.k8s.io/v2 APIGroupDiscoveryList': apiGroupDiscoveryList,
};
