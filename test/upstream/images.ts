// `node test/upstream/images.ts [DIR]`: the images of Kubernetes' own end-to-end suite under the names it asks for, from
// Debian's packages and what build.sh has built in DIR; writes the paths of their archives.
import { spawnSync } from 'node:child_process';
import { mkdirSync, readFileSync, realpathSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { type LayerFile, readPackages } from '../images/debian-tree.ts';
import { type Recipe, recipes } from '../images/images.ts';
import { buildOciArchive, busyboxLayer } from '../integration/runtime/image-archive.ts';

const dir = resolve(process.argv[2] ?? '.cache/upstream');
const sources = join(dir, 'gopath/src/k8s.io/kubernetes/test/images');
const env = { Env: ['PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin'] };

const file = (name: string, path: string, mode = 0o755): LayerFile => ({ name, mode, content: readFileSync(path) });
const built = (program: string, mode?: number) => file(program, join(dir, 'bin', program), mode);

/** Programs of this machine with the libraries that libc6 does not bring. */
function programs(...paths: string[]): LayerFile[] {
  const libraries = paths.flatMap((path) => {
    const { stdout } = spawnSync('ldd', [path], { encoding: 'utf8' });
    return [...stdout.matchAll(/\/\S+/g)].map(([library]) => library);
  });
  const own = libraries.filter((path) => !/\/(ld-linux|lib(c|m|resolv|pthread|dl|rt|util|nss_\w+)\.so)/.test(path));
  return [...new Set([...paths, ...own])].map((path) =>
    file(path.slice(1).replace(/^lib\//, 'usr/lib/'), realpathSync(path)),
  );
}

/** nginx that serves a page where the suite looks for httpd's. */
function httpd(): LayerFile[] {
  const root = 'usr/local/apache2/htdocs';
  const page: LayerFile[] = [
    { name: 'usr/local/apache2' },
    { name: root },
    { name: `${root}/index.html`, mode: 0o644, content: '<html><body><h1>It works!</h1></body></html>\n' },
  ];
  const config = recipes.nginx.files.map((f) =>
    'content' in f ? { ...f, content: f.content.replace('/usr/share/nginx/html', `/${root}`) } : f,
  );
  return [...readPackages(recipes.nginx.packages), ...config, ...page];
}

const agnhost = [built('agnhost')];
const tools = ['curl', 'dig', 'getent', 'iperf', 'nc', 'wget'].map((name) => `/usr/bin/${name}`);
const agnhostFiles: LayerFile[] = [
  { name: 'agnhost-2', type: 'symlink', linkname: 'agnhost' },
  { name: 'uploads' },
  ...['crt', 'key'].map((end) => file(`localhost.${end}`, join(sources, `agnhost/porter/localhost.${end}`))),
];
const server = { Entrypoint: ['/agnhost'], ...env };
const page = (name: string) =>
  ['data.json', `${name}.jpg`].map((part) => file(part, join(sources, name, 'html', part), 0o644));
const packed = ({ packages, files }: Recipe) => [...readPackages(packages), ...files];
/** Another image with the same files. */
const second: LayerFile = { name: 'second', mode: 0o644, content: '' };

const images: Record<string, [files: () => LayerFile[], config: object]> = {
  'k8s.gcr.io/e2e-test-images/agnhost:2.21': [
    () => [...agnhost, ...agnhostFiles, ...programs(...tools)],
    { ...server, Cmd: ['pause'] },
  ],
  'k8s.gcr.io/pause:3.2': [() => agnhost, { ...server, Cmd: ['pause'] }],
  'k8s.gcr.io/etcd:3.4.13-0': [() => [file('usr/local/bin/etcd', '/usr/bin/etcd')], env],
  'docker.io/library/busybox:1.29': [
    () => [{ name: 'bin/sh', type: 'symlink', linkname: 'busybox' }],
    { ...env, Cmd: ['sh'] },
  ],
  'docker.io/library/httpd:2.4.38-alpine': [httpd, recipes.nginx.config],
  'docker.io/library/httpd:2.4.39-alpine': [() => [...httpd(), second], recipes.nginx.config],
  'docker.io/library/nginx:1.14-alpine': [() => packed(recipes.nginx), recipes.nginx.config],
  'docker.io/library/nginx:1.15-alpine': [() => [...packed(recipes.nginx), second], recipes.nginx.config],
  'docker.io/library/redis:5.0.5-alpine': [() => packed(recipes.redis), recipes.redis.config],
  'docker.io/library/perl:5.26': [() => readPackages(['perl-base']), env],
};
const ofTests: typeof images = {
  'jessie-dnsutils:1.0': [() => programs('/usr/bin/dig', '/usr/bin/getent'), env],
  'kitten:1.0': [() => [...agnhost, ...page('kitten')], { ...server, Cmd: ['test-webserver'] }],
  'nautilus:1.0': [() => [...agnhost, ...page('nautilus')], { ...server, Cmd: ['test-webserver'] }],
  'nonewprivs:1.0': [() => [{ ...built('nonewprivs', 0o6755), name: 'usr/local/bin/nnp' }], { ...env, Cmd: ['nnp'] }],
  'nonroot:1.0': [() => [], { ...env, User: '1234' }],
  'sample-apiserver:1.17': [() => [built('sample-apiserver')], { ...env, Entrypoint: ['/sample-apiserver'] }],
};
for (const [name, image] of Object.entries(ofTests)) images[`gcr.io/kubernetes-e2e-test-images/${name}`] = image;

const base = [busyboxLayer(), readPackages(['busybox', 'bash'])];
const shell: LayerFile = { name: 'bin/sh', type: 'symlink', linkname: 'bash' };
mkdirSync(join(dir, 'images'), { recursive: true });
for (const [name, [files, config]] of Object.entries(images)) {
  const archive = await buildOciArchive({ name, layers: [...base, [shell, ...files()]], config: { ...config } });
  const path = join(dir, 'images', `${name.replace(/[/:]/g, '_')}.tar`);
  writeFileSync(path, archive);
  console.log(path);
}
