// What form the client wants its answer in: plain objects, a Table for people, or metadata alone; JSON, YAML or
// protobuf. Upstream: endpoints/handlers/negotiation.
// https://kubernetes.io/docs/reference/using-api/api-concepts/#alternate-representations-of-resources
import type { IncomingHttpHeaders } from 'node:http';
import { type AcceptClause, covers, parseAccept } from '../../machinery/accept.ts';
import { notAcceptableError, StatusError } from '../../machinery/errors.ts';
import { protobufType } from '../protobuf/envelope.ts';

type ObjectForm = 'object' | 'Table' | 'PartialObjectMetadata' | 'PartialObjectMetadataList';
export type Encoding = 'json' | 'yaml' | 'protobuf';

export interface MediaChoice {
  form: ObjectForm;
  encoding: Encoding;
  /** The group/version of the Table or PartialObjectMetadata. */
  metaVersion: 'v1' | 'v1beta1';
  /** JSON with indentation. */
  pretty?: boolean;
}

/** What the thing asked for has; everything, unless told otherwise. */
export interface Representations {
  /** Columns: what is no stored object has none. */
  table?: boolean;
  /** Messages of its type: custom resources have none, but their metadata has. */
  protobuf?: boolean;
  /** Other forms than the plain object. */
  forms?: boolean;
}

export const mediaTypeOf: Record<Encoding, string> = {
  json: 'application/json',
  yaml: 'application/yaml',
  protobuf: protobufType,
};
export const encodings = Object.keys(mediaTypeOf) as Encoding[];
/** What answers are written in, and what lists, which may be watches. */
export const types = Object.values(mediaTypeOf);
const watchTypes = [mediaTypeOf.json, mediaTypeOf.protobuf].map((type) => `${type};stream=watch`);
export const listTypes = [...types, ...watchTypes];
const plainJson: MediaChoice = { form: 'object', encoding: 'json', metaVersion: 'v1' };

/** The choice that a clause makes with an encoding; undefined where there is no such form. */
function choiceOf(
  { parameters }: AcceptClause,
  encoding: Encoding,
  has: Required<Representations>,
): MediaChoice | undefined {
  const pretty = parameters.get('pretty') === '1' ? { pretty: true } : {};
  const [stream = '', server = '', as, group, version] = ['stream', 'sv', 'as', 'g', 'v'].map(
    (n) => parameters.get(n) || undefined,
  );
  if ((server !== '' && server !== 'v1') || (stream !== '' && (stream !== 'watch' || encoding === 'yaml')))
    return undefined;
  if (as === undefined && group === undefined && version === undefined) {
    return has.protobuf || encoding !== 'protobuf' ? { ...plainJson, encoding, ...pretty } : undefined;
  }
  if (!has.forms || group !== 'meta.k8s.io' || (version !== 'v1' && version !== 'v1beta1')) return undefined;
  const isMetadata = as === 'PartialObjectMetadata' || as === 'PartialObjectMetadataList';
  const isTable = as === 'Table' && has.table && encoding !== 'protobuf';
  return isMetadata || isTable ? { form: as, encoding, metaVersion: version, ...pretty } : undefined;
}

function choose(accept: string | undefined, representations: Representations): MediaChoice | undefined {
  if (!accept || accept === 'application/json' || accept === '*/*') return plainJson;
  const has = { table: true, protobuf: true, forms: true, ...representations };
  for (const clause of parseAccept(accept)) {
    for (const encoding of encodings) {
      const choice = covers(clause, mediaTypeOf[encoding]) ? choiceOf(clause, encoding, has) : undefined;
      if (choice) return choice;
    }
  }
  return undefined;
}

const refuse = (types: readonly string[]) =>
  notAcceptableError(`only the following media types are accepted: ${types.join(', ')}`);

/** Picks the form that the Accept header wants most of those that this server has; 406 when it has none. */
export function negotiate(accept: string | undefined, representations: Representations = {}): MediaChoice {
  const choice = choose(accept, representations);
  if (choice) return choice;
  throw refuse(types);
}

/** The form of a watch, whose events come one by one: YAML has no form for that. */
export function negotiateWatch(accept: string | undefined, representations: Representations = {}): MediaChoice {
  const choice = choose(accept, representations);
  if (choice && choice.encoding !== 'yaml') return choice;
  throw refuse(watchTypes);
}

/**
 * What upstream's router asks of what is built in before anything is negotiated: that Accept names a type as it is
 * written. 406. Upstream: go-restful's Route.matchesAccept.
 */
export function matchRoute(accept: string | undefined, produced: readonly string[]): void {
  if (!accept) return;
  const asked = accept.split(',').map((clause) => clause.split(';', 1)[0]!.trim());
  if (asked.some((type) => type === '*/*' || produced.includes(type))) return;
  const text = `406: Not Acceptable\n\nAvailable representations: ${produced.join(', ')}`;
  throw new StatusError(406, 'NotAcceptable', text, { details: {} });
}

/** The form of an error: one that cannot be given is no reason to hide the error. */
export function negotiateError(accept: string | undefined): MediaChoice {
  return choose(accept, { forms: false }) ?? { ...plainJson, pretty: true };
}

const forPeople = ['curl', 'Wget', 'Mozilla/5.0'];
const truths = ['1', 't', 'T', 'true', 'TRUE', 'True'];

/** Whether JSON is to be indented: by the query's `pretty`, or because of a program that shows it as it comes. */
export function wantsPretty({ url, headers }: { url: string; headers: IncomingHttpHeaders }): boolean {
  const at = url.indexOf('?');
  const asked = url.includes('pretty=', at + 1) ? (new URLSearchParams(url.slice(at + 1)).get('pretty') ?? '') : '';
  if (asked !== '') return truths.includes(asked);
  return forPeople.some((program) => headers['user-agent']?.startsWith(program));
}
