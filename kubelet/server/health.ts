// /healthz and its checks, each by itself or all together, by name with `?verbose`. Upstream:
// apiserver/pkg/server/healthz.
import type { ServerResponse } from 'node:http';
import { HttpError } from './http-error.ts';

/** By name; each says what is wrong, or nothing. */
export type HealthChecks = Readonly<Record<string, () => string | undefined>>;

const plain = { 'content-type': 'text/plain; charset=utf-8', 'x-content-type-options': 'nosniff' };

function judgeAll(checks: HealthChecks, query: URLSearchParams): { isGood: boolean; lines: string[] } {
  const excluded = new Set(query.getAll('exclude'));
  let isGood = true;
  const lines = Object.entries(checks).map(([name, check]) => {
    if (excluded.delete(name)) return `[+]${name} excluded: ok`;
    if (check() === undefined) return `[+]${name} ok`;
    isGood = false;
    return `[-]${name} failed: reason withheld`;
  });
  const unknown = [...excluded].filter((name) => name !== '').map((name) => JSON.stringify(name));
  if (unknown.length > 0)
    lines.push(`warn: some health checks cannot be excluded: no matches for ${unknown.join(', ')}`);
  return { isGood, lines };
}

/** `name` is the check that is asked for; the empty one means all. */
export function serveHealth(checks: HealthChecks, name: string, query: URLSearchParams, res: ServerResponse): void {
  if (name !== '') {
    const check = checks[name];
    if (!check) throw new HttpError(404, '404 page not found');
    const problem = check();
    if (problem !== undefined) throw new HttpError(500, `internal server error: ${problem}`);
    res.writeHead(200, plain).end('ok');
    return;
  }
  const { isGood, lines } = judgeAll(checks, query);
  const text = lines.map((line) => `${line}\n`).join('');
  if (!isGood) throw new HttpError(500, `${text}healthz check failed`);
  res.writeHead(200, plain).end(query.has('verbose') ? `${text}healthz check passed\n` : 'ok');
}
