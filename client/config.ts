// Where the API server is and who we are: read from a kubeconfig file.
// https://kubernetes.io/docs/concepts/configuration/organize-cluster-access-kubeconfig/
import { readFileSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import { parse } from 'yaml';

export interface ClientConfig {
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

/** Reads the current context of a kubeconfig file. Throws with what is missing. */
export function readKubeconfig(path: string): ClientConfig {
  const config = parse(readFileSync(path, 'utf8')) as Kubeconfig;
  const contextName = config['current-context'];
  const context = config.contexts?.find((c) => c.name === contextName)?.context;
  if (!context) throw new Error(`${path}: no context ${JSON.stringify(contextName ?? '')}`);
  const cluster = config.clusters?.find((c) => c.name === context.cluster)?.cluster;
  const user = config.users?.find((u) => u.name === context.user)?.user ?? {};
  if (!cluster?.server) throw new Error(`${path}: cluster ${JSON.stringify(context.cluster)} has no server`);
  // A file name in a kubeconfig is relative to the kubeconfig.
  const bytes = (from: Record<string, string>, name: string): Buffer | undefined => {
    const data = from[`${name}-data`];
    if (data) return Buffer.from(data, 'base64');
    const file = from[name];
    return file ? readFileSync(resolve(dirname(path), file)) : undefined;
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
