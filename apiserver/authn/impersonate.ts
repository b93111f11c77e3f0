// Impersonation: acting as somebody else, where that is allowed for every request or, with a mode of its own for each
// sort of user, for one like this. https://kubernetes.io/docs/reference/access-authn-authz/user-impersonation/
// https://kep.k8s.io/5284 (constrained impersonation)
import { LRUCache } from 'lru-cache';
import { validateDomainPrefixedPath } from '../../api/meta/checks.ts';
import { badRequestError, type StatusError } from '../../machinery/errors.ts';
import { showError } from '../../machinery/field-error.ts';
import { setKey } from '../../machinery/json.ts';
import { checkDNS1123Label, checkDNS1123Subdomain } from '../../machinery/name-rules.ts';
import type { AccessMetrics } from '../access-metrics.ts';
import { type Attributes, type Authorizer, denied } from '../authz/attributes.ts';
import { valuesOf } from '../server-headers.ts';
import { unescapeKey } from './request-header.ts';
import { anonymousUser, type UserInfo } from './user.ts';

const prefix = 'impersonate-';
const extraPrefix = `${prefix}extra-`;
const authenticationGroup = 'authentication.k8s.io';
const unauthenticated = 'system:unauthenticated';
// From so many groups, or values, on it is asked first whether all of them are allowed.
const many = 4;
/** How the mode for everything is counted. */
const legacy = 'legacy';
const maxKnownUsers = 10_000;

type Headers = Record<string, string | string[] | undefined>;

interface Acting {
  user: UserInfo;
  /** The verb that allowed it for this request. Absent: it is allowed for every request. */
  constraint?: string;
}

interface Question {
  authorizer: Authorizer;
  /** Of the request, as the real user's. */
  attributes(): Attributes;
  /** Absent: nobody counts. */
  access?: AccessMetrics | undefined;
}

interface Mode {
  /** Its verbs are `impersonate:NAME`, and `impersonate-on:NAME:VERB` for what is done so. '': `impersonate`, for everything. */
  name: string;
  isFor(wanted: UserInfo, real: UserInfo): boolean;
  /** What is asked instead. */
  ask?(attributes: Attributes): Attributes;
}

const modes: readonly Mode[] = [
  { name: 'associated-node', isFor: (wanted, real) => isBare(wanted) && isOwnNode(wanted, real), ask: ofAnyNode },
  { name: 'arbitrary-node', isFor: (wanted) => isBare(wanted) && nodeOf(wanted) !== undefined },
  { name: 'serviceaccount', isFor: (wanted) => isBare(wanted) && accountOf(wanted) !== undefined },
  { name: 'user-info', isFor: (wanted) => nodeOf(wanted) === undefined && accountOf(wanted) === undefined },
  { name: '', isFor: () => true },
];

export class Impersonation {
  // The mode that a user was last allowed, which is tried first.
  readonly #known = new LRUCache<string, Mode>({ max: maxKnownUsers });

  /** Whom a request acts as; undefined: as who sent it. 403 where the real user may not act as them. */
  async actAs(real: UserInfo, headers: Headers, question: Question): Promise<Acting | undefined> {
    const wanted = wantedUser(headers);
    if (!wanted) return undefined;
    const work = this.#tryModes(real, wanted, question);
    const { user, mode } = await (question.access?.impersonate(work) ?? work);
    return { user, ...(mode !== legacy && { constraint: `impersonate:${mode}` }) };
  }

  async #tryModes(real: UserInfo, wanted: UserInfo, question: Question): Promise<{ user: UserInfo; mode: string }> {
    const known = this.#known.get(real.username);
    let refusal: unknown;
    for (const mode of known ? [known, ...modes.filter((other) => other !== known)] : modes) {
      if (!mode.isFor(wanted, real)) continue;
      try {
        const user = await impersonate(mode, wanted, question);
        this.#known.set(real.username, mode);
        return { user, mode: mode.name || legacy };
      } catch (err) {
        refusal ??= err;
      }
    }
    throw refusal;
  }
}

/** Whom the headers name, as they name them. */
function wantedUser(headers: Headers): UserInfo | undefined {
  if (!Object.keys(headers).some((name) => name.startsWith(prefix))) return undefined;
  const [username = ''] = valuesOf(headers['impersonate-user']);
  const [uid = ''] = valuesOf(headers['impersonate-uid']);
  const groups = valuesOf(headers['impersonate-group']);
  const extra: Record<string, string[]> = {};
  for (const [name, value] of Object.entries(headers)) {
    if (name.startsWith(extraPrefix)) setKey(extra, unescapeKey(name.slice(extraPrefix.length)), valuesOf(value));
  }
  if (username) return { username, uid, groups, extra };
  if (!uid && groups.length === 0 && Object.keys(extra).length === 0) return undefined;
  throw badRequestError(`requested ${goSyntax({ username, uid, groups, extra })} without impersonating a user name`);
}

/** As Go's %#v writes it. */
function goSyntax({ username, uid, groups, extra = {} }: UserInfo): string {
  const list = (values: readonly string[]) =>
    `[]string${values.length > 0 ? `{${values.map((v) => JSON.stringify(v)).join(', ')}}` : '(nil)'}`;
  const keys = Object.keys(extra).sort();
  const entries = keys.map((key) => `${JSON.stringify(key)}:${list(extra[key]!)}`).join(', ');
  const map = `map[string][]string${keys.length > 0 ? `{${entries}}` : '(nil)'}`;
  return `&user.DefaultInfo{Name:${JSON.stringify(username)}, UID:${JSON.stringify(uid)}, Groups:${list(groups)}, Extra:${map}}`;
}

/** The user, with the groups that come of itself. Throws where the mode does not allow every part of it. */
async function impersonate(
  mode: Mode,
  wanted: UserInfo,
  { authorizer, attributes, access }: Question,
): Promise<UserInfo> {
  const asked = attributes();
  const demand = async (attributes: Attributes) => {
    const demanded = mode.ask?.(attributes) ?? attributes;
    const work = authorizer.authorize(demanded);
    const { allowed, reason, error } = await (access?.impersonationAsks(mode.name || legacy, work) ?? work);
    if (!allowed) throw denied(demanded, [error, reason].filter(Boolean).join(': '));
  };
  const isConstrained = mode.name !== '';
  const verb = isConstrained ? `impersonate:${mode.name}` : 'impersonate';
  if (isConstrained) await demand({ ...asked, verb: `impersonate-on:${mode.name}:${asked.verb}` });
  const { user } = asked;
  const part = { user, verb, isResource: true, version: 'v1', subresource: '', namespace: '', path: '' };
  const ofUser = { ...part, group: isConstrained ? authenticationGroup : '' };
  const ofAuthentication = { ...part, group: authenticationGroup };
  const { username, uid, groups, extra = {} } = wanted;
  const account = accountOf(wanted);
  const node = isConstrained ? nodeOf(wanted) : undefined;
  if (account) await demand({ ...ofUser, resource: 'serviceaccounts', ...account });
  else if (node !== undefined) await demand({ ...ofUser, resource: 'nodes', name: node });
  else await demand({ ...ofUser, resource: 'users', name: username });
  if (uid) await demand({ ...ofAuthentication, resource: 'uids', name: uid });

  const demandAll = async (all: Attributes, each: readonly Attributes[], refusal: StatusError | undefined) => {
    if (isConstrained && refusal) throw refusal;
    if (isConstrained && each.length >= many && (await isAllowed(demand(all)))) return;
    for (const one of each) await demand(one);
  };
  const ofGroup = { ...ofUser, resource: 'groups', name: '' };
  const eachGroup = groups.map((name) => ({ ...ofGroup, name }));
  await demandAll({ ...ofGroup, name: '*' }, eachGroup, refuseGroups(groups, ofGroup));
  const ofExtra = { ...ofAuthentication, resource: 'userextras', name: '' };
  const eachExtra = Object.entries(extra).flatMap(([subresource, values]) =>
    values.map((name) => ({ ...ofExtra, subresource, name })),
  );
  await demandAll({ ...ofExtra, subresource: '*', name: '*' }, eachExtra, refuseExtra(extra, ofExtra));

  const implied = account
    ? ['system:serviceaccounts', `system:serviceaccounts:${account.namespace}`]
    : ['system:nodes'];
  const all = new Set(groups.length === 0 && (account || node !== undefined) ? implied : groups);
  if (username === anonymousUser.username) all.add(unauthenticated);
  else if (!all.has(unauthenticated)) all.add('system:authenticated');
  return { username, ...(uid && { uid }), groups: [...all], ...(Object.keys(extra).length > 0 && { extra }) };
}

const isAllowed = (demanded: Promise<void>): Promise<boolean> =>
  demanded.then(
    () => true,
    () => false,
  );

/** What no rule allows where impersonation is constrained. */
function refuseGroups(groups: readonly string[], attributes: Attributes): StatusError | undefined {
  if (groups.includes('')) return denied(attributes, 'impersonating the empty string group is not allowed');
  const name = 'system:masters';
  if (!groups.includes(name)) return undefined;
  return denied({ ...attributes, name }, `impersonating the ${name} group is not allowed`);
}

function refuseExtra(extra: NonNullable<UserInfo['extra']>, attributes: Attributes): StatusError | undefined {
  for (const [key, values] of Object.entries(extra)) {
    const [error] = validateDomainPrefixedPath(key, 'extra.key');
    const what =
      key === ''
        ? 'the empty string key in extra is not allowed'
        : error
          ? `an invalid key in extra is not allowed: ${showError(error)}`
          : key !== key.toLowerCase()
            ? `a non-lowercase key in extra is not allowed: ${JSON.stringify(key)}`
            : values.length === 0
              ? 'empty values in extra is not allowed'
              : values.includes('')
                ? 'the empty string value in extra is not allowed'
                : undefined;
    if (what !== undefined) return denied(attributes, `impersonating ${what}`);
  }
  return undefined;
}

/** Only a name is wanted. */
const isBare = ({ uid, groups, extra = {} }: UserInfo): boolean =>
  !uid && groups.length === 0 && Object.keys(extra).length === 0;

function accountOf({ username }: UserInfo): { namespace: string; name: string } | undefined {
  const [, namespace = '', name = ''] = /^system:serviceaccount:([^:]*):([^:]*)$/.exec(username) ?? [];
  const isOne = checkDNS1123Label(namespace).length === 0 && checkDNS1123Subdomain(name).length === 0;
  return isOne ? { namespace, name } : undefined;
}

const nodePrefix = 'system:node:';
function nodeOf({ username }: UserInfo): string | undefined {
  const name = username.slice(nodePrefix.length);
  return username.startsWith(nodePrefix) && checkDNS1123Subdomain(name).length === 0 ? name : undefined;
}

/** A service account of a pod that wants to be its node. */
function isOwnNode(wanted: UserInfo, real: UserInfo): boolean {
  const node = nodeOf(wanted);
  const own = real.extra?.['authentication.kubernetes.io/node-name'] ?? [];
  return node !== undefined && accountOf(real) !== undefined && own.length === 1 && own[0] === node;
}

/** For whichever node the account's pod runs on: that it is its own was seen. */
function ofAnyNode(attributes: Attributes): Attributes {
  const keys = Object.keys(attributes.user.extra ?? {}).sort();
  const user = { ...attributes.user, extra: { 'authentication.kubernetes.io/associated-node-keys': keys } };
  const isOfNode = attributes.verb === 'impersonate:associated-node';
  return { ...attributes, user, ...(isOfNode && { name: '*' }) };
}
