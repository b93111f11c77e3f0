// `k8ts load docker-image IMAGE...`: images of the local docker (or podman) go into every node, by way of an archive.
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { messageOf } from '../../machinery/errors.ts';
import { commandName } from '../command-name.ts';
import { makeTemporary } from '../host/files.ts';
import { isInstalled } from '../host/programs.ts';
import { run } from '../host/run.ts';
import { UserError } from '../user-error.ts';
import { loadImageArchive } from './load-image-archive.ts';

const engines = ['docker', 'podman'];

export async function loadDockerImage(images: string[], options: { name: string }): Promise<void> {
  const engine = engines.find(isInstalled);
  if (engine === undefined) {
    throw new UserError('neither docker nor podman is on PATH', {
      hint: `An archive that one of them saved elsewhere: ${commandName} load image-archive FILE`,
    });
  }
  const dir = makeTemporary('k8ts-load-');
  const archive = join(dir, 'images.tar');
  try {
    process.stderr.write(`${engine} saves ${images.join(', ')}\n`);
    await save(engine, archive, images);
    await loadImageArchive([archive], options);
  } finally {
    rmSync(dir, { recursive: true, force: true });
  }
}

async function save(engine: string, archive: string, images: string[]): Promise<void> {
  try {
    await run(engine, ['save', '--output', archive, ...images]);
  } catch (err) {
    throw new UserError(`${engine} could not save ${images.join(', ')}: ${messageOf(err)}`, {
      hint: `${engine} images lists what there is; ${engine} pull fetches what is not.`,
      cause: err,
    });
  }
}
