// /logs/: the node's log folder, as a browser or `kubectl get --raw` reads it. Links are followed
// within the folder only: a pod that may write there must not lead us out of it. Upstream:
// ServeLogs, a file server over /var/log.

import { readdir, realpath } from 'node:fs/promises';
import type { ServerResponse } from 'node:http';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { openInside } from '../../host/open-inside.ts';
import { HttpError } from './http-error.ts';

const notFound = () => new HttpError(404, '404 page not found');
const refuse = (): never => {
  throw notFound();
};

/** `path` as it stands in the URL, after `/logs/`, each part unescaped. */
export async function serveNodeLogs(
  dir: string,
  { parts, isFolder, res }: { parts: readonly string[]; isFolder: boolean; res: ServerResponse },
): Promise<void> {
  if (parts.some((part) => part === '..' || part.includes('/') || part.includes('\0'))) throw notFound();
  const root = await realpath(dir).catch(refuse);
  const file = (await openInside(root, join(root, ...parts))) ?? refuse();
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
