// The server of the metrics' groups: HTTPS for the API server in front of it, which says who asks. Reads only.
import type { IncomingMessage } from 'node:http';
import type { Server } from 'node:https';
import type { ControllerContext } from '../../client/controller.ts';
import type { Attributes } from '../../client/delegated-access.ts';
import { attributesOfPath, delegatedAuthorizer } from '../../client/secure/delegated-authorizer.ts';
import { makeSecureServer } from '../../client/secure/https.ts';
import { methodNotRoutedError, unauthorizedError, unknownPathError } from '../../machinery/errors.ts';
import { jsonAnswer } from '../../machinery/zpages.ts';
import { readTrust, userOf } from './authentication.ts';
import { readParts, type ServedApi } from './served-api.ts';

/** Makes it; it listens to nothing yet. */
export function makeServer(
  context: ControllerContext,
  { certificatePem, keyPem }: { certificatePem: string; keyPem: string },
  apis: readonly ServedApi[],
): Server {
  const { client, clock, log } = context;
  const authorize = delegatedAuthorizer(client, clock);
  let trust = readTrust();
  const deps = {
    tls: { cert: certificatePem, key: keyPem },
    log,
    informers: context,
    authorityOf(data: Record<string, string> | undefined) {
      trust = readTrust(data);
      return trust.ca;
    },
  };
  return makeSecureServer(deps, async (request) => {
    const user = userOf(request, trust);
    if (!user) throw unauthorizedError();
    return jsonAnswer(await answer(apis, request, (attributes) => authorize(user, attributes)));
  });
}

async function answer(
  apis: readonly ServedApi[],
  { method, url = '/', headers }: IncomingMessage,
  authorize: (attributes: Attributes) => Promise<void>,
): Promise<object> {
  const base = 'https://metrics';
  if (!URL.canParse(url, base)) throw unknownPathError();
  const { pathname, searchParams } = new URL(url, base);
  const [root, group = '', version = '', ...parts] = pathname.slice(1).split('/').map(decoded);
  const api = apis.find((one) => root === 'apis' && one.group === group && one.version === version);
  if (!api || parts.join('') === '') {
    await authorize(attributesOfPath(pathname));
    if (!api) throw unknownPathError();
    return {
      kind: 'APIResourceList',
      apiVersion: 'v1',
      groupVersion: `${group}/${version}`,
      resources: api.resources(),
    };
  }
  const asTable = (headers.accept ?? '').includes('as=Table');
  const asked = readParts(parts);
  await authorize({ resourceAttributes: { group, version, ...asked, verb: asked.name === '' ? 'list' : 'get' } });
  if (method !== 'GET' && method !== 'HEAD') throw methodNotRoutedError();
  return api.answer({ ...asked, query: searchParams, asTable });
}

function decoded(part: string): string {
  try {
    return decodeURIComponent(part);
  } catch {
    throw unknownPathError();
  }
}
