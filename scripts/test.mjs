// Runs checks and tests: `node scripts/test.mjs TIER[,TIER...] [filter...]`. Tiers: `types` and `lint` check the tree;
// `unit` is every *.test.ts beside its code and test/tidy.test.ts; any other is the folder of that name in test/,
// Filters are parts of paths. The last line says how many passed and failed over all tiers.
// Node.js runs the TypeScript as it is; what it makes of it is kept in dist/compile-cache.
import { spawnSync } from 'node:child_process';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { dirname, join, relative } from 'node:path';
import { PassThrough } from 'node:stream';
import { finished } from 'node:stream/promises';
import { run } from 'node:test';
import { spec } from 'node:test/reporters';
import { fileURLToPath } from 'node:url';
import { listFiles } from './build.mjs';

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const [tierList = 'unit', ...filters] = process.argv.slice(2);
const total = { passed: 0, failed: 0 };
// A fuzz suite takes as long as it is told to.
const fuzzMs = Number(process.env.K8TS_FUZZ_SECONDS ?? 60) * 1000;
const timeoutsMs = {
  unit: 120_000,
  integration: 600_000,
  fuzz: 300_000 + fuzzMs,
  simulation: 300_000 + fuzzMs,
  robustness: 300_000 + fuzzMs,
  e2e: 1_200_000,
  conformance: 3_600_000,
  vm: 2_400_000,
  long: 14_400_000,
};
/**
 * How many files of a kind run at a time, and how many in one process (else one). Those that have an etcd, a cluster or a
 * machine of their own do not see each other, and wait more than they compute; the longest come first. Any other runs
 * alone: it looks at the whole machine, at what it keeps, or at the clock.
 */
const cores = availableParallelism();
const kinds = [
  { kind: 'beside code', of: [/^(?!test\/)/], width: cores, together: 12 },
  {
    kind: 'with a cluster of its own',
    of: [
      /^test\/vm\//,
      /^test\/(simulation|fuzz|robustness)\//,
      /^test\/integration\/cli\/(cluster-life|firewalls|full-disk|refusals|sudo|supervision)\./,
      /^test\/e2e\/(autoscaling|clients|commands|config|examples|node-root|storage|streams)\./,
      /^test\/(conformance|integration\/(apiserver|controllers|operators|kubelet))\//,
    ],
    width: cores + 1,
  },
  { kind: 'alone', of: [/^/], width: 1 },
];
const secondsSince = (startedMs) => Math.round((performance.now() - startedMs) / 1000);
const tierOf = (file) => /^test\/([^/]+)\//.exec(file)?.[1] ?? 'unit';
const failures = [];
const took = [];
const phases = [];
/** What failed, and passed when its file was run once more with nothing beside it: faults to mend, told at the end. */
const flaky = [];
/** These hunt for what happens seldom. What they find is found, also when it does not come again. */
const isHunt = (file) => ['fuzz', 'robustness', 'simulation'].includes(tierOf(file));

// Test processes inherit both.
process.env.K8TS_ROOT = root;
process.env.NODE_COMPILE_CACHE ??= join(root, 'dist/compile-cache');

function check(name, command, args) {
  const { status } = spawnSync(join(root, 'node_modules/.bin', command), args, { cwd: root, stdio: 'inherit' });
  if (status === 0) total.passed++;
  else {
    total.failed++;
    failures.push(name);
  }
  console.log(`${status === 0 ? '✔' : '✖'} ${name}`);
}

function filesOf(tier) {
  const inTier = (f) =>
    tier === 'unit' ? !f.startsWith('test/') || f === 'test/tidy.test.ts' : f.startsWith(`test/${tier}/`);
  return listFiles(root, '.test.ts').filter(
    (f) => inTier(f) && (filters.length === 0 || filters.some((x) => f.includes(x))),
  );
}

/** Runs files with node:test, each in a process of its own, kind by kind. */
async function runFiles(files) {
  if (files.length === 0) return;
  const events = new PassThrough({ objectMode: true });
  const report = events.compose(spec);
  report.pipe(process.stdout, { end: false });
  const again = [];
  const take = (file, outcome) => {
    for (const event of outcome.told) events.write(event);
    total.passed += outcome.passed;
    total.failed += outcome.failures.length;
    failures.push(...linesOf(file, outcome));
  };
  const work = async (queue) => {
    for (let together = queue.shift(); together !== undefined; together = queue.shift()) {
      const file = together.length === 1 ? together[0] : groupOf(together);
      const outcome = await runFile(file);
      if (outcome.failures.length === 0 || isHunt(file)) take(file, outcome);
      else if (together.length > 1) {
        console.log(
          ['failed in one process with others, and each is run by itself:', ...linesOf(file, outcome)].join('\n'),
        );
        queue.unshift(...together.map((one) => [one]));
      } else again.push({ file, first: linesOf(file, outcome) });
    }
  };
  const places = Map.groupBy(files, (file) => kinds.flatMap(({ of }) => of).find((of) => of.test(file)));
  for (const { kind, of, width, together = 1 } of kinds) {
    const own = of.flatMap((place) => places.get(place) ?? []);
    const rest = own.filter((file) => together > 1 && !hasHooks(file));
    const machines = own.filter((file) => tierOf(file) === 'vm').map((file) => [file]);
    const queue = own.filter((file) => !rest.includes(file) && tierOf(file) !== 'vm').map((file) => [file]);
    while (rest.length > 0) queue.push(rest.splice(0, together));
    const startedMs = performance.now();
    const groups = machines.length + queue.length;
    const workers = (count) => Array.from({ length: count }, () => work(queue));
    // An emulated machine computes all the time, and has the place of two.
    const share = Math.min(2, width);
    const afterMachines = work(machines).then(() => Promise.all(workers(share)));
    await Promise.all([afterMachines, ...workers(width - share)]);
    if (groups > 0)
      phases.push(`${secondsSince(startedMs)} ${kind}: ${own.length} files, ${Math.min(width, groups)} at a time`);
  }
  for (const { file, first } of again) {
    console.log(['failed, and is run once more:', ...first].join('\n'));
    const outcome = await runFile(file);
    if (outcome.failures.length === 0) flaky.push(...first);
    take(file, outcome);
  }
  events.end();
  await finished(report, { writable: false });
}

/** Whether a file has hooks of its own around all its tests: beside others they would be around theirs as well. */
const hasHooks = (file) => /^(before|beforeEach|afterEach)\(/m.test(readFileSync(join(root, file), 'utf8'));

/**
 * A file that runs others in one process: a process costs more than most unit tests. Where one of them fails, each runs
 * once more in a process of its own.
 */
function groupOf(files) {
  const folder = join(root, 'dist/test-groups');
  mkdirSync(folder, { recursive: true });
  const name = join(folder, `${files[0].replaceAll('/', '-')}.mjs`);
  writeFileSync(name, files.map((file) => `await import(${JSON.stringify(join(root, file))});\n`).join(''));
  return relative(root, name);
}

function linesOf(file, { failures }) {
  return failures.flatMap(({ name, why }) => [`${file} ${name}`.trim(), why.replace(/^/gm, '    ')]);
}

/** Runs one file. What the reporter is to tell of it comes together, whatever else runs beside it. */
async function runFile(file) {
  const timeoutMs = timeoutsMs[tierOf(file)] ?? 300_000;
  const outcome = { told: [], passed: 0, failures: [] };
  const startedMs = performance.now();
  // No file may hang: one that has lost something it waits for, or keeps something open when its tests are over, is ended.
  const signal = AbortSignal.timeout(timeoutMs);
  const events = run({ files: [join(root, file)], cwd: root, timeout: timeoutMs, signal });
  events.on('test:pass', (event) => count(outcome, event, true));
  events.on('test:fail', (event) => count(outcome, event, false));
  events.on('data', (event) => {
    // Each run sums up itself; the last line of all tells the sum.
    const isSum = event.type === 'test:summary' || (event.type === 'test:diagnostic' && event.data.nesting === 0);
    if (!isSum) outcome.told.push(event);
  });
  // The events of a run that was ended do not end.
  const ended = new Promise((resolve) => signal.addEventListener('abort', () => setTimeout(resolve, 1_000)));
  await Promise.race([finished(events), ended]);
  took.push({ file, seconds: secondsSince(startedMs) });
  return outcome;
}

// Suites and whole files are not tests, unless what fails is outside any test in them.
function count(outcome, event, hasPassed) {
  const { name, nesting, skip, todo, details } = event;
  const isContainer = details.type === 'suite' || nesting === undefined;
  if (skip !== undefined || todo !== undefined) return;
  if (isContainer && (hasPassed || details.error?.failureType === 'subtestsFailed')) return;
  if (hasPassed) outcome.passed++;
  else outcome.failures.push({ name, why: reasonOf(details.error) });
}

/** The first lines of why a test failed, told once more at the end: much is printed after it. */
function reasonOf(error) {
  const message = String(error?.cause?.message ?? error?.cause ?? error?.message ?? error);
  return message.split('\n').slice(0, 30).join('\n').slice(0, 3000);
}

if (!process.features.typescript) {
  console.error(`Node.js ${process.version} runs no TypeScript: npm run takes the one of this project`);
  process.exit(2);
}
const files = [];
for (const tier of tierList.split(',')) {
  if (tier === 'types') check('types', 'tsc', ['--noEmit']);
  else if (tier === 'lint') check('lint', 'biome', ['check', '.']);
  else files.push(...filesOf(tier));
}
await runFiles(files);
if (filters.length > 0 && files.length === 0) {
  console.error(`no ${tierList} tests match ${filters.join(' ')}`);
  process.exit(1);
}
const tell = (title, lines) => console.log([`\n${title}:`, ...lines.map((line) => `  ${line}`)].join('\n'));
const slowest = took.sort((a, b) => b.seconds - a.seconds).filter(({ seconds }) => seconds >= 10);
if (slowest.length > 0) {
  tell('took, in seconds', phases);
  tell(
    'took longest, in seconds',
    slowest.slice(0, 40).map(({ file, seconds }) => `${seconds} ${file}`),
  );
}
if (flaky.length > 0) tell('failed once, and passed when run again', flaky);
if (failures.length > 0) tell('failed', failures);
console.log(`\n${total.passed} passed, ${total.failed} failed`);
process.exitCode = total.failed > 0 ? 1 : 0;
