// The environment of a container: services, then envFrom, then env, each later one winning; $(NAME)
// sees what stands before it. Upstream: makeEnvironmentVariables in kubelet_pods.go, with its error
// texts.
import { join } from 'node:path';
import type { ConfigMap } from '../../api/core/configmap.ts';
import type { Container } from '../../api/core/pod/container.ts';
import type { EnvVarSource } from '../../api/core/pod/env.ts';
import type { Pod } from '../../api/core/pod.ts';
import type { Secret } from '../../api/core/secret.ts';
import { findContainer } from '../pods/pod-text.ts';
import { readEnvFile } from './env-file.ts';
import { expand, maxTextLength, tooLong } from './expansion.ts';
import { type PodAddresses, podField, resourceField } from './pod-fields.ts';

export interface EnvironmentSources {
  serviceVariables: Readonly<Record<string, string>>;
  addresses: PodAddresses;
  /** The pod's volumes, by name. */
  volumes: ReadonlyMap<string, { path: string }>;
  allocatable: Readonly<Record<string, string>>;
  /** Undefined when there is none. */
  configMap(name: string): Promise<ConfigMap | undefined>;
  secret(name: string): Promise<Secret | undefined>;
}

/** A container cannot be configured: its text becomes the message of CreateContainerConfigError. */
export class ContainerConfigError extends Error {}

/** The variables in order. Throws ContainerConfigError for a source that is missing and not optional. */
export async function buildEnvironment(
  pod: Pod,
  container: Container,
  sources: EnvironmentSources,
): Promise<Map<string, string>> {
  const result = new Map<string, string>();
  let left = maxTextLength;
  const put: Put = (name, value) => {
    left -= name.length + value.length;
    if (left < 0) throw new ContainerConfigError(`the environment is too large: ${tooLong}`);
    result.set(name, value);
  };
  await addEnvFrom(container, sources, put);
  const expanded = new Map<string, string>();
  const lookUp = (name: string) => expanded.get(name) ?? result.get(name) ?? sources.serviceVariables[name];
  for (const { name, value = '', valueFrom } of container.env ?? []) {
    const resolved = valueFrom ? await resolveSource(pod, container, valueFrom, sources) : expand(value, lookUp);
    if (resolved === undefined) continue;
    expanded.set(name, resolved);
    put(name, resolved);
  }
  for (const [name, value] of Object.entries(sources.serviceVariables)) if (!result.has(name)) result.set(name, value);
  return result;
}

type Put = (name: string, value: string) => void;

async function addEnvFrom(container: Container, sources: EnvironmentSources, put: Put): Promise<void> {
  for (const { prefix = '', configMapRef, secretRef } of container.envFrom ?? []) {
    for (const { ref, kind } of [
      { ref: configMapRef, kind: 'ConfigMap' as const },
      { ref: secretRef, kind: 'Secret' as const },
    ]) {
      if (!ref) continue;
      const data = await readData(kind, ref, sources);
      for (const [key, value] of Object.entries(data)) put(prefix + key, textIn[kind](value));
    }
  }
}

type Kind = 'ConfigMap' | 'Secret';
type Ref = { name?: string | undefined; optional?: boolean | undefined };

/** What the data of an object say. */
const textIn: Readonly<Record<Kind, (data: string) => string>> = {
  ConfigMap: (data) => data,
  Secret: (data) => Buffer.from(data, 'base64').toString(),
};

/** What an object holds; nothing where there is none and it may be missing. */
async function readData(kind: Kind, { name = '', optional }: Ref, sources: EnvironmentSources) {
  const found = await (kind === 'Secret' ? sources.secret(name) : sources.configMap(name));
  if (!found && !optional) throw new ContainerConfigError(`${kind.toLowerCase()} "${name}" not found`);
  return found?.data ?? {};
}

async function resolveSource(
  pod: Pod,
  container: Container,
  source: EnvVarSource,
  sources: EnvironmentSources,
): Promise<string | undefined> {
  const textOf = async (kind: Kind, { key, ...ref }: Ref & { key: string }) => {
    const data = await readData(kind, ref, sources);
    if (Object.hasOwn(data, key)) return textIn[kind](data[key]!);
    if (ref.optional) return undefined;
    throw new ContainerConfigError(`couldn't find key ${key} in ${kind} ${pod.metadata.namespace}/${ref.name ?? ''}`);
  };
  if (source.fieldRef) return podField(pod, source.fieldRef.fieldPath, sources.addresses);
  if (source.resourceFieldRef) {
    const of = source.resourceFieldRef.containerName;
    const target = of ? findContainer(pod, of) : container;
    if (!target) throw new ContainerConfigError(`container ${of} not found`);
    return resourceField(pod, target, { selector: source.resourceFieldRef, allocatable: sources.allocatable });
  }
  if (source.configMapKeyRef) return textOf('ConfigMap', source.configMapKeyRef);
  if (source.secretKeyRef) return textOf('Secret', source.secretKeyRef);
  if (source.fileKeyRef) {
    const { volumeName, path, key, optional } = source.fileKeyRef;
    const volume = sources.volumes.get(volumeName)?.path;
    if (!volume) throw new ContainerConfigError(`cannot find the volume "${volumeName}" referenced by FileKeyRef`);
    const value = await readEnvFile(volume, path, key).catch(() => {
      throw new ContainerConfigError("couldn't parse env file");
    });
    if (!value && !optional)
      throw new ContainerConfigError(`environment variable key "${key}" not found in file "${join(volume, path)}"`);
    return value || undefined;
  }
  throw new ContainerConfigError('env: this source of a variable is not supported by this kubelet');
}
