// Turns Debian packages into the files of an image layer: downloaded, unpacked, never installed.
import { spawnSync } from 'node:child_process';
import { lstatSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, readlinkSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, relative } from 'node:path';
import type { LayerFile } from '../integration/runtime/image-archive.ts';

// What nobody in a container reads.
const leftOut = [
  'usr/share/doc',
  'usr/share/man',
  'usr/share/lintian',
  'usr/share/locale',
  'usr/share/bug',
  'lib/systemd',
  'usr/lib/systemd',
  'etc/init.d',
];

function run(command: string, args: string[], cwd: string): void {
  const { status, stderr, error } = spawnSync(command, args, { cwd, encoding: 'utf8' });
  if (status !== 0) throw new Error(`${command} ${args.join(' ')}: ${error?.message ?? stderr}`);
}

/** The files of the packages together, as entries of a layer, in a stable order. */
export function readPackages(packages: readonly string[]): LayerFile[] {
  const folder = mkdtempSync(join(tmpdir(), 'k8ts-image-'));
  try {
    const debs = join(folder, 'debs');
    const tree = join(folder, 'tree');
    for (const dir of [debs, tree]) mkdirSync(dir);
    run('apt-get', ['download', '-q', '-o', 'APT::Sandbox::User=root', ...packages], debs);
    for (const deb of readdirSync(debs)) run('dpkg', ['-x', join(debs, deb), tree], folder);
    return walk(tree, tree);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

function walk(root: string, at: string): LayerFile[] {
  return readdirSync(at)
    .sort()
    .flatMap((entry) => {
      const path = join(at, entry);
      const name = relative(root, path);
      if (leftOut.some((p) => name === p)) return [];
      const stat = lstatSync(path);
      const mode = stat.mode & 0o7777;
      if (stat.isSymbolicLink()) return [{ name, type: 'symlink' as const, linkname: readlinkSync(path) }];
      if (stat.isDirectory()) return [{ name, mode }, ...walk(root, path)];
      return stat.isFile() ? [{ name, mode, content: readFileSync(path) }] : [];
    });
}

/** Whether apt knows where to get packages; its lists may have to be fetched first. */
export function ensurePackageLists(): void {
  const lists = '/var/lib/apt/lists';
  const known = readdirSync(lists).some((f) => f.endsWith('_Packages') || f.endsWith('.lz4'));
  if (!known) run('apt-get', ['update', '-qq'], '/');
}
