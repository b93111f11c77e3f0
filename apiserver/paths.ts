// Everything that is not a resource: health, version, metrics, discovery, OpenAPI, the token issuer's public documents.
import { arch } from 'node:os';
import type { Registry } from 'prom-client';
import { buildInfoOf } from '../machinery/build-info.ts';
import { headersOf } from '../machinery/component.ts';
import { methodNotRoutedError } from '../machinery/errors.ts';
import type { Zpages } from '../machinery/zpages.ts';
import type { ServiceAccountTokens } from './authn/tokens.ts';
import { checkPaths, type Readiness, serveHealth, sliText } from './health.ts';
import type { FrontRequest, FrontResponse } from './http/front.ts';
import { basePathOf } from './openapi/operations.ts';
import type { KindTable } from './registry/kind-table.ts';
import type { RequestInfo } from './request-info.ts';
import { one } from './server-headers.ts';

/** Serves a path that is not a resource: discovery, OpenAPI, health. Undefined: not mine. */
export type PathHandler = (info: RequestInfo, request: FrontRequest) => Promise<FrontResponse | undefined>;

export interface PathDeps {
  kinds: Pick<KindTable, 'groupVersions'>;
  discovery(path: string, request: FrontRequest): FrontResponse | undefined;
  openApi: PathHandler;
  metrics: Registry;
  readiness: Readiness;
  zpages: Zpages;
  tokens: ServiceAccountTokens;
  issuer: string;
}

const json = (body: object, headers: Record<string, string> = {}): FrontResponse => ({
  code: 200,
  headers: { 'content-type': 'application/json', ...headers },
  body: JSON.stringify(body, null, 2),
});

// Keys change rarely; those who verify need not ask every time.
const keeps = { 'cache-control': 'public, max-age=3600' };

const fixedPaths = [
  '/.well-known/openid-configuration',
  '/api',
  '/apis',
  '/apis/',
  '/flagz',
  '/healthz',
  ...checkPaths('healthz'),
  '/livez',
  ...checkPaths('livez'),
  '/metrics',
  '/metrics/slis',
  '/openapi/v2',
  '/openapi/v3',
  '/openapi/v3/',
  '/openid/v1/jwks',
  '/readyz',
  ...checkPaths('readyz'),
  '/statusz',
  '/version',
];

/** What /statusz tells of: what was there before it. */
const ownPaths = fixedPaths.filter((path) => path !== '/statusz');

/** Every path that is not one of an object, in order. */
function rootPaths({ kinds }: PathDeps): string[] {
  const served = kinds.groupVersions().flatMap((gv) => {
    const path = basePathOf(gv);
    return gv.group ? [`/apis/${gv.group}`, path] : [path];
  });
  return [...new Set([...fixedPaths, ...served])].sort();
}

/** What go-restful serves upstream; the others do not mind the method. */
const onlyGet = /^\/(?:version|api(?:\/.*)?|apis\/.+)\/?$/;

export function createPathHandler(deps: PathDeps) {
  const find: PathHandler = async (info, request) => {
    const { path } = info;
    if (path === '/version' || path === '/version/') return json(buildInfoOf(arch()));
    const health = await serveHealth(info, deps.readiness);
    if (health) return health;
    const page = deps.zpages(path, one(request.headers.accept), ownPaths);
    if (page) return { code: page.code, headers: headersOf(page), body: page.text };
    if (path === '/metrics/slis') {
      const body = await sliText(deps.readiness);
      return { code: 200, headers: { 'content-type': deps.metrics.contentType }, body };
    }
    if (path === '/metrics') {
      const body = await deps.metrics.metrics();
      return { code: 200, headers: { 'content-type': deps.metrics.contentType }, body };
    }
    if (path === '/' || path === '/index.html') return json({ paths: rootPaths(deps) });
    if (path === '/openid/v1/jwks') {
      const keys = [await deps.tokens.publicJwk()];
      return json({ keys }, { 'content-type': 'application/jwk-set+json', ...keeps });
    }
    if (path === '/.well-known/openid-configuration') {
      const document = {
        issuer: deps.issuer,
        jwks_uri: `${deps.issuer}/openid/v1/jwks`,
        response_types_supported: ['id_token'],
        subject_types_supported: ['public'],
        id_token_signing_alg_values_supported: [deps.tokens.algorithm],
      };
      return json(document, keeps);
    }
    return deps.discovery(path, request) ?? deps.openApi(info, request);
  };
  const handle: PathHandler = async (info, request) => {
    const found = await find(info, request);
    if (found && request.method !== 'GET' && onlyGet.test(info.path)) throw methodNotRoutedError();
    return found;
  };
  return handle;
}
