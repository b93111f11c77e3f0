// `--config FILE`: what it says, understood; nothing in it is passed over.
import { readFileSync } from 'node:fs';
import { messageOf } from '../../machinery/errors.ts';
import { UserError } from '../user-error.ts';
import { type ClusterConfig, emptyConfig } from './cluster-config.ts';
import { type Field, readDocuments } from './documents.ts';
import { readKindCluster } from './kind-cluster.ts';
import { noParts, readClusterConfiguration, readInitConfiguration, resolveParts } from './kubeadm.ts';
import { readKubeletConfiguration } from './kubelet.ts';

const maxBytes = 4 * 1024 * 1024;

/** `-` is standard input, as with kind. Throws UserError with the line and the path of the field. */
export function readConfigFile(file: string, folder: string): ClusterConfig {
  const name = file === '-' ? 'standard input' : file;
  let text: string;
  try {
    text = readFileSync(file === '-' ? 0 : file, 'utf8');
  } catch (err) {
    throw new UserError(`${name} cannot be read: ${messageOf(err)}`, { cause: err });
  }
  if (text.length > maxBytes) throw new UserError(`${name} is larger than ${maxBytes} bytes`);
  return readConfig(text, name, folder);
}

/** Relative paths of the host begin at `folder`. */
export function readConfig(text: string, file: string, folder: string): ClusterConfig {
  const config = emptyConfig();
  const documents = readDocuments(text, file).map((document) => ({ document, kind: kindOf(document) }));
  const clusters = documents.filter(({ kind }) => kind === 'Cluster');
  if (documents.length === 0) throw new UserError(`${file}: there is nothing in it`);
  if (clusters[1]) throw clusters[1].document.refuse('a second Cluster');
  // kind's part says what of the host a node has, which the paths of kubeadm's go by.
  const patches = clusters.flatMap(({ document }) => readKindCluster(document, config, folder));
  const onNode = config.nodeMounts.map(({ hostPath, containerPath }) => ({ hostPath, mountPath: containerPath }));
  const others = documents.filter(({ kind }) => kind !== 'Cluster').map(({ document }) => document);
  const parts = noParts();
  for (const document of [...patches, ...others]) {
    const kind = kindOf(document);
    if (kind === 'ClusterConfiguration') readClusterConfiguration(document, config, parts);
    else if (kind === 'InitConfiguration') readInitConfiguration(document, config);
    else if (kind === 'KubeletConfiguration') readKubeletConfiguration(document, config);
    else {
      const known = "kind's Cluster, kubeadm's ClusterConfiguration and InitConfiguration, KubeletConfiguration are";
      throw document.refuse(`kind ${JSON.stringify(kind)} is not supported; ${known}`);
    }
  }
  resolveParts(parts, config, onNode);
  return config;
}

function kindOf(document: Field): string {
  const found = document.entries().find(([name]) => name === 'kind');
  if (!found) throw document.refuse('kind is required');
  return found[1].text();
}
