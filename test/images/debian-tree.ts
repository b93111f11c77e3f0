// Files and programs out of Debian packages: downloaded, unpacked, never installed.
import { spawnSync } from 'node:child_process';
import {
  existsSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join, relative } from 'node:path';
import type { Header } from 'tar-stream';

/** An entry of a layer; without content and type it is a directory. */
export interface LayerFile extends Partial<Header> {
  name: string;
  content?: string | Buffer;
}

/** As Debian and container images call it. */
export type Architecture = 'amd64' | 'arm64';

export const ownArchitecture: Architecture = process.arch === 'arm64' ? 'arm64' : 'amd64';

const cacheFolder = join(process.env.K8TS_ROOT ?? process.cwd(), '.cache');

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

function run(command: string, args: string[], cwd: string): string {
  const { status, stdout, stderr, error } = spawnSync(command, args, { cwd, encoding: 'utf8', maxBuffer: 1 << 26 });
  if (status === 0) return stdout;
  throw new Error(`${command} ${args.join(' ')}: ${error?.message ?? stderr}`);
}

// What is fetched with a package that depends on it: its names differ from one Debian to the next.
const followed = /^(lib|zlib|php|wordpress-theme-|kubectl$)/;
const dependsOnly = ['recommends', 'suggests', 'conflicts', 'breaks', 'replaces', 'enhances'].map((of) => `--no-${of}`);

/** The packages with the libraries that they need. */
function withLibraries(packages: readonly string[], options: readonly string[]): string[] {
  const told = run('apt-cache', ['depends', '--recurse', ...dependsOnly, ...options, ...packages], '/');
  const needs = new Map<string, string[]>();
  let needed: string[] = [];
  let isNext = true;
  for (const line of told.split('\n')) {
    const [, mark, name] = /^ ([ |])(?:Pre)?Depends: (.+)$/.exec(line) ?? [];
    if (/^\S/.test(line)) {
      needed = [];
      needs.set(line, needed);
    } else if (name !== undefined) {
      // Of alternatives the first is taken, of packages that provide something too.
      if (isNext) needed.push(name);
      isNext = mark === ' ';
    } else if (needed.at(-1)?.startsWith('<')) {
      needed[needed.length - 1] = line.trim();
    }
  }
  const all = new Set(packages);
  for (const name of all) {
    for (const other of needs.get(name) ?? []) if (followed.test(other)) all.add(other);
  }
  return [...all];
}

/** The files of the packages and their libraries together, as entries of a layer, in a stable order. */
export function readPackages(packages: readonly string[], architecture = ownArchitecture): LayerFile[] {
  const folder = mkdtempSync(join(tmpdir(), 'k8ts-image-'));
  try {
    const debs = join(folder, 'debs');
    const tree = join(folder, 'tree');
    for (const dir of [debs, tree]) mkdirSync(dir);
    if (architecture === ownArchitecture) ensurePackageLists();
    const options = architecture === ownArchitecture ? [] : foreignApt(architecture, folder);
    const names = withLibraries(packages, options);
    run('apt-get', ['download', '-q', ...options, '-o', 'APT::Sandbox::User=root', ...names], debs);
    for (const deb of readdirSync(debs)) run('dpkg', ['-x', join(debs, deb), tree], folder);
    return walk(tree, tree);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** Options of apt for another machine's packages, with lists of its own: what is configured here stays as it is. */
function foreignApt(architecture: Architecture, folder: string): string[] {
  const lists = join(folder, 'lists');
  mkdirSync(join(lists, 'partial'), { recursive: true });
  writeFileSync(join(folder, 'status'), '');
  const settings = {
    'APT::Architecture': architecture,
    'APT::Architectures': architecture,
    'Dir::State::lists': lists,
    'Dir::State::status': join(folder, 'status'),
    'Dir::Cache': folder,
  };
  const options = Object.entries(settings).flatMap(([name, value]) => ['-o', `${name}=${value}`]);
  run('apt-get', ['update', '-qq', ...options], folder);
  return options;
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

/** The path of a program of a package, kept for the next time. `file` is its path in the package: `usr/bin/kubectl`. */
export function debianProgram(debianPackage: string, file: string, architecture = ownArchitecture): string {
  const suffix = architecture === ownArchitecture ? '' : `-${architecture}`;
  const path = join(cacheFolder, 'programs', `${debianPackage}${suffix}`, basename(file));
  if (existsSync(path)) return path;
  const isIt = ({ name, content }: LayerFile) => content !== undefined && mergedPath(name) === mergedPath(file);
  const content = readPackages([debianPackage], architecture).find(isIt)?.content;
  if (content === undefined) throw new Error(`package ${debianPackage} has no ${file}`);
  mkdirSync(join(path, '..'), { recursive: true });
  // Written aside and renamed: a test that is ended in the middle leaves no half program.
  writeFileSync(`${path}.${process.pid}`, content, { mode: 0o755 });
  renameSync(`${path}.${process.pid}`, path);
  return path;
}

/** Where a file stands in Debian 13 and later, whose packages have everything below /usr. */
const mergedPath = (file: string) => file.replace(/^(usr\/)?s?bin\//, 'usr/bin/');

/** Whether apt knows where to get packages; its lists may have to be fetched first. */
function ensurePackageLists(): void {
  const lists = '/var/lib/apt/lists';
  const known = readdirSync(lists).some((f) => f.endsWith('_Packages') || f.endsWith('.lz4'));
  if (!known) run('apt-get', ['update', '-qq'], '/');
}
