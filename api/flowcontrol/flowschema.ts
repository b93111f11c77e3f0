// FlowSchema: which requests belong to a priority level, and which of them are one flow.
// https://kubernetes.io/docs/concepts/cluster-administration/flow-control/
import { append, type FieldError, forbidden, invalid, notSupported, required } from '../../machinery/field-error.ts';
import { jsonEqual } from '../../machinery/json.ts';
import { clientMetadata, column, defineKind } from '../../machinery/kind.ts';
import { objectFields } from '../../machinery/metadata.ts';
import { checkDNS1123Label } from '../../machinery/name-rules.ts';
import { atomic, mandatory, mergedBy, s, type TypeOf } from '../../machinery/schema.ts';
import { validateDNSLabel, validateDNSSubdomain } from '../meta/checks.ts';
import { ageColumn } from '../meta/columns.ts';
import type { ObjectOf } from '../meta/object.ts';
import { validateFlowConditions } from './conditions.ts';
import { mandatoryFlowSchemas, mandatoryOf } from './mandatory.ts';

const words = s.list(s.string(''), '', { listType: 'set' });
const wordList = (doc: string) => s.field(words, doc, mandatory);

const userSubject = s.api('flowcontrol.v1.UserSubject', 'A user.', { name: s.string('Name; * is all.', mandatory) });
const groupSubject = s.api('flowcontrol.v1.GroupSubject', 'A group.', { name: s.string('Name; * is all.', mandatory) });
const serviceAccountSubject = s.api('flowcontrol.v1.ServiceAccountSubject', 'A service account.', {
  name: s.string('Name; * is all of the namespace.', mandatory),
  namespace: s.string('Namespace.', mandatory),
});

const subject = s.api('flowcontrol.v1.Subject', 'Who sends a request.', {
  group: s.field(groupSubject, 'For Group.'),
  kind: s.string('User, Group or ServiceAccount.', mandatory),
  serviceAccount: s.field(serviceAccountSubject, 'For ServiceAccount.'),
  user: s.field(userSubject, 'For User.'),
});
type Subject = TypeOf<typeof subject>;

const resourceRule = s.api('flowcontrol.v1.ResourcePolicyRule', 'Requests for resources.', {
  apiGroups: wordList('API groups; * is all.'),
  clusterScope: s.boolean('Includes requests without a namespace.'),
  namespaces: s.list(s.string(''), 'Namespaces; * is all.', { always: true, listType: 'set' }),
  resources: wordList('Resources; * is all.'),
  verbs: wordList('Verbs; * is all.'),
});
type ResourceRule = TypeOf<typeof resourceRule>;

const nonResourceRule = s.api('flowcontrol.v1.NonResourcePolicyRule', 'Requests for other paths.', {
  nonResourceURLs: wordList('Paths; a * at the end is anything.'),
  verbs: wordList('Verbs; * is all.'),
});
type NonResourceRule = TypeOf<typeof nonResourceRule>;

const policyRules = s.api('flowcontrol.v1.PolicyRulesWithSubjects', 'Requests of somebody.', {
  nonResourceRules: s.list(nonResourceRule, 'Requests for other paths.', atomic),
  resourceRules: s.list(resourceRule, 'Requests for resources.', atomic),
  subjects: s.list(subject, 'Who sends them.', { ...mandatory, ...atomic }),
});
type PolicyRules = TypeOf<typeof policyRules>;

const distinguisherMethod = s.api('flowcontrol.v1.FlowDistinguisherMethod', 'What makes requests one flow.', {
  type: s.string('ByUser or ByNamespace.', mandatory),
});

const levelReference = s.api('flowcontrol.v1.PriorityLevelConfigurationReference', 'A priority level.', {
  name: s.string('Name of the level.', mandatory),
});

const flowSchemaSpec = s.api('flowcontrol.v1.FlowSchemaSpec', 'Which requests belong to a level.', {
  distinguisherMethod: s.field(distinguisherMethod, 'What makes requests one flow; absent: all are one.'),
  matchingPrecedence: s.int32('Which schema goes first; lower does.', { always: true, default: 1000 }),
  priorityLevelConfiguration: s.field(levelReference, 'The level.', mandatory),
  rules: s.list(policyRules, 'The requests; any rule will do.', atomic),
});
export interface FlowSchemaSpec extends TypeOf<typeof flowSchemaSpec> {}

const condition = s.api('flowcontrol.v1.FlowSchemaCondition', 'One aspect of the state of a schema.', {
  lastTransitionTime: s.time('When the status last changed.'),
  message: s.string('Explanation for people.'),
  reason: s.string('One word for programs.'),
  status: s.string('True, False or Unknown.'),
  type: s.string('Dangling: the level is not there.'),
});

const status = s.api('flowcontrol.v1.FlowSchemaStatus', 'Observed state of a schema.', {
  conditions: s.list(condition, 'State of the schema.', mergedBy('type')),
});

const flowSchemaSchema = s.api('flowcontrol.v1.FlowSchema', 'Which requests belong to a priority level.', {
  ...objectFields,
  spec: s.field(flowSchemaSpec, 'Which requests belong to the level.', { always: true }),
  status: s.field(status, 'State of the schema.', { always: true }),
});
export interface FlowSchema extends ObjectOf<typeof flowSchemaSchema> {}

export const FlowSchemaKind = defineKind<FlowSchema>({
  kind: 'FlowSchema',
  plural: 'flowschemas',
  scope: 'Cluster',
  served: [{ group: 'flowcontrol.apiserver.k8s.io', version: 'v1', schema: flowSchemaSchema }],
  subresources: { status: true },
  hasGeneration: true,
  statusKeeps: clientMetadata,
  columns: [
    column(
      'PriorityLevel',
      'string',
      'The level that requests belong to.',
      ({ spec }) => spec.priorityLevelConfiguration.name,
    ),
    column('MatchingPrecedence', 'string', 'Lower goes first.', ({ spec }) => spec.matchingPrecedence ?? 0),
    column(
      'DistinguisherMethod',
      'string',
      'What makes requests one flow.',
      ({ spec }) => spec.distinguisherMethod?.type ?? '<none>',
    ),
    ageColumn,
    column(
      'MissingPL',
      'string',
      'Whether the level is missing.',
      ({ status }) => status?.conditions?.find((c) => c.type === 'Dangling')?.status ?? '?',
    ),
  ],
  validate: ({ metadata, spec, status }) => [
    ...validateSpec(spec, metadata.name ?? ''),
    ...validateFlowConditions(status?.conditions),
  ],
  validateStatusUpdate: ({ status }) => validateFlowConditions(status?.conditions),
});

const maxPrecedence = 10_000;

function validateSpec(spec: FlowSchemaSpec, name: string): FieldError[] {
  const { matchingPrecedence: precedence = 0, distinguisherMethod, priorityLevelConfiguration: level } = spec;
  const errors: FieldError[] = [];
  const precedencePath = 'spec.matchingPrecedence';
  if (precedence <= 0) errors.push(invalid(precedencePath, precedence, 'must be a positive value'));
  if (precedence > maxPrecedence) {
    errors.push(invalid(precedencePath, precedence, `must not be greater than ${maxPrecedence}`));
  }
  if (precedence === 1 && name !== 'exempt') {
    const why = "only the schema named 'exempt' may have matchingPrecedence 1";
    errors.push(invalid(precedencePath, precedence, why));
  }
  const methods = ['ByNamespace', 'ByUser'];
  if (distinguisherMethod && !methods.includes(distinguisherMethod.type)) {
    errors.push(notSupported('spec.distinguisherMethod.type', { Type: distinguisherMethod.type }, methods));
  }
  const levelPath = 'spec.priorityLevelConfiguration.name';
  if (level.name) append(errors, validateDNSSubdomain(level.name, levelPath));
  else errors.push(required(levelPath, 'must reference a priority level'));
  for (const [i, rules] of (spec.rules ?? []).entries()) append(errors, validateRules(rules, `spec.rules[${i}]`));
  const wanted = mandatoryOf(mandatoryFlowSchemas, name);
  if (wanted && !jsonEqual(spec, wanted)) {
    errors.push(invalid('spec', spec, `spec of '${name}' must equal the fixed value`));
  }
  return errors;
}

function validateRules(
  { subjects, resourceRules = [], nonResourceRules = [] }: PolicyRules,
  path: string,
): FieldError[] {
  const errors: FieldError[] = [];
  for (const [i, one] of (subjects ?? []).entries()) append(errors, validateSubject(one, `${path}.subjects[${i}]`));
  if (!subjects?.length) errors.push(required(`${path}.subjects`, 'subjects must contain at least one value'));
  if (resourceRules.length === 0 && nonResourceRules.length === 0) {
    errors.push(required(path, 'at least one of resourceRules and nonResourceRules has to be non-empty'));
  }
  for (const [i, rule] of resourceRules.entries()) {
    append(errors, validateResourceRule(rule, `${path}.resourceRules[${i}]`));
  }
  for (const [i, rule] of nonResourceRules.entries()) {
    append(errors, validateNonResourceRule(rule, `${path}.nonResourceRules[${i}]`));
  }
  return errors;
}

const subjectFields = { ServiceAccount: 'serviceAccount', User: 'user', Group: 'group' } as const;

function validateSubject(one: Subject, path: string): FieldError[] {
  const own = mandatoryOf(subjectFields, one.kind);
  if (!own) return [notSupported(`${path}.kind`, one.kind, ['Group', 'ServiceAccount', 'User'])];
  const errors: FieldError[] = [];
  const given = one[own];
  if (!given) errors.push(required(`${path}.${own}`, `${own} is required when subject kind is '${one.kind}'`));
  else if (!given.name) errors.push(required(`${path}.${own}.name`));
  if (one.serviceAccount && own === 'serviceAccount') {
    const { name, namespace } = one.serviceAccount;
    if (name && name !== '*') append(errors, validateDNSSubdomain(name, `${path}.serviceAccount.name`));
    const namespacePath = `${path}.serviceAccount.namespace`;
    if (namespace) append(errors, validateDNSLabel(namespace, namespacePath));
    else errors.push(required(namespacePath, 'must specify namespace for service account'));
  }
  for (const [kind, field] of Object.entries(subjectFields)) {
    if (field === own || !one[field]) continue;
    errors.push(forbidden(`${path}.${field}`, `${field} is forbidden when subject kind is not '${kind}'`));
  }
  return errors;
}

const verbs = ['create', 'delete', 'deletecollection', 'get', 'list', 'patch', 'proxy', 'update', 'watch'];

/** A list that has something in it, and nothing beside a `*`. */
function validateList(
  values: readonly string[] | null | undefined,
  what: { empty: string; others: string },
  path: string,
): FieldError[] {
  if (!values?.length) return [required(path, what.empty)];
  if (values.length === 1 || !values.includes('*')) return [];
  return [invalid(path, values, `if '*' is present, must not specify other ${what.others}`)];
}

function validateVerbs(given: readonly string[] | null | undefined, path: string): FieldError[] {
  const errors = validateList(given, { empty: 'verbs must contain at least one value', others: 'verbs' }, path);
  if (given?.includes('*') || (given ?? []).every((verb) => verbs.includes(verb))) return errors;
  return [...errors, notSupported(path, given, verbs)];
}

function validateResourceRule(rule: ResourceRule, path: string): FieldError[] {
  const errors = validateVerbs(rule.verbs, `${path}.verbs`);
  const groups = { empty: 'resource rules must supply at least one api group', others: 'api groups' };
  append(errors, validateList(rule.apiGroups, groups, `${path}.apiGroups`));
  const resources = { empty: 'resource rules must supply at least one resource', others: 'resources' };
  append(errors, validateList(rule.resources, resources, `${path}.resources`));
  const namespaces = {
    empty: 'resource rules that are not cluster scoped must supply at least one namespace',
    others: 'namespaces',
  };
  const given = rule.namespaces ?? [];
  if (given.length > 0 || !rule.clusterScope) append(errors, validateList(given, namespaces, `${path}.namespaces`));
  for (const [i, name] of given.includes('*') ? [] : given.entries()) {
    const intro = "each member of this list must be '*' or a DNS-1123 label; ";
    append(
      errors,
      checkDNS1123Label(name).map((why) => invalid(`${path}.namespaces[${i}]`, name, `${intro}${why}`)),
    );
  }
  return errors;
}

function validateNonResourceRule(rule: NonResourceRule, path: string): FieldError[] {
  const errors = validateVerbs(rule.verbs, `${path}.verbs`);
  const urls = { empty: 'nonResourceURLs must contain at least one value', others: 'non-resource URLs' };
  append(errors, validateList(rule.nonResourceURLs, urls, `${path}.nonResourceURLs`));
  const given = rule.nonResourceURLs ?? [];
  for (const [i, url] of given.includes('*') ? [] : given.entries()) {
    const why = findUrlProblem(url);
    if (why) errors.push(invalid(`${path}.nonResourceURLs[${i}]`, url, why));
  }
  return errors;
}

function findUrlProblem(url: string): string | undefined {
  if (url === '') return 'must not be empty';
  if (url === '/') return undefined;
  if (!url.startsWith('/')) return 'must start with slash';
  if (url.includes(' ')) return 'must not contain white-space';
  if (url.includes('//')) return 'must not contain double slash';
  return url.includes('*') && !/^[^*]*\/\*$/.test(url) ? 'wildcard can only do suffix matching' : undefined;
}
