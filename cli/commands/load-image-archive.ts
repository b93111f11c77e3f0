// `k8ts load image-archive FILE`: streams archives into the image store of every node.
import { createReadStream, existsSync } from 'node:fs';
import { messageOf } from '../../machinery/errors.ts';
import { connectCri } from '../../proto/cri-client.ts';
import { commandName } from '../command-name.ts';
import { insideNode, type NodeLayout, onHost } from '../layout.ts';
import { UserError } from '../user-error.ts';
import { requireCluster } from './get.ts';

export async function loadImageArchive(files: string[], options: { name: string }): Promise<void> {
  const layout = requireCluster(options.name);
  for (const file of files) {
    if (!existsSync(file)) throw new UserError(`there is no file ${file}`);
    for (const node of layout.nodes) {
      for (const image of await importInto(node, file)) process.stdout.write(`${node.name}: ${image}\n`);
    }
  }
}

async function importInto(node: NodeLayout, file: string): Promise<string[]> {
  const socket = onHost(node, insideNode.runtimeSocket);
  if (!existsSync(socket)) {
    throw new UserError(`the container runtime of node ${node.name} does not run`, { hint: `Run ${commandName} up.` });
  }
  const client = connectCri(socket);
  try {
    return await client.importArchive(createReadStream(file, { highWaterMark: 1 << 20 }));
  } catch (err) {
    throw new UserError(`node ${node.name} did not take ${file}: ${messageOf(err)}`, { cause: err });
  } finally {
    client.close();
  }
}
