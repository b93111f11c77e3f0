// Where the API server is and who we are: read from a kubeconfig file.
// https://kubernetes.io/docs/concepts/configuration/organize-cluster-access-kubeconfig/
import { readFileSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import { parseKubeconfig, type ServerAccess } from '../machinery/kubeconfig.ts';

export interface ClientConfig extends ServerAccess {}

/** Reads the current context of a kubeconfig file. Throws with what is missing. */
export function readKubeconfig(path: string): ClientConfig {
  return parseKubeconfig(readFileSync(path, 'utf8'), path, (name) => readFileSync(resolve(dirname(path), name)));
}
