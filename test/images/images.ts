// The images of the tests and examples, made from Debian packages and kept as OCI archives until their recipe changes.
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { buildOciArchive, busyboxLayer } from '../integration/runtime/image-archive.ts';
import { type Architecture, type LayerFile, ownArchitecture, readPackages } from './debian-tree.ts';
import { mysqlImage, wordpressImage } from './wordpress.ts';

export interface Recipe {
  /** Name and tag under which it is loaded. */
  name: string;
  /** Beside those of every image. */
  packages: readonly string[];
  files: readonly LayerFile[];
  config: Record<string, unknown>;
  /** Made only when asked for by its name. */
  isLarge?: boolean;
}

// Not the static busybox: names are resolved by libraries that it cannot load.
const base = ['busybox'];

const nginxConfig = `daemon off;
user root;
worker_processes 1;
error_log /dev/stderr;
pid /tmp/nginx.pid;
events { worker_connections 256; }
http {
  access_log /dev/stdout;
  client_body_temp_path /tmp/body; proxy_temp_path /tmp/proxy; fastcgi_temp_path /tmp/fcgi; uwsgi_temp_path /tmp/uwsgi; scgi_temp_path /tmp/scgi;
  server { listen 80; root /usr/share/nginx/html; }
}
`;

// Answers with what it was asked and who it is.
const echoScript = `#!/bin/sh
printf 'Content-Type: text/plain\\r\\n\\r\\n'
echo "host $(hostname)"
echo "$REQUEST_METHOD $REQUEST_URI"
[ -n "$CONTENT_LENGTH" ] && head -c "$CONTENT_LENGTH"
exit 0
`;

const nginxFolders = [{ name: 'var/log/nginx' }, { name: 'var/lib/nginx' }];

export const recipes = {
  busybox: {
    name: 'docker.io/library/busybox:1.36',
    // Debian's busybox is no shell for names with a dash: what of the environment is no name of a
    // variable does not reach its commands.
    packages: ['bash'],
    files: [{ name: 'bin/sh', type: 'symlink', linkname: 'bash' }],
    config: { Cmd: ['sh'], Env: ['PATH=/bin:/usr/bin'] },
  },
  nginx: {
    name: 'docker.io/library/nginx:1.7.9',
    packages: ['nginx', 'nginx-common'],
    files: [{ name: 'etc/nginx/nginx.conf', mode: 0o644, content: nginxConfig }, ...nginxFolders],
    config: {
      Cmd: ['/usr/sbin/nginx', '-e', '/dev/stderr'],
      Env: ['PATH=/usr/sbin:/usr/bin:/bin'],
      StopSignal: 'SIGQUIT',
      ExposedPorts: { '80/tcp': {} },
    },
  },
  // Answers as it is configured: also over TLS, and in datagrams.
  netserver: {
    name: 'docker.io/library/netserver:1.0',
    packages: ['nginx', 'nginx-common', 'libnginx-mod-stream'],
    files: nginxFolders,
    config: { Cmd: ['/usr/sbin/nginx', '-v'], Env: ['PATH=/usr/sbin:/usr/bin:/bin'] },
  },
  redis: {
    name: 'docker.io/library/redis:7.0',
    packages: ['redis-server', 'redis-tools'],
    files: [{ name: 'data', mode: 0o777 }],
    config: {
      Cmd: ['/usr/bin/redis-server', '--protected-mode', 'no', '--dir', '/data'],
      WorkingDir: '/data',
      Env: ['PATH=/usr/bin:/bin'],
      ExposedPorts: { '6379/tcp': {} },
    },
  },
  echo: {
    name: 'docker.io/library/http-echo:1.0',
    packages: [],
    files: [{ name: 'www' }, { name: 'www/cgi-bin' }, { name: 'www/cgi-bin/echo', content: echoScript }],
    config: { Cmd: ['httpd', '-f', '-p', '8080', '-h', '/www'], Env: ['PATH=/bin'], ExposedPorts: { '8080/tcp': {} } },
  },
  mysql: { ...mysqlImage, isLarge: true },
  wordpress: { ...wordpressImage, isLarge: true },
} satisfies Record<string, Recipe>;

export type ImageName = keyof typeof recipes;

const cacheFolder = join(process.env.K8TS_ROOT ?? process.cwd(), '.cache', 'images');

/** Everything below /usr, where the packages of Debian 13 and later have it. */
function mergeUsr(layers: readonly LayerFile[][]): LayerFile[][] {
  const merged = ['bin', 'sbin', 'lib', 'lib64'];
  const links = merged.map((name) => ({ name, type: 'symlink' as const, linkname: `usr/${name}` }));
  const moved = (file: LayerFile) => ({ ...file, name: file.name.replace(/^(s?bin|lib|lib64)\//, 'usr/$1/') });
  return [links, ...layers.map((files) => files.filter(({ name }) => !merged.includes(name)).map(moved))];
}

/** The path of the image's archive; builds it when it is not there yet. */
export function imageArchive(image: ImageName): Promise<string> {
  return imageArchiveFor(ownArchitecture, image);
}

/** The same for another kind of machine. */
export async function imageArchiveFor(architecture: Architecture, image: ImageName): Promise<string> {
  const recipe: Recipe = recipes[image];
  const system = busyboxLayer(architecture);
  const parts = [recipe, system.length, ...(architecture === ownArchitecture ? [] : [architecture])];
  const key = createHash('sha256').update(JSON.stringify(parts)).digest('hex').slice(0, 16);
  const path = join(cacheFolder, `${image}-${key}.tar`);
  if (existsSync(path)) return path;
  const layers = [system, readPackages([...base, ...recipe.packages], architecture)];
  if (recipe.files.length > 0) layers.push([...recipe.files]);
  const archive = await buildOciArchive({
    name: recipe.name,
    layers: mergeUsr(layers),
    config: recipe.config,
    architecture,
  });
  mkdirSync(cacheFolder, { recursive: true });
  // Written aside and renamed: a test that is ended in the middle leaves no half image.
  const partial = `${path}.${process.pid}`;
  writeFileSync(partial, archive);
  renameSync(partial, path);
  return path;
}
