// `npm run bench [-- --baseline DIR] [workload...]`: bundles bench/ and runs it.
import { spawnSync } from 'node:child_process';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';
import { buildOptions } from './build.mjs';

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const outdir = join(root, 'dist/bench');
await build({
  ...buildOptions,
  entryPoints: { bench: join(root, 'bench/main.ts') },
  outdir,
  outExtension: { '.js': '.mjs' },
});
const run = spawnSync(process.execPath, [join(outdir, 'bench.mjs'), ...process.argv.slice(2)], {
  cwd: root,
  stdio: 'inherit',
  env: { ...process.env, K8TS_ROOT: root },
});
process.exit(run.status ?? 1);
