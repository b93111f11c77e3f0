// What of the host a node sees: the folders that programs come from, and nothing else. Each is the lower layer of an
// overlay that has no upper one, so that not even a privileged pod can make it writable, which it could with a bind
// mount; the host's own mounts are out of reach once the node has its root.
import { existsSync, lstatSync, readlinkSync } from 'node:fs';

export interface HostView {
  /** Folders that a node sees at the same path, those of file systems mounted below them after them. */
  folders: string[];
  /** Top folders that are links on the host (`/bin` to `usr/bin`), and where they lead. */
  links: { path: string; target: string }[];
}

/** Where Linux distributions have programs and what they load. */
const systemFolders = ['/usr', '/bin', '/lib', '/lib32', '/lib64', '/libx32', '/sbin'];

const kernelFileSystems = ['proc', 'sysfs', 'cgroup', 'cgroup2', 'devtmpfs', 'devpts', 'mqueue', 'debugfs', 'tracefs'];

const isBelow = (path: string, folder: string) => path === folder || path.startsWith(`${folder}/`);

/** `programPaths` are absolute and without links; the text is that of mountinfo. */
export function readHostView(programPaths: readonly string[], mountInfoText: string): HostView {
  const present = systemFolders.filter((path) => existsSync(path));
  const isLink = (path: string) => lstatSync(path).isSymbolicLink();
  const links = present.filter(isLink).map((path) => ({ path, target: readlinkSync(path) }));
  const certificates = ['/etc/ssl/certs'].filter((path) => existsSync(path));
  const wanted = [...present.filter((path) => !isLink(path)), ...certificates, ...programPaths];
  return { folders: withMountsBelow(withoutNested(wanted), mountInfoText), links };
}

/** Of folders that lie in each other only the outermost. */
export function withoutNested(folders: readonly string[]): string[] {
  const unique = [...new Set(folders)];
  return unique.filter((path) => !unique.some((other) => other !== path && isBelow(path, other)));
}

/** The folders and the mount points below them (say a separate /usr/local), parents first. */
export function withMountsBelow(folders: readonly string[], mountInfoText: string): string[] {
  const all = new Set(folders);
  for (const line of mountInfoText.trim().split('\n')) {
    const [left = '', right = ''] = line.split(' - ');
    // Octal escapes stand for blanks in paths.
    const point = left.split(' ')[4]!.replace(/\\(\d{3})/g, (_, code) => String.fromCharCode(Number.parseInt(code, 8)));
    if (kernelFileSystems.includes(right.split(' ')[0]!)) continue;
    if (folders.some((folder) => isBelow(point, folder)) && isFolder(point)) all.add(point);
  }
  return [...all].sort();
}

const isFolder = (path: string) => lstatSync(path, { throwIfNoEntry: false })?.isDirectory() === true;

/** Files of the host's /etc that programs in a node read; what is missing is left out. */
export const sharedEtcFiles = ['alternatives', 'ld.so.cache', 'localtime', 'os-release'];

/** Folders of a node's root that are there from the start, besides those it needs itself. */
export const ownFolders = ['boot', 'home', 'media', 'opt', 'srv'];

/** What a mount of the host's is called in a node's /proc/mounts. */
export const hostMountName = 'k8ts-host';

/** The lower layer of an overlay as an option of mount(8). */
export const overlayLayer = (path: string) => path.replace(/[\\:,]/g, (special) => `\\${special}`);
