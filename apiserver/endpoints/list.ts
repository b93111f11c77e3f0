// GET of an object and of a collection.
import { badRequestError, expiredError } from '../../machinery/errors.ts';
import type { Kind } from '../../machinery/kind.ts';
import type { ApiContext } from '../registry/context.ts';
import { isTrue } from '../request-info.ts';
import { CompactedError } from '../storage/etcd.ts';
import { keyPrefixOf, type StoredObject } from '../storage/stored-object.ts';
import type { Answer, ApiRequest, ListAnswer } from './exchange.ts';
import { decodeContinue, encodeContinue, parseRevision, readListOptions } from './list-options.ts';
import { readSelection, type Selection } from './selection.ts';

export async function handleGet(context: ApiContext, request: ApiRequest): Promise<Answer> {
  const { kind, info } = request;
  if (isTrue(info.query.get('export')))
    throw badRequestError('the export parameter, deprecated since v1.14, is no longer supported');
  const version = info.query.get('resourceVersion') ?? '';
  const atLeast = version === '' ? undefined : parseRevision(version);
  const stored = await context.store.get(kind, info.namespace, info.name, atLeast);
  return { type: 'object', stored, code: 200 };
}

export async function handleList(context: ApiContext, request: ApiRequest): Promise<Answer> {
  return { type: 'list', list: await listObjects(context, request) };
}

/** The objects a list asks for, with the revision they are true at. */
export async function listObjects(context: ApiContext, request: ApiRequest): Promise<ListAnswer> {
  const { kind, info } = request;
  const options = readListOptions(info.query);
  const prefix = keyPrefixOf(kind) + (kind.namespaced && info.namespace ? `${info.namespace}/` : '');
  const token = options.continue === '' ? undefined : decodeContinue(options.continue, prefix);
  const revision = parseRevision(options.resourceVersion, true);
  const exact = options.match === 'Exact' || (options.match === '' && options.limit > 0 && revision > 0);
  const pinned = token ? token.revision : exact ? revision : 0;
  if (pinned > 0) await context.store.cache.waitFor(pinned);
  else if (options.resourceVersion === '' || token) await context.store.cache.waitConsistent();
  else if (revision > 0) await context.store.cache.waitFor(revision);
  const cache = context.store.resource(kind);
  const page = { prefix, limit: options.limit, from: token?.from ?? prefix };
  const asked = token && { prefix, from: token.from };
  // The cache holds the present; the past is asked from etcd, unless nothing of this resource has changed since. What
  // etcd has forgotten is forgotten here too: clients learn that a token has ended, whatever else happens.
  if (pinned > 0 && cache.changedAt <= pinned) await orExpired(asked, () => context.store.touchHistory(pinned));
  if (pinned > 0 && cache.changedAt > pinned) {
    return orExpired(asked, () => listPast(context, request, { ...page, revision: pinned }));
  }
  const at = pinned > 0 ? pinned : context.store.cache.position;
  const { name } = readSelection(request);
  const isOne = name !== undefined && token === undefined && (!kind.namespaced || info.namespace !== '');
  const found = isOne ? cache.get(prefix + name) : undefined;
  const objects = isOne ? (found ? [found] : []) : cache.list(prefix, page.from);
  return selectPage(context, request, objects, { ...page, revision: at });
}

interface PageRequest {
  prefix: string;
  limit: number;
  /** The first key. */
  from: string;
  revision: number;
}

/** Whoever selects, selects from objects in the form of the kind; else only those that are given out are put into it. */
async function selectPage(
  context: ApiContext,
  request: ApiRequest,
  stored: Iterable<StoredObject>,
  page: PageRequest,
): Promise<ListAnswer> {
  const { kind } = request;
  const { matches } = readSelection(request);
  if (!kind.storedForm) return cutPage(stored, page, matches);
  const objects = matches ? await context.store.view(kind, [...stored]) : stored;
  const answer = cutPage(objects, page, matches);
  return { ...answer, items: [...(await context.store.view(kind, answer.items))] };
}

function cutPage(objects: Iterable<StoredObject>, page: PageRequest, matches: Selection['matches']): ListAnswer {
  const items: StoredObject[] = [];
  let remaining = 0;
  for (const stored of objects) {
    if (page.limit > 0 && items.length >= page.limit) {
      remaining++;
      if (matches) break;
    } else if (!matches || matches(stored)) {
      items.push(stored);
    }
  }
  const answer: ListAnswer = { items, revision: page.revision };
  if (remaining === 0) return answer;
  answer.continue = continueAfter(items[items.length - 1]!, page);
  // With a selector nobody knows how many are left.
  if (!matches) answer.remaining = remaining;
  return answer;
}

const continueAfter = ({ key }: StoredObject, { revision, prefix }: PageRequest) =>
  encodeContinue({ revision, from: `${key}\0` }, prefix);

/** A page of all there was: no more is read than is given out. */
async function historyPage(context: ApiContext, kind: Kind, page: PageRequest): Promise<ListAnswer> {
  const { prefix, from, limit, revision } = page;
  const { objects, count, more } = await context.store.history(prefix, from, { limit, revision });
  const answer: ListAnswer = { items: [...(await context.store.view(kind, objects))], revision };
  const last = objects[objects.length - 1];
  if (!more || !last) return answer;
  return { ...answer, continue: continueAfter(last, page), remaining: count - objects.length };
}

async function listPast(context: ApiContext, request: ApiRequest, page: PageRequest): Promise<ListAnswer> {
  const everything = !readSelection(request).matches;
  if (everything && page.limit > 0) return await historyPage(context, request.kind, page);
  const { objects } = await context.store.history(page.prefix, page.from, { limit: 0, revision: page.revision });
  return await selectPage(context, request, objects, page);
}

/** What asks for the past, or 410: with a token for the present from there on, if it was to go on from somewhere. */
async function orExpired<T>(rest: { from: string; prefix: string } | undefined, ask: () => Promise<T>): Promise<T> {
  try {
    return await ask();
  } catch (err) {
    if (!(err instanceof CompactedError)) throw err;
    if (rest === undefined) throw expiredError(`The resourceVersion for the provided list is too old.`);
    const token = encodeContinue({ revision: -1, from: rest.from }, rest.prefix);
    throw expiredError(
      'The provided continue parameter is too old to display a consistent list result. You can start a new list without the continue parameter, or use the continue token in this response to retrieve the remainder of the results. Continuing with the provided token results in an inconsistent list - objects that were created, modified, or deleted between the time the first chunk was returned and now may show up in the list.',
      token,
    );
  }
}
