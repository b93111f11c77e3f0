// What can be done with a kind, as paths with operations. Clients are made of this document: their methods have the names
// of operations, so these are kube-apiserver's. Upstream: the installer of apiserver/pkg/endpoints, apiextensions'
// openapi builder, and GetOperationIDAndTags.
import { kinds, subresourceKinds } from '../../api/index.ts';
import {
  type CustomSubresource,
  type GroupVersionKind,
  type Kind,
  type ServedVersion,
  typeNameOf,
} from '../../machinery/kind.ts';
import { subresourcesOf } from '../registry/subresources-of.ts';
import { metaTypes } from './meta-types.ts';

/** What a query or path parameter is. A name that begins with ? is also one in a path. */
export const parameterTable: Record<string, { in: 'query' | 'path'; type: string; doc: string }> = {
  name: { in: 'path', type: 'string', doc: 'Name of the object.' },
  namespace: { in: 'path', type: 'string', doc: 'Namespace of the object.' },
  path: { in: 'path', type: 'string', doc: 'What to ask of it.' },
  '?path': { in: 'query', type: 'string', doc: 'What to ask of it.' },
  ...inQuery('boolean', {
    allowWatchBookmarks: 'Tell how far a watch is when nothing happens.',
    follow: 'Go on with what is written later.',
    force: 'Take over fields of other managers (apply patches).',
    ignoreStoreReadErrorWithClusterBreakingPotential: 'Delete even an object that cannot be read from storage.',
    insecureSkipTLSVerifyBackend: 'Take any certificate of the kubelet.',
    orphanDependents: 'Old form of propagationPolicy.',
    previous: 'Of the container before the last restart.',
    sendInitialEvents: 'Begin a watch with all that there is.',
    stderr: 'Carry the standard error.',
    stdin: 'Carry the standard input.',
    stdout: 'Carry the standard output.',
    timestamps: 'Begin each line with its time.',
    tty: 'Give the process a terminal.',
    watch: 'Stream changes instead of listing.',
  }),
  ...inQuery('integer', {
    gracePeriodSeconds: 'Seconds the object has to end by itself.',
    limit: 'At most so many items.',
    limitBytes: 'At most so many bytes.',
    ports: 'Ports to forward.',
    sinceSeconds: 'Not older than so long.',
    tailLines: 'The last so many lines.',
    timeoutSeconds: 'End the request after so long.',
  }),
  ...inQuery('string', {
    command: 'The program and its arguments.',
    container: 'Which container, when there are several.',
    continue: 'Token of the page to go on from.',
    dryRun: 'All: run every stage of the request without storing anything.',
    fieldManager: 'Name under which changed fields are recorded.',
    fieldSelector: 'Only objects whose fields match.',
    fieldValidation: 'What to do with unknown and duplicate fields: Ignore, Warn or Strict.',
    labelSelector: 'Only objects whose labels match.',
    pretty: 'true for an answer with line breaks.',
    propagationPolicy: 'What becomes of dependents: Orphan, Background or Foreground.',
    resourceVersion: 'The version to read at or to watch from.',
    resourceVersionMatch: 'How resourceVersion is meant.',
    stream: 'All, Stdout or Stderr.',
  }),
};

function inQuery(type: string, docs: Record<string, string>): typeof parameterTable {
  return Object.fromEntries(Object.entries(docs).map(([name, doc]) => [name, { in: 'query', type, doc }]));
}

const split = (names: string) => names.split(' ');
const writeParameters = split('dryRun fieldManager fieldValidation pretty');
const deleteParameters = split(
  'dryRun gracePeriodSeconds ignoreStoreReadErrorWithClusterBreakingPotential orphanDependents pretty propagationPolicy',
);
const selecting = split(
  'continue fieldSelector labelSelector limit pretty resourceVersion resourceVersionMatch sendInitialEvents timeoutSeconds',
);
const listParameters = [...selecting, 'allowWatchBookmarks', 'watch'];
const logParameters = split(
  'container follow insecureSkipTLSVerifyBackend limitBytes pretty previous sinceSeconds stream tailLines timestamps',
);
/** What streams and proxies take. */
const connectParameters: Record<string, string[]> = {
  attach: split('container stderr stdin stdout tty'),
  exec: split('command container stderr stdin stdout tty'),
  portforward: ['ports'],
  proxy: ['?path'],
};

export interface Operation {
  method: 'get' | 'put' | 'post' | 'patch' | 'delete' | 'head' | 'options';
  id: string;
  tag: string;
  description: string;
  /** What is done, and with what; unless it is no resource. */
  action?: string;
  gvk?: GroupVersionKind;
  /** Without those of the whole path. */
  parameters: readonly string[];
  /** The name of the body's definition. */
  body?: string;
  isBodyOptional?: boolean;
  codes: readonly number[];
  /** The name of the answer's definition; without one it is text. */
  answer?: string;
  isWatchable?: boolean;
  isCustom?: boolean;
}

export interface PathModel {
  path: string;
  parameters: readonly string[];
  operations: Operation[];
}

const title = (text: string) => text.charAt(0).toUpperCase() + text.slice(1);

/** `RbacAuthorizationV1`, as it stands in the names of operations. */
export const groupWords = ({ group, version = '' }: { group: string; version?: string }): string =>
  [...(group || 'core').replace(/\.k8s\.io$/, '').split(/[^A-Za-z0-9]+/), version].map(title).join('');

/** `rbacAuthorization_v1` */
export function tagOf({ group, version }: { group: string; version?: string }): string {
  const words = groupWords({ group });
  return [words.charAt(0).toLowerCase() + words.slice(1), ...(version ? [version] : [])].join('_');
}

/** `/apis/apps/v1` or `/api/v1` */
export function basePathOf(version: { group: string; version: string }): string {
  return version.group ? `/apis/${version.group}/${version.version}` : `/api/${version.version}`;
}

/** The types that subresources of a kind speak, where that is not the kind's own. */
export const subresourceTypes = (kind: Kind) =>
  subresourcesOf(kind).flatMap(({ kind: gvk }) => {
    const schema = gvk && schemaOf(gvk);
    return schema ? [{ gvk, schema }] : [];
  });

function schemaOf(gvk: GroupVersionKind) {
  const isIt = (one: Kind) => one.kind === gvk.kind && one.group === gvk.group;
  const kind = kinds.find(isIt) ?? subresourceKinds.find(isIt);
  return kind?.served.find(({ version }) => version === gvk.version)?.schema;
}

type Make = Pick<Operation, 'method'> & { verb: string; name: string } & Partial<Operation>;

/** The paths of a kind in a version. */
export function pathsOf(kind: Kind, version: ServedVersion): PathModel[] {
  const gvk = { group: version.group, version: version.version, kind: kind.kind };
  const definition = typeNameOf(version);
  const inNamespace = kind.namespaced ? 'Namespaced' : '';
  const one = `${inNamespace}${kind.kind}`;
  const make = ({ verb, name, ...given }: Make): Operation => ({
    id: `${verb}${groupWords(version)}${name}`,
    tag: tagOf(version),
    action: given.method,
    description: `${verb} ${given.gvk?.kind ?? kind.kind}`,
    gvk,
    parameters: ['pretty'],
    codes: [200],
    answer: definition,
    isCustom: kind.isCustom,
    ...given,
  });
  const own = kind.verbs as readonly string[];
  const object = { verbs: own, answer: definition, gvk, name: one, make };
  const deletion = { verb: 'delete', method: 'delete', body: metaTypes.deleteOptions, isBodyOptional: true } as const;
  const list = { verb: 'list', action: 'list', method: 'get', parameters: listParameters } as const;
  const listing = { ...list, answer: `${definition}List`, isWatchable: own.includes('watch') };
  const everywhere: Operation[] = own.includes('list')
    ? [make({ ...listing, name: `${kind.kind}ForAllNamespaces` })]
    : [];
  const collection: Operation[] = own.includes('list') ? [make({ ...listing, name: one })] : [];
  if (own.includes('create')) collection.push(...writesOf({ ...object, verbs: ['create'] }));
  if (own.includes('deletecollection')) {
    const parameters = [...new Set([...selecting, ...deleteParameters])];
    const all = { ...deletion, action: 'deletecollection', name: `Collection${one}`, parameters };
    collection.push(make({ ...all, answer: metaTypes.status }));
  }
  const single = writesOf({ ...object, verbs: own.filter((verb) => verb !== 'create') });
  if (own.includes('delete')) {
    const answer = kind.returnsDeletedObject ? definition : metaTypes.status;
    single.push(make({ ...deletion, name: one, parameters: deleteParameters, codes: [200, 202], answer }));
  }
  const base = basePathOf(version);
  const at = (prefix: string) => `${base}${prefix}${kind.namespaced ? '/namespaces/{namespace}' : ''}/${kind.plural}`;
  const paths: [path: string, operations: Operation[]][] = [
    [`${base}/${kind.plural}`, kind.namespaced ? everywhere : []],
    [at(''), collection],
    [`${at('')}/{name}`, single],
    ...subresourcesOf(kind).flatMap((sub) => subresourcePaths(`${at('')}/{name}/${sub.name}`, sub, object)),
  ];
  if (own.includes('watch') && !kind.isCustom) {
    const watch = { verb: 'watch', method: 'get', answer: metaTypes.watchEvent, parameters: listParameters } as const;
    const lists = { ...watch, action: 'watchlist', isWatchable: true };
    if (kind.namespaced)
      paths.push([`${base}/watch/${kind.plural}`, [make({ ...lists, name: `${kind.kind}ListForAllNamespaces` })]]);
    paths.push([at('/watch'), [make({ ...lists, name: `${one}List` })]]);
    paths.push([`${at('/watch')}/{name}`, [make({ ...watch, action: 'watch', isWatchable: true, name: one })]]);
  }
  return paths.filter(([, operations]) => operations.length > 0).map(withCommon);
}

interface Spoken {
  verbs: readonly string[];
  answer: string;
  gvk: GroupVersionKind;
  name: string;
  make(given: Make): Operation;
}

/** Reading and writing an object. */
function writesOf({ verbs, answer, gvk, name, make }: Spoken): Operation[] {
  const write = { name, answer, gvk, parameters: writeParameters };
  const out: Operation[] = [];
  if (verbs.includes('get')) out.push(make({ name, answer, gvk, verb: 'read', method: 'get', action: 'get' }));
  if (verbs.includes('update'))
    out.push(make({ ...write, verb: 'replace', method: 'put', body: answer, codes: [200, 201] }));
  if (verbs.includes('create'))
    out.push(make({ ...write, verb: 'create', method: 'post', body: answer, codes: [200, 201, 202] }));
  if (verbs.includes('patch')) {
    const patch = { ...write, verb: 'patch', method: 'patch', body: metaTypes.patch } as const;
    out.push(make({ ...patch, parameters: [...writeParameters, 'force'], codes: [200, 201] }));
  }
  return out;
}

const connectMethods = {
  get: ['get'],
  create: ['post'],
  delete: ['delete'],
  patch: ['patch'],
  update: ['put'],
} as const;
const onlyForwarded = ['head', 'options'] as const;

function subresourcePaths(path: string, sub: CustomSubresource, { make, ...object }: Spoken): [string, Operation[]][] {
  const name = `${object.name}${title(sub.name)}`;
  const gvk = sub.kind ?? object.gvk;
  if (sub.name === 'log') {
    const log = { verb: 'read', method: 'get', answer: undefined, parameters: logParameters } as const;
    return [[path, [make({ ...log, name })]]];
  }
  const parameters = connectParameters[sub.name];
  if (!parameters) {
    const answer = sub.kind ? schemaOf(sub.kind)!.name : object.answer;
    return [[path, writesOf({ verbs: sub.verbs, answer, gvk, name, make })]];
  }
  const isProxy = sub.name === 'proxy';
  const methods = [...sub.verbs.flatMap((verb) => connectMethods[verb]), ...(isProxy ? onlyForwarded : [])];
  const connect = (suffix: string) =>
    methods.map((method) => {
      const called = `${title(method)}${name}${suffix}`;
      return make({ verb: 'connect', method, action: 'connect', gvk, name: called, answer: undefined, parameters });
    });
  return [[path, connect('')], ...(isProxy ? [[`${path}/{path}`, connect('WithPath')] as [string, Operation[]]] : [])];
}

/** With what all operations of a path take, and its own parts, told once for all of them. */
function withCommon([path, operations]: [path: string, operations: Operation[]]): PathModel {
  const [first, ...others] = operations.map((operation) => operation.parameters);
  const common = first!.filter((name) => others.every((names) => names.includes(name)));
  const inPath = [...path.matchAll(/\{(\w+)\}/g)].map(([, name]) => name!);
  return {
    path,
    parameters: [...inPath, ...common].sort(),
    operations: operations.map((operation) => ({
      ...operation,
      parameters: operation.parameters.filter((name) => !common.includes(name)).sort(),
    })),
  };
}
