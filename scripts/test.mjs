// Runs tests: `node scripts/test.mjs unit [filter...]` bundles every *.test.ts outside test/ into dist/test and runs
// them with node:test; other tiers are the folders of test/. Filters are parts of paths.
import { spawnSync } from 'node:child_process';
import { rmSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';
import { buildOptions, listFiles } from './build.mjs';

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const [tier = 'unit', ...filters] = process.argv.slice(2);
const inTier = (f) =>
  tier === 'unit' ? !f.startsWith('test/') || f === 'test/tidy.test.ts' : f.startsWith(`test/${tier}/`);
const files = listFiles(root, '.test.ts').filter(
  (f) => inTier(f) && (filters.length === 0 || filters.some((x) => f.includes(x))),
);
if (files.length === 0) {
  console.error(`no ${tier} tests match ${filters.join(' ')}`);
  process.exit(1);
}
const outdir = join(root, 'dist', `test-${tier}`);
rmSync(outdir, { recursive: true, force: true });
await build({
  ...buildOptions,
  entryPoints: files.map((f) => join(root, f)),
  outdir,
  outbase: root,
  outExtension: { '.js': '.mjs' },
});
const compiled = files.map((f) => join(outdir, f.replace(/\.ts$/, '.mjs')));
const flags = ['--enable-source-maps', '--test', ...(tier === 'unit' ? [] : ['--test-concurrency=1'])];
const run = spawnSync(process.execPath, [...flags, ...compiled], {
  cwd: root,
  stdio: 'inherit',
  env: { ...process.env, K8TS_ROOT: root },
});
process.exit(run.status ?? 1);
