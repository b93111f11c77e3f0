// /logs/: the node's log folder, as a browser or `kubectl get --raw` reads it. Links are followed
// within the folder only: a pod that may write there must not lead us out of it. Upstream:
// ServeLogs, a file server over /var/log.

import { constants, type FileHandle, open, readdir, readlink, realpath } from 'node:fs/promises';
import type { ServerResponse } from 'node:http';
import { join, sep } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { HttpError } from './http-error.ts';

const notFound = () => new HttpError(404, '404 page not found');
const refuse = () => {
  throw notFound();
};

/** `path` as it stands in the URL, after `/logs/`, each part unescaped. */
export async function serveNodeLogs(
  dir: string,
  { parts, isFolder, res }: { parts: readonly string[]; isFolder: boolean; res: ServerResponse },
): Promise<void> {
  if (parts.some((part) => part === '..' || part.includes('/') || part.includes('\0'))) throw notFound();
  const root = await realpath(dir).catch(refuse);
  const file = await openInside(root, join(root, ...parts));
  try {
    const path = `/proc/self/fd/${file.fd}`;
    const stats = await file.stat();
    if (stats.isDirectory()) return await sendFolder(path, { name: parts.at(-1), isFolder, res });
    if (!stats.isFile()) throw notFound();
    res.writeHead(200, {
      'content-type': parts.at(-1)?.endsWith('.gz') ? 'application/gzip' : 'text/plain; charset=utf-8',
      'content-length': stats.size,
      'last-modified': stats.mtime.toUTCString(),
    });
    // A log that grows meanwhile ends where it was said to.
    if (stats.size === 0) res.end();
    else await pipeline(file.createReadStream({ start: 0, end: stats.size - 1, autoClose: false }), res);
  } finally {
    await file.close();
  }
}

/** Opens what a path leads to, if that lies below the root; neither waits for the other end of a pipe. */
async function openInside(root: string, path: string): Promise<FileHandle> {
  const isInside = (real: string) => real === root || real.startsWith(`${root}${sep}`);
  if (!isInside(await realpath(path).catch(refuse))) throw notFound();
  const file = await open(path, constants.O_RDONLY | constants.O_NONBLOCK).catch(refuse);
  // Somebody may have put a link there meanwhile.
  if (isInside(await readlink(`/proc/self/fd/${file.fd}`))) return file;
  await file.close();
  throw notFound();
}

async function sendFolder(
  path: string,
  { name, isFolder, res }: { name: string | undefined; isFolder: boolean; res: ServerResponse },
): Promise<void> {
  if (name !== undefined && !isFolder) {
    res.writeHead(301, { location: `${encodeURIComponent(name)}/` }).end();
    return;
  }
  const entries = await readdir(path, { withFileTypes: true });
  const names = entries.map((e) => (e.isDirectory() ? `${e.name}/` : e.name)).sort();
  const links = names.map((n) => `<a href="${n.split('/').map(encodeURIComponent).join('/')}">${escapeHtml(n)}</a>\n`);
  res.writeHead(200, { 'content-type': 'text/html; charset=utf-8' });
  res.end(`<!doctype html>\n<meta name="viewport" content="width=device-width">\n<pre>\n${links.join('')}</pre>\n`);
}

const escapes: Record<string, string> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&#34;', "'": '&#39;' };
const escapeHtml = (text: string) => text.replace(/[&<>"']/g, (c) => escapes[c]!);
