// /statusz and /flagz: what a component is and how it was started; text for people, an object for whose Accept header
// names its version. Both are served by default in v1.36.
// https://kubernetes.io/docs/reference/instrumentation/zpages/ Upstream: apiserver/pkg/server/{statusz,flagz}.
import { covers, parseAccept } from './accept.ts';
import type { Clock } from './clock.ts';
import { notAcceptableError } from './errors.ts';
import { finish } from './steps.ts';
import { yamlInSteps } from './yaml-writer.ts';

export interface PageAnswer {
  code: number;
  type: string;
  text: string;
  /** For the header of that name. */
  warning?: string;
}

export const jsonAnswer = (body: object, code = 200): PageAnswer => ({
  code,
  type: 'application/json',
  text: JSON.stringify(body),
});

/** Answers /statusz and /flagz; undefined for other paths. `paths` are those that are served beside them. */
export type Zpages = (path: string, accept: string | undefined, paths: readonly string[]) => PageAnswer | undefined;

export interface About {
  component: string;
  /** As of `kubernetes_build_info`. */
  build: { gitVersion: string; goVersion: string; emulationMajor: string; emulationMinor: string };
  /** When the process began, in milliseconds since 1970. */
  startMs: number;
  flags: Readonly<Record<string, unknown>>;
}

/** Under what name upstream has them. */
const upstreamNames: Readonly<Record<string, string>> = {
  controllers: 'kube-controller-manager',
  scheduler: 'kube-scheduler',
  proxy: 'kube-proxy',
};

const plain = 'text/plain; charset=utf-8';
const types = ['application/json', 'application/yaml', 'text/plain'] as const;

type Form = { type: 'text/plain' } | { type: 'application/json' | 'application/yaml'; version: string };

/** What the Accept header wants most of what there is; undefined: nothing of it. */
function formOf(accept: string | undefined, kind: string): Form | undefined {
  if (!accept?.trim()) return { type: 'text/plain' };
  for (const clause of parseAccept(accept)) {
    const [as, group, version] = ['as', 'g', 'v'].map((name) => clause.parameters.get(name) || undefined);
    const isObject = as === kind && group === 'config.k8s.io' && (version === 'v1beta1' || version === 'v1alpha1');
    const isPlain = as === undefined && group === undefined && version === undefined;
    for (const type of types) {
      if (!covers(clause, type)) continue;
      if (type === 'text/plain' && isPlain) return { type };
      if (type !== 'text/plain' && isObject) return { type, version };
    }
  }
  return undefined;
}

/** Of these the clients' paths are no place to look for what is wrong. */
const ofClients = new Set(['/api', '/apis', '/openapi', '/openid', '/.well-known']);

const firstParts = (paths: readonly string[]): string[] =>
  [...new Set(paths.map((path) => `/${path.split('/')[1] ?? ''}`))]
    .filter((x) => x !== '/' && !ofClients.has(x))
    .sort();

/** As upstream writes a flag's value. */
const textOf = (value: unknown) => (Array.isArray(value) ? `[${value.join(',')}]` : String(value));

/** As Go's time.UnixDate: `Mon Jan  2 15:04:05 UTC 2006`. */
function unixDate(ms: number): string {
  const [day = '', date = '', month = '', year, time] = new Date(ms).toUTCString().replace(',', '').split(' ');
  return `${day} ${month} ${String(Number(date)).padStart(2)} ${time} UTC ${year}`;
}

const two = (n: number) => String(n).padStart(2, '0');

/** The pages of one component. Under an Accept header that asks for what there is not they answer 406. */
export function zpagesOf({ component, build, startMs, flags }: About, clock: Pick<Clock, 'now'>): Zpages {
  const name = upstreamNames[component] ?? component;
  const head = (page: string) =>
    `\n${name} ${page}\nWarning: This endpoint is not meant to be machine parseable, has no formatting compatibility guarantees and is for debugging purposes only.\n`;
  const given = Object.entries(flags).filter(([, value]) => value !== undefined);
  const flagTexts = Object.fromEntries(given.map(([flag, value]) => [flag, textOf(value)] as const).sort());
  const binaryVersion = build.gitVersion.replace(/^v/, '');
  const emulationVersion = `${build.emulationMajor}.${build.emulationMinor}`;

  const statusz = (paths: readonly string[]) => {
    const uptimeSeconds = Math.max(0, Math.floor((clock.now() - startMs) / 1000));
    const startTime = `${new Date(startMs).toISOString().slice(0, 19)}Z`;
    const { goVersion } = build;
    return { startTime, uptimeSeconds, goVersion, binaryVersion, emulationVersion, paths: firstParts(paths) };
  };
  const statusText = (paths: readonly string[]) => {
    const { uptimeSeconds: s, goVersion, paths: parts } = statusz(paths);
    const up = `${Math.floor(s / 3600)} hr ${two(Math.floor(s / 60) % 60)} min ${two(s % 60)} sec`;
    const lines = [`Started: ${unixDate(startMs)}`, `Up: ${up}`, `Go version: ${goVersion}`];
    lines.push(
      `Binary version: ${binaryVersion}`,
      `Emulation version: ${emulationVersion}`,
      `Paths: ${parts.join(' ')}`,
    );
    return `${head('statusz')}\n${lines.join('\n')}\n`;
  };
  const flagText = () =>
    `${head('flagz')}${Object.entries(flagTexts)
      .map(([k, v]) => `${k}: ${v}\n`)
      .join('')}`;
  const pages = {
    '/statusz': { kind: 'Statusz', object: statusz, text: statusText },
    '/flagz': { kind: 'Flagz', object: () => ({ flags: flagTexts }), text: flagText },
  };

  return (path, accept, paths) => {
    if (path !== '/statusz' && path !== '/flagz') return undefined;
    const { kind, object, text } = pages[path];
    const form = formOf(accept, kind);
    if (!form) {
      const refusal = notAcceptableError(`only the following media types are accepted: ${types.join(', ')}`);
      return jsonAnswer(refusal.toStatus(), refusal.code);
    }
    if (form.type === 'text/plain') return { code: 200, type: plain, text: text(paths) };
    const whole = { kind, apiVersion: `config.k8s.io/${form.version}`, metadata: { name }, ...object(paths) };
    const isOld = form.version === 'v1alpha1';
    const old = `299 - "This version of the ${path.slice(1)} endpoint is deprecated. Please use a newer version."`;
    const written = form.type === 'application/json' ? `${JSON.stringify(whole)}\n` : finish(yamlInSteps(whole));
    return { code: 200, type: form.type, text: written, ...(isOld ? { warning: old } : {}) };
  };
}
