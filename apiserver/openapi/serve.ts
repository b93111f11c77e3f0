// Serves /openapi/v2 and /openapi/v3. Documents are built when first asked for and kept as bytes.
import { createHash } from 'node:crypto';
import { notAcceptableError } from '../../machinery/errors.ts';
import type { ServedVersion } from '../../machinery/kind.ts';
import type { FrontRequest, FrontResponse } from '../http/front.ts';
import type { GroupVersionResources, KindTable } from '../registry/kind-table.ts';
import { one } from '../server-headers.ts';
import { openApiV2, openApiV3 } from './documents.ts';
import { type V2Part, withParts } from './foreign-v2.ts';
import { basePathOf, buildModel } from './model.ts';
import { encodeOpenApiV2 } from './v2-protobuf.ts';

// Clients ask for it by a name with an @, which is no valid media type: a strict one could not read it in the answer.
const v2Protobuf = 'application/com.github.proto-openapi.spec.v2.v1.0+protobuf';
const v2ProtobufAsked = [v2Protobuf, v2Protobuf.replace('v2.v1.0', 'v2@v1.0')];

interface Document {
  body: Buffer;
  hash: string;
}

const documentOf = (body: Buffer): Document => ({
  body,
  hash: createHash('sha512').update(body).digest('hex').slice(0, 64).toUpperCase(),
});

/** A document of some group/versions, true as long as they serve the same, and others have the same to add. */
interface Made extends Document {
  of: readonly (ServedVersion | V2Part)[];
}

const isSame = (a: Made['of'], b: Made['of']) => a.length === b.length && a.every((one, i) => one === b[i]);

const yearMs = 365 * 24 * 3600_000;

export interface OpenApiOptions {
  now(): number;
  /** Hashes of documents that other servers have, by path: `apis/<group>/<version>`. */
  others(): ReadonlyMap<string, string>;
  /** What others add to the document of version 2. */
  parts(): readonly V2Part[];
}

export function createOpenApi(kinds: KindTable, { now, others, parts }: OpenApiOptions) {
  const documents = new Map<string, Made>();
  const remember = (
    key: string,
    { of, added = [] }: { of: readonly GroupVersionResources[]; added?: readonly V2Part[] },
    build: () => Buffer,
  ): Document => {
    const versions = [...of.flatMap(({ resources }) => resources.map(({ version }) => version)), ...added];
    let found = documents.get(key);
    if (!found || !isSame(found.of, versions)) {
      found = { ...documentOf(build()), of: versions };
      documents.set(key, found);
    }
    return found;
  };
  let generation = -1;
  let v3Paths = new Map<string, GroupVersionResources>();
  /** The group/versions by path; documents of those that have gone go too. */
  const pathsNow = () => {
    if (generation === kinds.generation) return v3Paths;
    generation = kinds.generation;
    v3Paths = new Map(kinds.groupVersions().map((gv) => [basePathOf(gv).slice(1), gv]));
    for (const key of documents.keys()) {
      if (key.startsWith('v3 ') && !v3Paths.has(key.slice(3))) documents.delete(key);
    }
    return v3Paths;
  };
  const v3 = (path: string) => {
    const gv = [pathsNow().get(path)!];
    return remember(`v3 ${path}`, { of: gv }, () => Buffer.from(JSON.stringify(openApiV3(buildModel(gv)))));
  };
  const v2 = (protobuf: boolean) => {
    const all = [...pathsNow().values()];
    const added = parts();
    return remember(`v2 ${protobuf}`, { of: all, added }, () => {
      const document = withParts(openApiV2(buildModel(all)), added);
      return protobuf ? encodeOpenApiV2(document) : Buffer.from(JSON.stringify(document));
    });
  };
  const answer = (document: Document, contentType: string, request: FrontRequest): FrontResponse => {
    const etag = `"${document.hash}"`;
    const headers = { 'content-type': contentType, etag, vary: 'Accept' };
    if (one(request.headers['if-none-match']) === etag) return { code: 304, headers, body: '' };
    return { code: 200, headers, body: document.body };
  };
  return (path: string, request: FrontRequest): FrontResponse | undefined => {
    const accept = one(request.headers.accept) ?? '*/*';
    const takesJson = accept.includes('json') || accept.includes('*/*');
    if (path === '/openapi/v2') {
      if (v2ProtobufAsked.some((type) => accept.includes(type))) return answer(v2(true), v2Protobuf, request);
      if (!takesJson) throw notAcceptableError('only application/json and the openapi v2 protobuf form are served');
      return answer(v2(false), 'application/json', request);
    }
    if (path === '/openapi/v3') {
      const own = [...pathsNow().keys()].map((p): [string, string] => [p, v3(p).hash]);
      const paths = Object.fromEntries(
        [...own, ...others()].map(([p, hash]) => [p, { serverRelativeURL: `/openapi/v3/${p}?hash=${hash}` }]),
      );
      return answer(documentOf(Buffer.from(JSON.stringify({ paths }))), 'application/json', request);
    }
    if (!path.startsWith('/openapi/v3/')) return undefined;
    if (!takesJson) throw notAcceptableError('only application/json is served');
    const key = path.slice('/openapi/v3/'.length);
    if (!pathsNow().has(key)) return undefined;
    const found = answer(v3(key), 'application/json', request);
    const asked = new URLSearchParams(request.url.split('?')[1] ?? '').get('hash') ?? '';
    if (asked === '') return found;
    const { hash } = v3(key);
    // What has its hash in its address never changes.
    if (asked !== hash) return { code: 301, headers: { location: `/openapi/v3/${key}?hash=${hash}` }, body: '' };
    const kept = { 'cache-control': 'public, immutable', expires: new Date(now() + yearMs).toUTCString() };
    return { ...found, headers: { ...found.headers, ...kept } };
  };
}
