// Answers for the parts of the control plane: asks each for its health, every time anew.
// Upstream: pkg/registry/core/componentstatus.
import { get } from 'node:http';
import { type ComponentStatus, ComponentStatusKind } from '../api/core/componentstatus.ts';
import { notFoundError } from '../machinery/errors.ts';
import type { Answer, ApiRequest } from './endpoints/exchange.ts';
import { groupResourceOf } from './storage/object-store.ts';
import { StoredObject } from './storage/stored-object.ts';

/** Asks a component how it is: resolves with what it says, rejects when it is not well. */
type HealthProbe = () => Promise<string>;

const timeoutMs = 20_000;
const maxAnswerBytes = 64 * 1024;

/** A probe of a health endpoint; any answer but 200 is an illness. */
function httpProbe(url: string): HealthProbe {
  return () =>
    new Promise((resolve, reject) => {
      const request = get(url, { timeout: timeoutMs, agent: false }, (response) => {
        let text = '';
        response.setEncoding('utf8');
        response.on('data', (part: string) => {
          text += part;
          if (text.length > maxAnswerBytes) request.destroy(new Error('the answer is too long'));
        });
        response.on('error', reject);
        response.on('end', () => {
          if (response.statusCode === 200) resolve(text.trim());
          else reject(new Error(`unexpected HTTP status ${response.statusCode}: ${text.trim()}`));
        });
      });
      request.on('timeout', () => request.destroy(new Error(`no answer within ${timeoutMs / 1000} s`)));
      request.on('error', reject);
    });
}

async function ask(name: string, probe: HealthProbe): Promise<StoredObject> {
  const health = await probe().then(
    (message) => ({ type: 'Healthy', status: 'True', message: message || 'ok' }),
    (err: Error) => ({ type: 'Healthy', status: 'False', message: err.message, error: err.message }),
  );
  const { kind, apiVersion } = ComponentStatusKind;
  const object: ComponentStatus = { kind, apiVersion, metadata: { name }, conditions: [health] };
  return new StoredObject(name, { ...object }, 0);
}

/** `get` and `list` of component statuses, in the order of the probes. */
export function componentStatuses(probes: Readonly<Record<string, HealthProbe>>) {
  return async (_context: unknown, { info }: ApiRequest): Promise<Answer> => {
    if (info.verb === 'list') {
      const items = await Promise.all(Object.entries(probes).map(([name, probe]) => ask(name, probe)));
      return { type: 'list', list: { items, revision: 0 } };
    }
    const probe = Object.hasOwn(probes, info.name) ? probes[info.name] : undefined;
    if (!probe) throw notFoundError(groupResourceOf(ComponentStatusKind), info.name);
    return { type: 'object', stored: await ask(info.name, probe), code: 200 };
  };
}

/** `scheduler=http://127.0.0.1:1/healthz,...` as it stands in a flag, to probes. */
export function readProbes(flag: readonly string[]): Record<string, HealthProbe> {
  return Object.fromEntries(
    flag.map((entry) => {
      const [, name, url] = /^([a-z0-9-]+)=(http:\/\/.+)$/.exec(entry) ?? [];
      if (!name || !url || !URL.canParse(url)) throw new Error(`--component-health: ${entry} is not NAME=URL`);
      return [name, httpProbe(url)];
    }),
  );
}
