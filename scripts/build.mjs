// Bundles the program into dist/bin: the command line and each component as an entry of its own over shared chunks,
// so that each process loads only what it needs. Packages stay outside.
import { existsSync, readdirSync, renameSync, rmSync } from 'node:fs';
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

const entries = {
  k8ts: 'cli/main.ts',
  apiserver: 'apiserver/main.ts',
  'yaml-thread': 'apiserver/endpoints/yaml-thread.ts',
  controllers: 'controllers/main.ts',
  scheduler: 'scheduler/main.ts',
  kubelet: 'kubelet/main.ts',
  runtime: 'kubelet/runtime/main.ts',
  proxy: 'proxy/main.ts',
  'simulated-nodes': 'kubelet/simulated-nodes/main.ts',
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
  const fresh = `${outdir}.new`;
  const old = `${outdir}.old`;
  for (const dir of [fresh, old]) rmSync(dir, { recursive: true, force: true });
  await build({
    ...buildOptions,
    entryPoints: Object.fromEntries(Object.entries(entries).map(([name, file]) => [name, join(root, file)])),
    outdir: fresh,
    outExtension: { '.js': '.mjs' },
  });
  // Swapped as a whole: a failed build leaves the old one, and nobody starts half a program.
  if (existsSync(outdir)) renameSync(outdir, old);
  renameSync(fresh, outdir);
  rmSync(old, { recursive: true, force: true });
}
