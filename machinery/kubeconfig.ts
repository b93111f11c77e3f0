// Kubeconfig files: where a server is and who asks it.
// https://kubernetes.io/docs/concepts/configuration/organize-cluster-access-kubeconfig/
import { parse } from 'yaml';

/** Certificates and keys are PEM. */
export interface ServerAccess {
  /** `https://127.0.0.1:6443` */
  server: string;
  ca?: Buffer;
  cert?: Buffer;
  key?: Buffer;
  token?: string;
}

interface Kubeconfig {
  'current-context'?: string;
  clusters?: { name: string; cluster: Record<string, string> }[];
  users?: { name: string; user: Record<string, string> }[];
  contexts?: { name: string; context: { cluster: string; user: string } }[];
}

/**
 * The current context of a kubeconfig. Throws with what is missing; `path` is for messages. Files
 * that it names, relative to itself, are read by `readFile`.
 */
export function parseKubeconfig(text: string, path: string, readFile: (name: string) => Buffer): ServerAccess {
  const config = (parse(text) ?? {}) as Kubeconfig;
  const contextName = config['current-context'];
  const context = config.contexts?.find((c) => c.name === contextName)?.context;
  if (!context) throw new Error(`${path}: no context ${JSON.stringify(contextName ?? '')}`);
  const cluster = config.clusters?.find((c) => c.name === context.cluster)?.cluster;
  const user = config.users?.find((u) => u.name === context.user)?.user ?? {};
  if (!cluster?.server) throw new Error(`${path}: cluster ${JSON.stringify(context.cluster)} has no server`);
  const bytes = (from: Record<string, string>, name: string): Buffer | undefined => {
    const data = from[`${name}-data`];
    if (data) return Buffer.from(data, 'base64');
    const file = from[name];
    return file ? readFile(file) : undefined;
  };
  const ca = bytes(cluster, 'certificate-authority');
  const cert = bytes(user, 'client-certificate');
  const key = bytes(user, 'client-key');
  return {
    server: cluster.server,
    ...(ca ? { ca } : {}),
    ...(cert ? { cert } : {}),
    ...(key ? { key } : {}),
    ...(user.token ? { token: user.token } : {}),
  };
}
