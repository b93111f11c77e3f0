// `node scripts/run.mjs FILE [ARGUMENT...]`: bundles a program of this repository and runs it.
import { spawnSync } from 'node:child_process';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';
import { buildOptions } from './build.mjs';

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const [program, ...args] = process.argv.slice(2);
const outdir = join(root, 'dist/run');
await build({
  ...buildOptions,
  entryPoints: [join(root, program)],
  outdir,
  outbase: root,
  outExtension: { '.js': '.mjs' },
});
const run = spawnSync(process.execPath, [join(outdir, program.replace(/\.ts$/, '.mjs')), ...args], {
  cwd: root,
  stdio: 'inherit',
  env: { ...process.env, K8TS_ROOT: root },
});
process.exit(run.status ?? 1);
