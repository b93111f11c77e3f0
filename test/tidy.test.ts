// The house rules as a program: layers, cycles, bans, sizes, dead files. Style that a tool can
// check is checked here or by biome.
import assert from 'node:assert/strict';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join, normalize, relative } from 'node:path';
import { test } from 'node:test';

const root = process.env.K8TS_ROOT ?? process.cwd();

/** What each part may import, besides itself, npm packages and node: modules. First match wins. */
const layers: { folder: string; imports: string[] }[] = [
  { folder: 'machinery/', imports: [] },
  { folder: 'host/', imports: ['machinery/'] },
  { folder: 'proto/', imports: ['machinery/'] },
  { folder: 'api/', imports: ['machinery/'] },
  { folder: 'client/', imports: ['machinery/', 'api/'] },
  { folder: 'apiserver/', imports: ['machinery/', 'host/', 'api/'] },
  { folder: 'scheduler/', imports: ['machinery/', 'host/', 'api/', 'client/'] },
  { folder: 'controllers/', imports: ['machinery/', 'api/', 'client/'] },
  { folder: 'kubelet/runtime/', imports: ['machinery/', 'host/', 'proto/'] },
  { folder: 'kubelet/', imports: ['machinery/', 'host/', 'proto/', 'api/', 'client/'] },
  { folder: 'proxy/', imports: ['machinery/', 'host/', 'api/', 'client/'] },
  {
    folder: 'cli/',
    imports: ['machinery/', 'host/', 'proto/', 'api/', 'client/', 'package.json', ...componentMains()],
  },
  {
    folder: 'bench/',
    imports: ['machinery/', 'proto/', 'api/', 'client/', 'apiserver/', 'scheduler/', 'cli/', 'test/'],
  },
  { folder: 'test/', imports: [''] },
];

/** The one file of a component that the command line may load. */
function componentMains(): string[] {
  const components = [
    'apiserver',
    'controllers',
    'scheduler',
    'kubelet',
    'kubelet/runtime',
    'kubelet/simulated-nodes',
    'proxy',
  ];
  return components.map((c) => `${c}/main.ts`);
}

/** Files of machinery and api that may use node: modules, and why. */
const nodeImports: Record<string, string> = {
  'machinery/answer-cache.ts': 'questions hold secrets, of which node:crypto makes digests',
  'machinery/key-pair.ts': 'keys are compared by node:crypto, which does no I/O',
  'machinery/certificate-request.ts': 'signatures are checked by node:crypto, which does no I/O',
  'machinery/component.ts': 'the frame of a process: health server',
  'machinery/process-metrics.ts': 'every component tells what its process costs',
  'machinery/watch-folder.ts': 'folders are watched everywhere, under one set of limits',
};

/** Files that run as threads. */
const threads = ['apiserver/endpoints/yaml-thread.ts'];

/** Programs that tests start as processes of their own. */
const testPrograms = ['test/integration/runtime/run-runtime.ts'];

/** Files over the limit, and why. This list only shrinks. */
const longFiles: Record<string, string> = {};
const maxFileLines = 500;
const maxReadmeLines = 40;

interface Source {
  path: string;
  text: string;
  /** Text without comments and strings, for the bans. */
  code: string;
  imports: string[];
}

function walk(folder: string): string[] {
  return readdirSync(join(root, folder), { withFileTypes: true }).flatMap((entry) => {
    if (['node_modules', 'dist'].includes(entry.name) || entry.name.startsWith('.')) return [];
    const path = join(folder, entry.name);
    return entry.isDirectory() ? walk(path) : [path];
  });
}

const files = walk('.');
const sources: Source[] = files.filter((f) => f.endsWith('.ts') && !f.endsWith('.d.ts')).map(readSource);
const isTest = (path: string) => path.endsWith('.test.ts') || path.startsWith('test/');
const isGenerated = (path: string) => path.endsWith('.gen.ts');

function readSource(path: string): Source {
  const text = readFileSync(join(root, path), 'utf8');
  const code = text
    .replace(/\/\*[\s\S]*?\*\//g, '')
    .replace(/(^|\s)\/\/.*$/gm, '$1')
    .replace(/'(?:[^'\\\n]|\\.)*'/g, "''");
  const bare = text.replace(/\/\*[\s\S]*?\*\//g, '').replace(/^\s*\/\/.*$/gm, '');
  const imports = [...bare.matchAll(/(?:from|import)\s*\(?\s*'([^']+)'/g)].map((m) => m[1]!);
  return { path, text, code, imports };
}

/** An import as a path from the root, or undefined for packages. */
function target(source: Source, specifier: string): string | undefined {
  return specifier.startsWith('.') ? normalize(join(dirname(source.path), specifier)) : undefined;
}

function check(violations: string[]): void {
  assert.deepEqual(violations, []);
}

test('imports point downwards only', () => {
  const violations: string[] = [];
  for (const source of sources) {
    const layer = layers.find((l) => source.path.startsWith(l.folder));
    if (!layer) continue;
    for (const specifier of source.imports) {
      const to = target(source, specifier);
      if (to === undefined || to.startsWith(layer.folder)) {
        // The runtime is inside the kubelet's folder and not part of it.
        const crosses = layer.folder === 'kubelet/' && to?.startsWith('kubelet/runtime/');
        if (!crosses) continue;
      }
      // Tests beside the code may use the shared builders.
      const allowed = isTest(source.path) ? [...layer.imports, 'test/'] : layer.imports;
      if (!allowed.some((a) => to!.startsWith(a))) violations.push(`${source.path} imports ${to}`);
    }
  }
  check(violations);
});

test('every relative import names a file', () => {
  const missing = sources.flatMap((s) =>
    s.imports.map((i) => target(s, i)).filter((t) => t !== undefined && !existsSync(join(root, t))),
  );
  check(missing as string[]);
});

test('there are no import cycles', () => {
  const graph = new Map(sources.map((s) => [s.path, importedFiles(s)]));
  const done = new Set<string>();
  const violations: string[] = [];
  const visit = (path: string, stack: string[]) => {
    if (stack.includes(path)) {
      violations.push([...stack.slice(stack.indexOf(path)), path].join(' -> '));
      return;
    }
    if (done.has(path)) return;
    for (const next of graph.get(path) ?? []) visit(next, [...stack, path]);
    done.add(path);
  };
  for (const path of graph.keys()) visit(path, []);
  check(violations);
});

/** Files imported for their values; `import type` leaves nothing behind at run time. */
function importedFiles(source: Source): string[] {
  const bare = source.text.replace(/\/\*[\s\S]*?\*\//g, '').replace(/^\s*\/\/.*$/gm, '');
  const statements = [...bare.matchAll(/^(?:import|export)\s+(?!type\b)[^;]*?from\s+'([^']+)'/gm)].map((m) => m[1]!);
  return statements.map((s) => target(source, s)).filter((t): t is string => t !== undefined);
}

const bans: { pattern: RegExp; why: string; allowed: (path: string) => boolean }[] = [
  {
    pattern: /\bDate\.now\(|(?<!\.)\bset(Timeout|Interval)\(|\bMath\.random\(|\bnew Date\(\)/,
    why: 'time and randomness come from machinery/clock.ts and machinery/random.ts',
    allowed: (p) =>
      ['machinery/clock.ts', 'machinery/random.ts', 'machinery/log.ts'].includes(p) ||
      isTest(p) ||
      p.startsWith('bench/'),
  },
  {
    pattern: /(?<![.\w])process\.(env|argv|exit|on|once|pid|stdin|stdout|stderr|cwd|kill|hrtime|memoryUsage|umask)\b/,
    why: 'process belongs to main.ts files and the command line',
    allowed: (p) => p.endsWith('/main.ts') || p.startsWith('cli/') || p.startsWith('bench/') || isTest(p),
  },
  {
    pattern: /\bconsole\.\w/,
    why: 'components log, the command line writes through its own output',
    allowed: (p) => p.startsWith('bench/') || isTest(p),
  },
  {
    pattern: /\.getOrInsert|\.groupBy\(|\.withResolvers\(|\.fromAsync\(|\.isWellFormed\(|\)\.toArray\(/,
    why: 'the command line, and what it shares with components, runs on Node 20.19 too',
    allowed: (p) => /^(apiserver|controllers|scheduler|kubelet|proxy|bench)\//.test(p) || isTest(p),
  },
  { pattern: /^export \*|^export \{[^}]*\} from/m, why: 'no barrels', allowed: () => false },
  { pattern: /\benum\s+\w+\s*\{/, why: 'no enums', allowed: () => false },
  { pattern: /\b(TODO|FIXME|XXX)\b/, why: 'finish it or refuse it', allowed: (p) => p === 'test/tidy.test.ts' },
];

for (const ban of bans) {
  test(`banned: ${ban.why}`, () => {
    const found = sources.filter((s) => !isGenerated(s.path) && !ban.allowed(s.path) && ban.pattern.test(s.code));
    check(found.map((s) => `${s.path}: ${ban.pattern.exec(s.code)?.[0]}`));
  });
}

test('machinery and api do no I/O', () => {
  const found = sources.filter(
    (s) =>
      /^(machinery|api)\//.test(s.path) &&
      !isTest(s.path) &&
      !nodeImports[s.path] &&
      s.imports.some((i) => i.startsWith('node:')),
  );
  check(found.map((s) => s.path));
});

test(`no file is longer than ${maxFileLines} lines`, () => {
  const long = sources.filter(
    (s) => !isGenerated(s.path) && !longFiles[s.path] && s.text.split('\n').length > maxFileLines + 1,
  );
  check(long.map((s) => `${s.path}: ${s.text.split('\n').length} lines`));
});

test('file names are kebab-case and say something', () => {
  const bad = sources.filter((s) => {
    const name = s.path.split('/').pop()!;
    return (
      !/^[a-z0-9]+(-[a-z0-9]+)*(\.(test|gen))*\.ts$/.test(name) || /(^|\/)(utils?|helpers?|common|misc)\b/.test(s.path)
    );
  });
  check(bad.map((s) => s.path));
});

test('every file is used', () => {
  const byPath = new Map(sources.map((s) => [s.path, s]));
  const used = new Set<string>();
  const visit = (path: string) => {
    const source = byPath.get(path);
    if (used.has(path) || !source) return;
    used.add(path);
    for (const specifier of source.imports) {
      const to = target(source, specifier);
      if (to) visit(to);
    }
  };
  const entries = sources
    .map((s) => s.path)
    .filter(
      (p) =>
        p === 'cli/main.ts' ||
        componentMains().includes(p) ||
        threads.includes(p) ||
        testPrograms.includes(p) ||
        p.endsWith('.test.ts') ||
        p === 'bench/main.ts' ||
        p === 'bench/static-server.ts' ||
        p === 'test/images/main.ts' ||
        p === 'test/upstream/images.ts',
    );
  // Product code must be reached from the program; being tested is not being used.
  for (const path of entries.filter((p) => !p.endsWith('.test.ts'))) visit(path);
  const product = sources.filter((s) => !isTest(s.path) && !used.has(s.path)).map((s) => s.path);
  for (const path of entries) visit(path);
  const leftover = sources.filter((s) => isTest(s.path) && !used.has(s.path)).map((s) => s.path);
  check([...product, ...leftover]);
});

test(`folder READMEs have at most ${maxReadmeLines} lines`, () => {
  const long = files
    .filter((f) => /\/README\.md$/.test(f))
    .filter((f) => readFileSync(join(root, f), 'utf8').trimEnd().split('\n').length > maxReadmeLines);
  check(long.map((f) => relative('.', f)));
});
