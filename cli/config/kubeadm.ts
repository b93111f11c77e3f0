// kubeadm's ClusterConfiguration and InitConfiguration, as far as they mean something here. The control plane runs on
// the host, so that a volume is a path under another name.
// https://kubernetes.io/docs/reference/config-api/kubeadm-config.v1beta4/
import { parseCIDR, parseIP } from '../../machinery/ip.ts';
import { clusterDomain } from '../layout.ts';
import {
  type ClusterConfig,
  type ConfiguredComponent,
  type ExtraArg,
  mapPath,
  type PathMapping,
} from './cluster-config.ts';
import type { Field } from './documents.ts';
import { addNodeLabels } from './node-labels.ts';

const versions = ['kubeadm.k8s.io/v1beta4', 'kubeadm.k8s.io/v1beta3'] as const;
const clusterFields = [
  ...(['apiVersion', 'kind', 'metadata', 'kubernetesVersion', 'networking'] as const),
  ...(['apiServer', 'controllerManager', 'scheduler'] as const),
] as const;
/** Flags of the kubelet that no KubeletConfiguration has; their paths are those of the node. */
const kubeletFlags = ['image-credential-provider-config', 'image-credential-provider-bin-dir'];
const componentFields = ['extraArgs', 'extraVolumes'] as const;
const volumeFields = ['name', 'hostPath', 'mountPath', 'readOnly', 'pathType'] as const;

interface Volume extends PathMapping {
  readOnly: boolean;
  pathType: string;
}

/** What kubeadm shows the API server of its machine without being asked. */
const standardPaths = ['/etc/kubernetes/pki', '/etc/ssl/certs', '/etc/ca-certificates', '/usr/share/ca-certificates'];
const standardVolumes: readonly Volume[] = [...standardPaths, '/usr/local/share/ca-certificates'].map((path) => ({
  hostPath: path,
  mountPath: path,
  readOnly: true,
  pathType: '',
}));

/** What components are told, in all documents: a volume of one may be meant by a flag of another. */
export interface ComponentParts {
  args: Record<ConfiguredComponent, Arg[]>;
  volumes: Record<ConfiguredComponent, (Volume & { field: Field })[]>;
}

export const noParts = (): ComponentParts => ({
  args: { apiserver: [], controllers: [], scheduler: [] },
  volumes: { apiserver: [], controllers: [], scheduler: [] },
});

/** Adds what the document says. Throws UserError. */
export function readClusterConfiguration(document: Field, config: ClusterConfig, parts: ComponentParts): void {
  const fields = document.fields(clusterFields);
  checkHead(fields.apiVersion, fields.metadata);
  const version = fields.kubernetesVersion;
  if (version && !/^v?1\.36(\.\d+)?$/.test(version.text())) throw version.refuse('only v1.36 is there');
  if (fields.networking) readNetworking(fields.networking, config);
  if (fields.apiServer) {
    const { certSANs, ...rest } = fields.apiServer.fields([...componentFields, 'certSANs']);
    readComponent('apiserver', rest, parts);
    config.certSANs.push(...(certSANs?.items() ?? []).map(readSubjectName));
  }
  for (const [name, component] of [
    ['controllerManager', 'controllers'],
    ['scheduler', 'scheduler'],
  ] as const) {
    const field = fields[name];
    if (field) readComponent(component, field.fields(componentFields), parts);
  }
}

export function readInitConfiguration(document: Field, config: ClusterConfig): void {
  const fields = document.fields(['apiVersion', 'kind', 'metadata', 'nodeRegistration']);
  checkHead(fields.apiVersion, fields.metadata);
  const args = fields.nodeRegistration?.fields(['kubeletExtraArgs']).kubeletExtraArgs;
  for (const { name, value, field } of args ? readArgs(args) : []) {
    if (kubeletFlags.includes(name)) {
      config.kubelet = { flags: { ...config.kubelet?.flags, [name]: value }, place: field.place };
      continue;
    }
    if (name !== 'node-labels')
      throw field.refuse(`flag --${name} of the kubelet is not supported; ${kubeletFlags.join(', ')}, node-labels are`);
    const pairs = value.split(',').filter((pair) => pair !== '');
    addNodeLabels(
      config,
      pairs.map((pair) => {
        const at = pair.indexOf('=');
        return { key: at < 0 ? pair : pair.slice(0, at), value: at < 0 ? '' : pair.slice(at + 1), field };
      }),
    );
  }
}

function checkHead(apiVersion: Field | undefined, metadata: Field | undefined): void {
  apiVersion?.oneOf(versions);
  // A patch of kind's may bear a name that nobody looks at.
  metadata?.fields(['name']).name?.text();
}

/** Ranges that both kind's and kubeadm's part may name. */
export function readNetworking(field: Field, config: ClusterConfig): void {
  const { dnsDomain, podSubnet, serviceSubnet } = field.fields(['dnsDomain', 'podSubnet', 'serviceSubnet']);
  dnsDomain?.oneOf([clusterDomain]);
  if (podSubnet) config.podSubnet = readRange(podSubnet);
  if (serviceSubnet) config.serviceSubnet = readRange(serviceSubnet);
}

export function readRange(field: Field): string {
  const range = parseCIDR(field.text());
  if (range?.address.family !== 4)
    throw field.refuse(`${JSON.stringify(field.value)} is no IPv4 range like 10.244.0.0/16`);
  return field.text();
}

function readSubjectName(field: Field): string {
  const name = field.text();
  if (parseIP(name) || /^(\*\.)?[a-z0-9]([a-z0-9.-]*[a-z0-9])?$/i.test(name)) return name;
  throw field.refuse(`${JSON.stringify(name)} is neither an address nor a name`);
}

function readComponent(
  component: ConfiguredComponent,
  { extraArgs, extraVolumes }: { extraArgs?: Field; extraVolumes?: Field },
  { args, volumes }: ComponentParts,
): void {
  volumes[component].push(...(extraVolumes?.items() ?? []).map(readVolume));
  for (const arg of extraArgs ? readArgs(extraArgs) : []) {
    // What is patched later counts, as in kind.
    const at = args[component].findIndex(({ name }) => name === arg.name);
    if (at < 0) args[component].push(arg);
    else args[component][at] = arg;
  }
}

/** Puts the flags into the configuration, with the paths of the host. `onNode`: what of the host a node has, and where. */
export function resolveParts(
  { args, volumes }: ComponentParts,
  config: ClusterConfig,
  onNode: readonly PathMapping[],
): void {
  for (const component of Object.keys(args) as ConfiguredComponent[]) {
    const known = [...volumes[component], ...standardVolumes].map((volume) => ({
      ...volume,
      hostPath: mapPath(volume.hostPath, onNode) ?? volume.hostPath,
    }));
    for (const [i, { field, pathType }] of volumes[component].entries()) {
      config.paths.push({ hostPath: known[i]!.hostPath, pathType, place: field.place });
    }
    config.extraArgs[component] = args[component].map(
      ({ name, value, field }): ExtraArg => ({
        name,
        value: readValue(name, value, { field, volumes: known }),
        place: field.place,
      }),
    );
  }
}

const pathTypes = ['', 'Directory', 'DirectoryOrCreate', 'File', 'FileOrCreate'];

function readVolume(field: Field): Volume & { field: Field } {
  const { name, hostPath, mountPath, readOnly, pathType } = field.fields(volumeFields);
  if (!name?.text()) throw field.refuse('name is required');
  if (!hostPath) throw field.refuse('hostPath is required');
  if (!mountPath) throw field.refuse('mountPath is required');
  return {
    hostPath: readPath(hostPath),
    mountPath: readPath(mountPath),
    readOnly: readOnly?.boolean() ?? false,
    pathType: pathType?.oneOf(pathTypes) ?? '',
    field,
  };
}

/** An absolute path without steps back; a slash at its end means nothing. */
export function readPath(field: Field): string {
  const path = field.text();
  if (!path.startsWith('/') || path.split('/').includes('..'))
    throw field.refuse('must be an absolute path without ".."');
  return path.replace(/(?<=.)\/+$/, '');
}

interface Arg {
  name: string;
  value: string;
  field: Field;
}

/** A map, as in v1beta3, or a list of name and value, as in v1beta4. */
function readArgs(field: Field): Arg[] {
  const asText = (value: Field): string => {
    if (typeof value.value !== 'string') throw value.refuse('must be a string: put it in quotes');
    return value.value;
  };
  if (!Array.isArray(field.value)) {
    return field
      .entries()
      .map(([name, value]) => ({ name: checkName(name, value), value: asText(value), field: value }));
  }
  const seen = new Set<string>();
  return field.items().map((item) => {
    const { name, value } = item.fields(['name', 'value']);
    if (!name || !value) throw item.refuse('name and value are required');
    const text = checkName(name.text(), name);
    if (seen.has(text)) throw name.refuse(`flag --${text} is given twice: put its values into one, with commas`);
    seen.add(text);
    return { name: text, value: asText(value), field: value };
  });
}

function checkName(name: string, field: Field): string {
  if (/^[a-z0-9][a-z0-9-]*$/.test(name)) return name;
  throw field.refuse(`${JSON.stringify(name)} is no name of a flag: they are written without dashes in front`);
}

const isPathFlag = (name: string): boolean => /(^|-)(file|path|config|dir|kubeconfig)$/.test(name);

/** The value with the path that the host has for it. */
function readValue(
  name: string,
  value: string,
  { field, volumes }: { field: Field; volumes: readonly Volume[] },
): string {
  if (!isPathFlag(name) || value === '-') return value;
  if (!value.startsWith('/')) throw field.refuse(`--${name} must be an absolute path`);
  const mapped = mapPath(value, volumes);
  if (mapped === undefined) throw field.refuse(`${value} is in none of the extraVolumes`);
  if (name === 'audit-log-path' && volumes.some((one) => one.readOnly && mapPath(value, [one]) === mapped)) {
    throw field.refuse(`${value} is in a volume that is only for reading`);
  }
  return mapped;
}
