// What a container takes from its image: the `config` part of the OCI image configuration, decoded once.

export interface ImageConfig {
  entrypoint: string[];
  cmd: string[];
  env: string[];
  workingDir: string;
  user: string;
  stopSignal: string;
  labels: Record<string, string>;
  /** Paths that want a volume. Records of before this was kept do not have it. */
  volumes?: string[];
}

export interface ImageConfigFile {
  config: ImageConfig;
  /** Digests of the uncompressed layers, lowest first. */
  diffIds: string[];
  architecture: string;
  os: string;
}

/** Decodes an image configuration (OCI or docker). Throws an Error when it is not one. */
export function parseImageConfig(bytes: Uint8Array): ImageConfigFile {
  const raw = JSON.parse(Buffer.from(bytes).toString());
  const diffIds = raw?.rootfs?.diff_ids;
  if (!Array.isArray(diffIds)) throw new Error('the image configuration has no rootfs.diff_ids');
  const config = raw.config ?? {};
  return {
    config: {
      entrypoint: config.Entrypoint ?? [],
      cmd: config.Cmd ?? [],
      env: config.Env ?? [],
      workingDir: config.WorkingDir ?? '',
      user: config.User ?? '',
      stopSignal: config.StopSignal ?? '',
      labels: config.Labels ?? {},
      volumes: Object.keys(config.Volumes ?? {}),
    },
    diffIds,
    architecture: raw.architecture ?? '',
    os: raw.os ?? '',
  };
}

export interface Descriptor {
  mediaType?: string;
  digest: string;
  size: number;
  platform?: { os: string; architecture: string; variant?: string };
  annotations?: Record<string, string>;
}

export interface Manifest {
  mediaType?: string;
  config: Descriptor;
  layers: Descriptor[];
}

export interface Index {
  mediaType?: string;
  manifests: Descriptor[];
}

export const isIndex = (value: Partial<Manifest & Index>): value is Index => Array.isArray(value.manifests);
export const isManifest = (value: Partial<Manifest & Index>): value is Manifest =>
  Array.isArray(value.layers) && typeof value.config?.digest === 'string';

/** OCI's name of the architecture that Node (`os.arch()`) runs on. */
export const platformArchitecture = (nodeArch: string) => ({ x64: 'amd64', ia32: '386' })[nodeArch] ?? nodeArch;

/** The entry of an index for linux on an architecture; an index without platforms has only one meaning. */
export function selectPlatform(index: Index, architecture: string): Descriptor {
  const found = index.manifests.find((m) => m.platform?.os === 'linux' && m.platform.architecture === architecture);
  const only = index.manifests.length === 1 && !index.manifests[0]!.platform ? index.manifests[0] : undefined;
  if (found ?? only) return (found ?? only)!;
  throw new Error(`no match for platform in manifest: linux/${architecture} is not in the image index`);
}
