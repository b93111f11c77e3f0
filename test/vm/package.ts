// The npm package as a machine gets it: packed from the checkout and installed as `npm install -g` does. Installed here,
// from npm's cache as far as it goes, since the machine has no way to a registry; the machine is of this one's kind.
import { spawnSync } from 'node:child_process';
import { copyFileSync, mkdirSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { type ImageName, imageArchive } from '../images/images.ts';
import { projectRoot } from '../integration/cli/k8ts-command.ts';

/** Where the images lie in the machine. */
export const imagesFolder = '/opt/images';

function must(command: string, args: readonly string[]): void {
  const { status, stderr } = spawnSync(command, args, { cwd: projectRoot, encoding: 'utf8' });
  if (status !== 0) throw new Error(`${command} ${args.join(' ')}: ${stderr}`);
}

/** Writes a tar file to be unpacked at the root of a machine: the package below /usr/local, and images. */
export async function packPackage(file: string, images: readonly ImageName[]): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'k8ts-package-'));
  try {
    must('npm', ['pack', '--silent', '--ignore-scripts', '--pack-destination', folder]);
    const tarball = join(folder, readdirSync(folder)[0]!);
    const quiet = ['--no-audit', '--no-fund', '--ignore-scripts', '--prefer-offline', '--silent'];
    const root = join(folder, 'root');
    must('npm', ['install', '--global', '--omit=dev', '--prefix', join(root, 'usr/local'), ...quiet, tarball]);
    mkdirSync(join(root, imagesFolder), { recursive: true });
    for (const archive of await Promise.all(images.map(imageArchive))) {
      copyFileSync(archive, join(root, imagesFolder, basename(archive)));
    }
    must('tar', ['-C', root, '-cf', file, '.']);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
