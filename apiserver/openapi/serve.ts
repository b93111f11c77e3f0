// Serves /openapi/v2 and /openapi/v3. Documents are built when they are asked for, and kept for a while.
import type { Clock } from '../../machinery/clock.ts';
import { notAcceptableError } from '../../machinery/errors.ts';
import type { FrontRequest, FrontResponse } from '../http/front.ts';
import type { KindTable } from '../registry/kind-table.ts';
import type { RequestInfo } from '../request-info.ts';
import { one } from '../server-headers.ts';
import { type Document, DocumentCache, hashOf, type Recipe } from './document-cache.ts';
import { openApiV2, openApiV3, writeDocument } from './documents.ts';
import { type V2Part, withParts } from './foreign-v2.ts';
import { type Content, contentsOf, modelInSteps } from './model.ts';
import { writeOpenApiV2 } from './v2-protobuf.ts';
import { writeOpenApiV3 } from './v3-protobuf.ts';

const protobufOf = (version: 'v2' | 'v3') => `application/com.github.proto-openapi.spec.${version}.v1.0+protobuf`;
/** Clients ask for it by a name with an @, which is no valid media type: a strict one could not read it in the answer. */
const asksFor = (accept: string, protobuf: string) =>
  [protobuf, protobuf.replace('.v1.0', '@v1.0')].some((type) => accept.includes(type));

const yearMs = 365 * 24 * 3600_000;
const sweepPeriodMs = 60_000;

interface OpenApiOptions {
  clock: Clock;
  /** Hashes of documents that other servers have, by path: `apis/<group>/<version>`. */
  others(): ReadonlyMap<string, string>;
  /** What others add to the document of version 2. */
  parts(): readonly V2Part[];
}

export function createOpenApi(kinds: KindTable, { clock, others, parts }: OpenApiOptions) {
  const documents = new DocumentCache(clock);
  clock.every(sweepPeriodMs, () => documents.restIfIdle());
  let generation = -1;
  let v3Paths = new Map<string, Content>();
  /** What there are documents of, by path; those of what has gone go too. */
  const pathsNow = () => {
    if (generation === kinds.generation) return v3Paths;
    generation = kinds.generation;
    v3Paths = contentsOf(kinds.groupVersions());
    documents.keepOnly((key) => !key.startsWith('v3 ') || v3Paths.has(key.split(' ')[2]!));
    return v3Paths;
  };
  const v3 = (
    form: string,
    write: typeof writeDocument | typeof writeOpenApiV3,
    path: string,
    known: Content,
  ): [key: string, recipe: () => Recipe] => {
    const recipe = () => {
      // Or what it was, when it has just gone.
      const content = pathsNow().get(path) ?? known;
      const build = function* () {
        yield* write(openApiV3(yield* modelInSteps(content)));
      };
      return { of: content.groupVersions, build };
    };
    return [`v3 ${form} ${path}`, recipe];
  };
  const v2 = (form: string, write: typeof writeDocument | typeof writeOpenApiV2): Promise<Document> =>
    documents.get(`v2 ${form}`, () => {
      const all = [...pathsNow().values()];
      const groupVersions = all.flatMap((content) => content.groupVersions);
      const others = all.flatMap((content) => content.others);
      const added = parts();
      const build = function* () {
        yield* write(withParts(openApiV2(yield* modelInSteps({ groupVersions, others })), added));
      };
      return { of: groupVersions, added, build };
    });
  return async ({ path, query }: RequestInfo, request: FrontRequest): Promise<FrontResponse | undefined> => {
    const accept = one(request.headers.accept) ?? '*/*';
    const takesJson = accept.includes('json') || accept.includes('*/*');
    if (path === '/openapi/v2') {
      const protobuf = protobufOf('v2');
      if (asksFor(accept, protobuf)) return answer(await v2('protobuf', writeOpenApiV2), protobuf, request);
      if (!takesJson) throw notAcceptableError('only application/json and the openapi v2 protobuf form are served');
      return answer(await v2('json', writeDocument), 'application/json', request);
    }
    if (path === '/openapi/v3') {
      const hashes = new Map<string, string>();
      for (const [p, content] of pathsNow())
        hashes.set(p, await documents.hash(...v3('json', writeDocument, p, content)));
      for (const [p, hash] of others()) hashes.set(p, hash);
      const paths = Object.fromEntries(
        [...hashes].map(([p, hash]) => [p, { serverRelativeURL: `/openapi/v3/${p}?hash=${hash}` }]),
      );
      const body = Buffer.from(JSON.stringify({ paths }));
      return answer({ body, hash: hashOf(body) }, 'application/json', request);
    }
    if (!path.startsWith('/openapi/v3/')) return undefined;
    const protobuf = protobufOf('v3');
    const takesProtobuf = asksFor(accept, protobuf);
    if (!takesJson && !takesProtobuf)
      throw notAcceptableError('only application/json and the openapi v3 protobuf form are served');
    const key = path.slice('/openapi/v3/'.length);
    const content = pathsNow().get(key);
    if (!content) return undefined;
    const json = v3('json', writeDocument, key, content);
    // Both forms have the hash of the text.
    const document = takesProtobuf
      ? {
          ...(await documents.get(...v3('protobuf', writeOpenApiV3, key, content))),
          hash: await documents.hash(...json),
        }
      : await documents.get(...json);
    const found = answer(document, takesProtobuf ? protobuf : 'application/json', request);
    const asked = query.get('hash') ?? '';
    if (asked === '') return found;
    const { hash } = document;
    // What has its hash in its address never changes.
    if (asked !== hash) return { code: 301, headers: { location: `/openapi/v3/${key}?hash=${hash}` }, body: '' };
    const kept = { 'cache-control': 'public, immutable', expires: new Date(clock.now() + yearMs).toUTCString() };
    return { ...found, headers: { ...found.headers, ...kept } };
  };
}

function answer(document: Document, contentType: string, request: FrontRequest): FrontResponse {
  const etag = `"${document.hash}"`;
  const headers = { 'content-type': contentType, etag, vary: 'Accept' };
  if (one(request.headers['if-none-match']) === etag) return { code: 304, headers, body: '' };
  return { code: 200, headers, body: document.body };
}
