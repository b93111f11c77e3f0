// The typed client over an API server in memory: single objects, read and written; nothing is watched.
import { KubeClient } from '../../client/rest.ts';
import type { HttpRequest } from '../../client/transport.ts';
import type { MemoryApi } from './memory-api.ts';

export function memoryClient(api: MemoryApi): KubeClient {
  const request = ({ method, path, body, contentType }: HttpRequest) =>
    api.send(method, path, {
      ...(body === undefined ? {} : { body: String(body) }),
      ...(contentType ? { contentType } : {}),
    });
  return Object.assign(Object.create(KubeClient.prototype), { request });
}
