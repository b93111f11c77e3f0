// Authorization checks: `authorizer.group('').resource('pods').namespace('default').check('create').allowed()`. Who is asked
// is injected; an answer may be under way, and the evaluation waits for it. Upstream: apiserver/pkg/cel/library/authz.go.
import { checkDNS1123Label, checkDNS1123Subdomain } from '../../name-rules.ts';
import { type Library, member } from '../decls.ts';
import { CelError, Pending } from '../errors.ts';
import { type OpaqueType, t } from '../types.ts';
import { OpaqueValue, type Value } from '../values.ts';

/** What is asked; a path, or a resource. */
export interface AuthorizationQuestion {
  readonly verb: string;
  readonly path?: string;
  readonly group?: string;
  readonly resource?: string;
  readonly subresource?: string;
  readonly namespace?: string;
  readonly name?: string;
  readonly fieldSelector?: string;
  readonly labelSelector?: string;
  /** Asked of this service account, not of who sent the request. */
  readonly serviceAccount?: { readonly namespace: string; readonly name: string };
}

interface AuthorizationAnswer {
  readonly isAllowed: boolean;
  readonly reason?: string;
  /** Why the question could not be answered. */
  readonly error?: string;
}

export type Authorize = (question: AuthorizationQuestion) => AuthorizationAnswer | Promise<AuthorizationAnswer>;

const typeNames = ['Authorizer', 'PathCheck', 'GroupCheck', 'ResourceCheck', 'Decision'] as const;
type TypeName = (typeof typeNames)[number];
const types = Object.fromEntries(
  typeNames.map((name) => [name, t.opaque(`kubernetes.authorization.${name}`)]),
) as Record<TypeName, OpaqueType>;
export const authorizerType = types.Authorizer;
export const resourceCheckType = types.ResourceCheck;

/** Asks, and remembers answers by their questions for as long as it lives: one request. */
class Memory {
  readonly #authorize: Authorize;
  readonly #answers = new Map<string, AuthorizationAnswer>();
  readonly #asked = new Map<string, Promise<unknown>>();

  constructor(authorize: Authorize) {
    this.#authorize = authorize;
  }

  ask(question: AuthorizationQuestion): AuthorizationAnswer {
    const key = JSON.stringify(question);
    const known = this.#answers.get(key);
    if (known !== undefined) return known;
    const asked = this.#asked.get(key);
    if (asked !== undefined) throw new Pending(asked);
    const answer = this.#authorize(question);
    if (!(answer instanceof Promise)) {
      this.#answers.set(key, answer);
      return answer;
    }
    const kept = answer
      .catch((error): AuthorizationAnswer => ({ isAllowed: false, error: error?.message ?? String(error) }))
      .then((known) => this.#answers.set(key, known));
    this.#asked.set(key, kept);
    throw new Pending(kept);
  }
}

class Check extends OpaqueValue {
  readonly celType: OpaqueType;
  readonly memory: Memory;
  readonly question: Partial<AuthorizationQuestion>;
  constructor(type: TypeName, memory: Memory, question: Partial<AuthorizationQuestion>) {
    super();
    this.celType = types[type];
    this.memory = memory;
    this.question = question;
  }
  equals(other: OpaqueValue): boolean {
    return other instanceof Check && JSON.stringify(this.question) === JSON.stringify(other.question);
  }
  with(type: TypeName, more: Partial<AuthorizationQuestion>): Check {
    return new Check(type, this.memory, { ...this.question, ...more });
  }
}

class Decision extends OpaqueValue {
  readonly celType = types.Decision;
  readonly answer: AuthorizationAnswer;
  constructor(answer: AuthorizationAnswer) {
    super();
    this.answer = answer;
  }
  equals(other: OpaqueValue): boolean {
    return other === this;
  }
}

/** The value of the variable `authorizer`, for one request. */
export function authorizerValue(authorize: Authorize): Value {
  return new Check('Authorizer', new Memory(authorize), {});
}

/** The value of `authorizer.requestResource`: a check of the request's own resource. */
export function requestResourceValue(
  authorize: Authorize,
  resource: Omit<AuthorizationQuestion, 'verb' | 'path'>,
): Value {
  return new Check('ResourceCheck', new Memory(authorize), resource);
}

function nonEmpty(text: string, what: string): string {
  if (text.trim() === '') throw new CelError(`${what} must not be empty`);
  return text;
}

function serviceAccount(authorizer: Check, namespace: string, name: string): Value {
  if (checkDNS1123Subdomain(name).length > 0) throw new CelError('Invalid service account name');
  if (checkDNS1123Label(namespace).length > 0) throw new CelError('Invalid service account namespace');
  return authorizer.with('Authorizer', { serviceAccount: { namespace, name } });
}

const check = (of: Check, verb: string) => new Decision(of.memory.ask({ ...of.question, verb }));
const narrow = (field: keyof AuthorizationQuestion) => (of: Check, text: string) =>
  text === '' ? of : of.with('ResourceCheck', { [field]: text });

const a = 'kubernetes.authorization.Authorizer';
const resource = 'kubernetes.authorization.ResourceCheck';
const decision = 'kubernetes.authorization.Decision';
const narrowed = (name: keyof AuthorizationQuestion, id: string) =>
  member(name, id, `${resource}, string -> ${resource}`, narrow(name));

export const authorizerLibrary: Library = {
  types: typeNames.map((name) => [types[name].name, types[name]]),
  functions: [
    member('path', 'authorizer_path', `${a}, string -> kubernetes.authorization.PathCheck`, (of: Check, path: string) =>
      of.with('PathCheck', { path: nonEmpty(path, 'path') }),
    ),
    member(
      'group',
      'authorizer_group',
      `${a}, string -> kubernetes.authorization.GroupCheck`,
      (of: Check, group: string) => of.with('GroupCheck', { group }),
    ),
    member('serviceAccount', 'authorizer_serviceaccount', `${a}, string, string -> ${a}`, serviceAccount),
    member(
      'resource',
      'groupcheck_resource',
      `kubernetes.authorization.GroupCheck, string -> ${resource}`,
      (of: Check, name: string) => of.with('ResourceCheck', { resource: nonEmpty(name, 'resource') }),
    ),
    narrowed('subresource', 'resourcecheck_subresource'),
    narrowed('namespace', 'resourcecheck_namespace'),
    narrowed('name', 'resourcecheck_name'),
    narrowed('fieldSelector', 'authorizer_fieldselector'),
    narrowed('labelSelector', 'authorizer_labelselector'),
    member('check', 'pathcheck_check', `kubernetes.authorization.PathCheck, string -> ${decision}`, check),
    member('check', 'resourcecheck_check', `${resource}, string -> ${decision}`, check),
    member('allowed', 'decision_allowed', `${decision} -> bool`, (of: Decision) => of.answer.isAllowed),
    member('reason', 'decision_reason', `${decision} -> string`, (of: Decision) => of.answer.reason ?? ''),
    member('errored', 'decision_errored', `${decision} -> bool`, (of: Decision) => of.answer.error !== undefined),
    member('error', 'decision_error', `${decision} -> string`, (of: Decision) => of.answer.error ?? ''),
  ],
};
