// Bundles the program into dist/: one entry with lazy chunks, so that each component loads only what it needs.
// Packages stay outside the bundle (etcd3 reads its own .proto files at run time).
import { readdirSync, rmSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { build } from 'esbuild';

const root = dirname(dirname(fileURLToPath(import.meta.url)));

export const buildOptions = {
  bundle: true,
  splitting: true,
  format: 'esm',
  platform: 'node',
  target: 'node20',
  packages: 'external',
  sourcemap: 'linked',
  logLevel: 'warning',
};

/** Files below `dir` with an ending, as paths relative to it, without dependencies and build output. */
export function listFiles(dir, ending) {
  const out = [];
  const walk = (at) => {
    for (const e of readdirSync(at, { withFileTypes: true })) {
      if (e.name === 'node_modules' || e.name === 'dist' || e.name.startsWith('.')) continue;
      if (e.isDirectory()) walk(join(at, e.name));
      else if (e.name.endsWith(ending)) out.push(relative(dir, join(at, e.name)));
    }
  };
  walk(dir);
  return out.sort();
}

if (import.meta.url === pathToFileURL(process.argv[1]).href) {
  const outdir = join(root, 'dist', 'bin');
  rmSync(outdir, { recursive: true, force: true });
  await build({
    ...buildOptions,
    entryPoints: { k8ts: join(root, 'cli/main.ts') },
    outdir,
    outExtension: { '.js': '.mjs' },
  });
}
