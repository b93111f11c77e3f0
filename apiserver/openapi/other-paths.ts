// What is no resource, as far as kube-apiserver's documents tell of it: which versions, groups and resources there are, the
// server's own version, and whose tokens it believes.
import { typeMeta } from '../../machinery/metadata.ts';
import { atomic, type ObjectSchema, s } from '../../machinery/schema.ts';
import { metaName } from './meta-types.ts';
import { basePathOf, groupWords, type Operation, type PathModel, tagOf } from './operations.ts';

const names = (doc: string) => s.list(s.string(''), doc, atomic);

const serverAddress = s.object(metaName('ServerAddressByClientCIDR'), 'Where clients of a network find the server.', {
  clientCIDR: s.string('The network.', { required: true }),
  serverAddress: s.string('The address of the server.', { required: true }),
});

const groupVersion = s.object(metaName('GroupVersionForDiscovery'), 'A version of a group.', {
  groupVersion: s.string('Group and version, as in apiVersion.', { required: true }),
  version: s.string('The version.', { required: true }),
});

const apiGroup = s.object(metaName('APIGroup'), 'A group and its versions.', {
  ...typeMeta,
  name: s.string('The name of the group.', { required: true }),
  preferredVersion: s.field(groupVersion, 'The one to use.'),
  serverAddressByClientCIDRs: s.list(serverAddress, 'Where clients find the server.', atomic),
  versions: s.list(groupVersion, 'All of them.', { ...atomic, required: true }),
});

const apiGroupList = s.object(metaName('APIGroupList'), 'All groups.', {
  ...typeMeta,
  groups: s.list(apiGroup, 'The groups.', { ...atomic, required: true }),
});

const apiVersions = s.object(metaName('APIVersions'), 'The versions of the core group.', {
  ...typeMeta,
  serverAddressByClientCIDRs: s.list(serverAddress, 'Where clients find the server.', { ...atomic, required: true }),
  versions: s.list(s.string(''), 'The versions.', { ...atomic, required: true }),
});

const apiResource = s.object(metaName('APIResource'), 'A resource.', {
  categories: names('The groups of resources it is asked for by, such as all.'),
  group: s.string('The group of its kind, where that is another.'),
  kind: s.string('The kind it speaks.', { required: true }),
  name: s.string('The name in paths.', { required: true }),
  namespaced: s.boolean('Whether its objects are in namespaces.', { required: true }),
  shortNames: names('What it is called for short.'),
  singularName: s.string('The name of one.', { required: true }),
  storageVersionHash: s.string('Changes with the version that is stored.'),
  verbs: s.list(s.string(''), 'What can be done.', { required: true }),
  version: s.string('The version of its kind, where that is another.'),
});

const apiResourceList = s.object(metaName('APIResourceList'), 'The resources of a group and version.', {
  ...typeMeta,
  groupVersion: s.string('Group and version.', { required: true }),
  resources: s.list(apiResource, 'The resources.', { ...atomic, required: true }),
});

const versionInfo = s.object(
  'io.k8s.apimachinery.pkg.version.Info',
  'The version of a server.',
  Object.fromEntries(
    ['major', 'minor', 'gitVersion', 'gitCommit', 'gitTreeState', 'buildDate', 'goVersion', 'compiler', 'platform'].map(
      (name) => [name, s.string(`The ${name} of the server.`, { required: true })],
    ),
  ),
);

export interface OtherPath {
  schema?: ObjectSchema;
  model: PathModel;
}

function other(path: string, id: string, tag: string, schema?: ObjectSchema): OtherPath {
  const answer = schema?.name;
  const get: Operation = { method: 'get', id, tag, description: id, parameters: [], codes: [200], answer };
  return { schema, model: { path: `/${path}/`, parameters: [], operations: [get] } };
}

/** The resources of a group and version. Nobody tells of those of definitions. */
export const resourceListPath = (version: { group: string; version: string }): OtherPath =>
  other(basePathOf(version).slice(1), `get${groupWords(version)}APIResources`, tagOf(version), apiResourceList);

/** What has a document of its own, by its path without slashes around it. */
export function otherPaths(groups: Iterable<string>): Map<string, OtherPath> {
  const jwks = 'openid/v1/jwks';
  const issuer = '.well-known/openid-configuration';
  const paths: [path: string, id: string, tag: string, schema?: ObjectSchema][] = [
    ['api', 'getCoreAPIVersions', 'core', apiVersions],
    ['apis', 'getAPIVersions', 'apis', apiGroupList],
    ['version', 'getCodeVersion', 'version', versionInfo],
    [issuer, 'getServiceAccountIssuerOpenIDConfiguration', 'WellKnown'],
    [jwks, 'getServiceAccountIssuerOpenIDKeyset', 'openid'],
  ];
  for (const group of groups) {
    if (group) paths.push([`apis/${group}`, `get${groupWords({ group })}APIGroup`, tagOf({ group }), apiGroup]);
  }
  return new Map(paths.map(([path, ...rest]) => [path, other(path, ...rest)]));
}
