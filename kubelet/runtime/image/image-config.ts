// What images say of themselves, decoded once and strictly: manifests, indexes, and the `config` part of the image
// configuration. All of it was written by others; what does not have its form is an Error that says where.
import { createHash } from 'node:crypto';

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

export interface Descriptor {
  digest: string;
  size: number;
  platform?: { os: string; architecture: string };
  annotations: Record<string, string>;
}

export interface Manifest {
  config: Descriptor;
  layers: Descriptor[];
}

export interface Index {
  manifests: Descriptor[];
}

/** The size of a document that is read into memory: a manifest, an index, a configuration. */
export const maxDocumentBytes = 4 << 20;
/** The kernel stacks no more. */
const maxLayers = 500;
/** Each is made with every container. */
const maxVolumes = 1_000;

type Json = Record<string, unknown>;

/** Parses a JSON object. */
export function parseDocument(bytes: Uint8Array, what: string): Json {
  if (bytes.length > maxDocumentBytes) throw new Error(`${what} is too large`);
  let value: unknown;
  try {
    value = JSON.parse(Buffer.from(bytes).toString());
  } catch (err) {
    throw new Error(`${what} is not JSON`, { cause: err });
  }
  return objectOf(value, what);
}

function objectOf(value: unknown, what: string): Json {
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value as Json;
  throw new Error(`${what} is not an object`);
}

function stringOf(value: unknown, what: string): string {
  if (value === undefined || value === null) return '';
  if (typeof value === 'string') return value;
  throw new Error(`${what} is not a string`);
}

/** A list; nothing is an empty one, as it is for those who write these files. */
export function listOf<T>(value: unknown, what: string, one: (item: unknown, what: string) => T): T[] {
  if (value === undefined || value === null) return [];
  if (!Array.isArray(value)) throw new Error(`${what} is not a list`);
  return value.map((item, i) => one(item, `${what}[${i}]`));
}

export function someString(value: unknown, what: string): string {
  if (typeof value !== 'string' || value === '') throw new Error(`${what} is not a string`);
  return value;
}

function stringMapOf(value: unknown, what: string): Record<string, string> {
  if (value === undefined || value === null) return {};
  const entries = Object.entries(objectOf(value, what));
  return Object.fromEntries(entries.map(([key, text]) => [key, stringOf(text, `${what}.${key}`)]));
}

export const sha256 = (bytes: Uint8Array) => `sha256:${createHash('sha256').update(bytes).digest('hex')}`;

/** Throws where a document is not the one that its name says. */
export function checkDigest(bytes: Uint8Array, digest: string): void {
  if (sha256(bytes) !== digest) throw new Error(`blob is ${sha256(bytes)}, not ${digest}`);
}

/** A digest also names files: nothing but the form that we can check is one. */
function digestOf(value: unknown, what: string): string {
  if (typeof value === 'string' && /^sha256:[0-9a-f]{64}$/.test(value)) return value;
  throw new Error(`${what} is not a sha256 digest`);
}

/** Decodes an image configuration (OCI or docker). Throws an Error when it is not one. */
export function parseImageConfig(bytes: Uint8Array): { config: ImageConfig; diffIds: string[] } {
  const raw = parseDocument(bytes, 'the image configuration');
  const rootfs = objectOf(raw.rootfs ?? {}, 'rootfs');
  if (!Array.isArray(rootfs.diff_ids)) throw new Error('the image configuration has no rootfs.diff_ids');
  const diffIds = listOf(rootfs.diff_ids, 'rootfs.diff_ids', digestOf);
  if (diffIds.length > maxLayers)
    throw new Error(`the image has ${diffIds.length} layers; the kernel takes ${maxLayers}`);
  const config = objectOf(raw.config ?? {}, 'config');
  const volumes = Object.keys(objectOf(config.Volumes ?? {}, 'config.Volumes'));
  if (volumes.length > maxVolumes) throw new Error(`the image declares more than ${maxVolumes} volumes`);
  const words = (key: string) => listOf(config[key], `config.${key}`, stringOf);
  return {
    config: {
      entrypoint: words('Entrypoint'),
      cmd: words('Cmd'),
      env: words('Env'),
      workingDir: stringOf(config.WorkingDir, 'config.WorkingDir'),
      user: stringOf(config.User, 'config.User'),
      stopSignal: stringOf(config.StopSignal, 'config.StopSignal'),
      labels: stringMapOf(config.Labels, 'config.Labels'),
      volumes,
    },
    /** Digests of the uncompressed layers, lowest first. */
    diffIds,
  };
}

function descriptorOf(value: unknown, what: string): Descriptor {
  const raw = objectOf(value, what);
  if (!Number.isSafeInteger(raw.size) || (raw.size as number) < 0) throw new Error(`${what}.size is not a size`);
  const platform = raw.platform ? objectOf(raw.platform, `${what}.platform`) : undefined;
  return {
    digest: digestOf(raw.digest, `${what}.digest`),
    size: raw.size as number,
    ...(platform ? { platform: { os: String(platform.os), architecture: String(platform.architecture) } } : {}),
    annotations: stringMapOf(raw.annotations, `${what}.annotations`),
  };
}

/** Decodes an image manifest or an index, whichever it is. */
export function parseManifest(bytes: Uint8Array, what: string): Manifest | Index {
  const raw = parseDocument(bytes, what);
  if (Array.isArray(raw.manifests)) return { manifests: listOf(raw.manifests, 'manifests', descriptorOf) };
  if (!raw.config || !Array.isArray(raw.layers)) throw new Error(`${what} is neither an image manifest nor an index`);
  return { config: descriptorOf(raw.config, 'config'), layers: listOf(raw.layers, 'layers', descriptorOf) };
}

export const isIndex = (value: Manifest | Index): value is Index => 'manifests' in value;

/** The entry of an index for linux on an architecture; an index without platforms has only one meaning. */
export function selectPlatform(index: Index, architecture: string): Descriptor {
  const found = index.manifests.find((m) => m.platform?.os === 'linux' && m.platform.architecture === architecture);
  const only = index.manifests.length === 1 && !index.manifests[0]!.platform ? index.manifests[0] : undefined;
  if (found ?? only) return (found ?? only)!;
  throw new Error(`no match for platform in manifest: linux/${architecture} is not in the image index`);
}
