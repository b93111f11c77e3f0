// What a configuration file says of a cluster, in kind's and kubeadm's terms, once it is understood.

/** A flag of a component, and where it was asked for. */
export interface ExtraArg {
  name: string;
  value: string;
  /** `file:line: path` */
  place: string;
}

/** A file or folder that a component sees under another path. */
export interface PathMapping {
  hostPath: string;
  /** The path that flags name. */
  mountPath: string;
}

export interface NodeMount {
  hostPath: string;
  /** Where the node and its pods see it. */
  containerPath: string;
  readOnly: boolean;
}

export interface VolumePath {
  hostPath: string;
  /** '', Directory, DirectoryOrCreate, File, FileOrCreate */
  pathType: string;
  /** `file:line: path` */
  place: string;
}

export type ConfiguredComponent = 'apiserver' | 'controllers' | 'scheduler';

export interface ClusterConfig {
  name?: string;
  apiPort?: number;
  podSubnet?: string;
  serviceSubnet?: string;
  /** Their files are named as the host has them. */
  extraArgs: Record<ConfiguredComponent, ExtraArg[]>;
  /** What must be there before a component starts; it is made where the type says so. */
  paths: VolumePath[];
  /** More names and addresses of the API server's certificate. */
  certSANs: string[];
  nodeLabels: Record<string, string>;
  nodeMounts: NodeMount[];
  /** KubeletConfiguration's, as flags of the kubelet, with `file:line: path` of the document. */
  kubelet?: { flags: Record<string, string | number | boolean>; place: string };
  /** KubeletConfiguration's: as the node sees it. */
  staticPodPath?: string;
  /** KubeletConfiguration's, with `file:line: path`. */
  singleProcessOOMKill?: { value: boolean; place: string };
}

export function emptyConfig(): ClusterConfig {
  return {
    extraArgs: { apiserver: [], controllers: [], scheduler: [] },
    paths: [],
    certSANs: [],
    nodeLabels: {},
    nodeMounts: [],
  };
}

/** A path as the one who maps sees it, on the other side; undefined where no mapping holds it. */
export function mapPath(path: string, mappings: readonly PathMapping[]): string | undefined {
  // The longest fits best, as with mounts.
  const fits = mappings
    .filter(({ mountPath }) => path === mountPath || path.startsWith(mountPath === '/' ? '/' : `${mountPath}/`))
    .toSorted((a, b) => b.mountPath.length - a.mountPath.length)[0];
  if (!fits) return undefined;
  const rest = path.slice(fits.mountPath.length).replace(/^\//, '');
  return rest === '' ? fits.hostPath : `${fits.hostPath.replace(/\/$/, '')}/${rest}`;
}
