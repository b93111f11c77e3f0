// The typed client over an API server in memory: objects and lists, read and written; nothing is watched.
import { KubeClient } from '../../client/rest.ts';
import type { HttpRequest } from '../../client/transport.ts';
import type { MemoryApi } from './memory-api.ts';

export function memoryClient(api: MemoryApi): KubeClient {
  // As a client reads it: what the server keeps as a bigint is a number.
  const asNumber = (_: string, value: unknown) => (typeof value === 'bigint' ? Number(value) : value);
  const request = async ({ method, path, body, contentType }: HttpRequest) => {
    const answer = await api.send(method, path, {
      ...(body === undefined ? {} : { body: String(body) }),
      ...(contentType ? { contentType } : {}),
    });
    const shown = Array.isArray(answer) ? { metadata: {}, items: answer } : answer;
    return JSON.parse(JSON.stringify(shown, asNumber));
  };
  return Object.assign(Object.create(KubeClient.prototype), { request });
}
