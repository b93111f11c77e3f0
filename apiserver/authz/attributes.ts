// What is to be authorized, and the answer.
import { forbiddenError, joinErrors, StatusError } from '../../machinery/errors.ts';
import { parseFieldSelector } from '../../machinery/fields.ts';
import { goQuote } from '../../machinery/go-quote.ts';
import { parseLabelSelector, type SelectorOperator } from '../../machinery/labels.ts';
import type { UserInfo } from '../authn/user.ts';

export interface Attributes {
  user: UserInfo;
  verb: string;
  isResource: boolean;
  group: string;
  version: string;
  resource: string;
  subresource: string;
  namespace: string;
  name: string;
  /** Of non-resource requests. */
  path: string;
  /** Selectors of the request, in text form, as they were sent. */
  fieldSelector?: string;
  labelSelector?: string;
}

/** What an authorizer says. Neither allowed nor denied is no opinion: the next one is asked. */
export interface Decision {
  allowed: boolean;
  /** Nobody who comes later is asked. */
  denied?: boolean;
  /** Why; what those say who had no opinion is told to the client. */
  reason: string;
  /** What went wrong on the way to it. */
  error?: string;
}

export interface PolicyRule {
  verbs: string[] | null;
  apiGroups?: string[];
  resources?: string[];
  resourceNames?: string[];
  nonResourceURLs?: string[];
}

/** The rules that apply to a user in a namespace, as far as they can be told. */
export interface RuleList {
  rules: PolicyRule[];
  /** Why there may be more. */
  incomplete?: string;
}

type Soon<T> = T | Promise<T>;

/** One of those who decide. Never throws: what goes wrong is part of its answer. */
export interface AuthorizationMode {
  authorize(attributes: Attributes): Soon<Decision>;
  rulesFor(user: UserInfo, namespace: string): RuleList;
}

/** All of them together. */
export interface Authorizer {
  authorize(attributes: Attributes): Promise<Decision>;
  rulesFor(user: UserInfo, namespace: string): RuleList;
}

/** Asks one after the other; the first that allows or denies decides. Upstream: union.New. */
export function authorizeInOrder(modes: readonly AuthorizationMode[]): Authorizer {
  return {
    async authorize(attributes) {
      const reasons: string[] = [];
      const errors: string[] = [];
      for (const mode of modes) {
        const answer = mode.authorize(attributes);
        const decision = answer instanceof Promise ? await answer : answer;
        if (decision.allowed || decision.denied) return decision;
        if (decision.reason !== '') reasons.push(decision.reason);
        if (decision.error !== undefined) errors.push(decision.error);
      }
      const error = errors.length > 0 ? { error: joinErrors(errors) } : {};
      return { allowed: false, reason: reasons.join('\n'), ...error };
    },
    rulesFor(user, namespace) {
      const lists = modes.map((mode) => mode.rulesFor(user, namespace));
      const gaps = lists.flatMap(({ incomplete }) => (incomplete === undefined ? [] : [incomplete]));
      return {
        rules: lists.flatMap(({ rules }) => rules),
        ...(gaps.length > 0 ? { incomplete: joinErrors(gaps) } : {}),
      };
    },
  };
}

const operators: Partial<Record<SelectorOperator, string>> = {
  '=': 'In',
  '==': 'In',
  in: 'In',
  '!=': 'NotIn',
  notin: 'NotIn',
  exists: 'Exists',
  '!': 'DoesNotExist',
};

/** The selectors as a SubjectAccessReview has them. Of what cannot be read nothing: more is asked for then. */
export function selectorAttributes({ fieldSelector = '', labelSelector = '' }: Attributes) {
  const fields = readable(() => parseFieldSelector(fieldSelector)).map(({ field: key, operator, value }) => ({
    key,
    operator: operator === '=' ? 'In' : 'NotIn',
    values: [value],
  }));
  const labels = readable(() => parseLabelSelector(labelSelector)).flatMap(({ key, operator, values }) => {
    const known = operators[operator];
    return known ? [{ key, operator: known, ...(values.length > 0 && { values }) }] : [];
  });
  return {
    ...(fields.length > 0 && { fieldSelector: { requirements: fields } }),
    ...(labels.length > 0 && { labelSelector: { requirements: labels } }),
  };
}

function readable<T>(read: () => readonly T[]): readonly T[] {
  try {
    return read();
  } catch {
    return [];
  }
}

/** The sentence of a 403. */
export function describeDenial(a: Attributes): string {
  const user = goQuote(a.user.username);
  if (!a.isResource) return `User ${user} cannot ${a.verb} path ${goQuote(a.path)}`;
  const resource = a.subresource ? `${a.resource}/${a.subresource}` : a.resource;
  const where = a.namespace ? `in the namespace ${goQuote(a.namespace)}` : 'at the cluster scope';
  return `User ${user} cannot ${a.verb} resource ${goQuote(resource)} in API group ${goQuote(a.group)} ${where}`;
}

/** The 403 of what was not allowed; `reason`: what those say who had no opinion. */
export function denied(attributes: Attributes, reason: string): StatusError {
  const { group, resource, name, isResource } = attributes;
  const why = `${describeDenial(attributes)}${reason === '' ? '' : `: ${reason}`}`;
  if (isResource) return forbiddenError({ group, resource }, name, why);
  return new StatusError(403, 'Forbidden', `forbidden: ${why}`, { details: {} });
}
