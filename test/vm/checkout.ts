// The built checkout as a machine gets it: the launcher, the bundle, the packages it runs on, examples and images.
import { spawnSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import { oldKubectl } from '../environment/kubectl.ts';
import { ownArchitecture } from '../images/debian-tree.ts';
import { type ImageName, imageArchive, imageArchiveFor } from '../images/images.ts';
import { projectRoot } from '../integration/cli/k8ts-command.ts';
import type { Vm } from './machine.ts';

/** Where it lies in a machine. */
export const checkoutFolder = '/opt/k8ts';

interface PackageLock {
  packages: Record<string, { dev?: boolean }>;
}

/** Folders of the packages that the program needs to run, relative to the checkout. */
function runtimePackages(): string[] {
  const lock = JSON.parse(readFileSync(join(projectRoot, 'package-lock.json'), 'utf8')) as PackageLock;
  return Object.entries(lock.packages)
    .filter(([path, { dev }]) => path !== '' && dev !== true && existsSync(join(projectRoot, path)))
    .map(([path]) => path);
}

/** Writes the checkout to a tar file, which a machine takes as a disk: much faster than any way over its network. */
export async function packCheckout(
  file: string,
  images: readonly ImageName[],
  architecture = ownArchitecture,
): Promise<void> {
  const archives = await Promise.all(images.map((image) => imageArchiveFor(architecture, image)));
  const packages = runtimePackages();
  const paths = [
    ...['k8ts', 'package.json', 'package-lock.json', 'dist/bin', 'examples'],
    ...(architecture === ownArchitecture ? packages : packages.filter((path) => !/\/node-linux-\w+$/.test(path))),
    ...archives.map((path) => relative(projectRoot, path)),
  ];
  tar(file, paths);
}

// What only checks or builds, and what this machine keeps for itself.
const unneeded = ['dist/compile-cache', 'node_modules/@biomejs', 'node_modules/@typescript', 'node_modules/typescript'];

/** Writes the checkout with its tests, what they run on and these images to a tar file. */
export async function packTests(file: string, images: readonly ImageName[]): Promise<void> {
  const archives = await Promise.all(images.map(imageArchive));
  oldKubectl(); // is among the programs from now on
  const paths = [
    ...readdirSync(projectRoot).filter((name) => name !== '.git' && name !== '.cache'),
    '.cache/programs',
    ...archives.map((path) => relative(projectRoot, path)),
  ];
  tar(file, [...unneeded.map((path) => `--exclude=${path}`), ...paths]);
}

function tar(file: string, args: readonly string[]): void {
  const { status, stderr } = spawnSync('tar', ['-C', projectRoot, '-cf', file, ...args], { encoding: 'utf8' });
  if (status !== 0) throw new Error(`tar: ${stderr}`);
}

/** Unpacks the tar file that is a disk of the machine. The packages are those of the lock file, as after `npm ci`, and the build is new. */
export async function unpackCheckout(vm: Vm, disk: string): Promise<void> {
  await vm.get(`mkdir -p ${checkoutFolder} && tar -C ${checkoutFolder} -xpf ${disk}`);
  await vm.get(
    `cd ${checkoutFolder} && cp package-lock.json node_modules/.k8ts-package-lock.json && touch dist/bin/*.mjs`,
  );
}
