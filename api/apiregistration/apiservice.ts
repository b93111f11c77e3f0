// APIService: which server answers for a group and version of the API.
// https://kubernetes.io/docs/concepts/extend-kubernetes/api-extension/apiserver-aggregation/
import { append, type FieldError, invalid, required } from '../../machinery/field-error.ts';
import { clientMetadata, column, defineKind, type PrepareContext } from '../../machinery/kind.ts';
import { objectFields } from '../../machinery/metadata.ts';
import { checkDNS1035Label } from '../../machinery/name-rules.ts';
import { atomic, mandatory, mergedBy, s, type TypeOf } from '../../machinery/schema.ts';
import { timestamp } from '../../machinery/timestamp.ts';
import { rangeText, validateDNSSubdomain, validateOptionalWord, validateWith } from '../meta/checks.ts';
import { ageColumn } from '../meta/columns.ts';
import type { ObjectOf } from '../meta/object.ts';

const group = 'io.k8s.kube-aggregator.pkg.apis.apiregistration.v1';

const serviceReference = s.object(`${group}.ServiceReference`, 'A service that answers requests.', {
  name: s.string('Name of the service.'),
  namespace: s.string('Namespace of the service.'),
  port: s.int32('Port of the service.', { pointer: true, default: 443 }),
});

const apiServiceSpec = s.object(`${group}.APIServiceSpec`, 'Who answers for a group and version.', {
  caBundle: s.bytes('PEM certificates that the server must be signed by.', atomic),
  group: s.string('The API group.'),
  groupPriorityMinimum: s.int32('Rank of the group in discovery; higher comes first.', mandatory),
  insecureSkipTLSVerify: s.boolean('Any certificate is taken.'),
  service: s.field(serviceReference, 'The service that answers; absent: this server itself.'),
  version: s.string('The version.'),
  versionPriority: s.int32('Rank of the version in its group; higher comes first.', mandatory),
});
export interface APIServiceSpec extends TypeOf<typeof apiServiceSpec> {}

const apiServiceCondition = s.object(`${group}.APIServiceCondition`, 'One aspect of the state of a service.', {
  lastTransitionTime: s.time('When the status last changed.'),
  message: s.string('Explanation for people.'),
  reason: s.string('One word for programs.'),
  status: s.string('True, False or Unknown.', mandatory),
  type: s.string('Available.', mandatory),
});
export interface APIServiceCondition extends TypeOf<typeof apiServiceCondition> {}

const apiServiceStatus = s.object(`${group}.APIServiceStatus`, 'Whether it answers.', {
  conditions: s.list(apiServiceCondition, 'Available.', mergedBy('type')),
});
export interface APIServiceStatus extends TypeOf<typeof apiServiceStatus> {}

const schema = s.object(`${group}.APIService`, 'Which server answers for a group and version.', {
  ...objectFields,
  spec: s.field(apiServiceSpec, 'Who answers for what.', { always: true }),
  status: s.field(apiServiceStatus, 'Whether it answers.', { always: true }),
});
export interface APIService extends ObjectOf<typeof schema> {}

export const APIServiceKind = defineKind<APIService>({
  kind: 'APIService',
  plural: 'apiservices',
  scope: 'Cluster',
  demandsVersion: true,
  categories: ['api-extensions'],
  served: [{ group: 'apiregistration.k8s.io', version: 'v1', schema }],
  subresources: { status: true },
  statusKeeps: clientMetadata,
  nameRule: 'path',
  prepareForCreate: (service, { nowMs }: PrepareContext) => {
    if (service.spec.service) return;
    const local = {
      type: 'Available',
      status: 'True',
      reason: 'Local',
      message: 'Local APIServices are always available',
    };
    service.status = { conditions: [{ ...local, lastTransitionTime: timestamp(nowMs) }] };
  },
  columns: [
    column('Service', 'string', 'The service that answers.', ({ spec: { service } }) =>
      service ? `${service.namespace ?? ''}/${service.name ?? ''}` : 'Local',
    ),
    column('Available', 'string', 'Whether it answers.', describeAvailability),
    ageColumn,
  ],
  validate: ({ metadata, spec, status }) => [
    ...validateName(metadata.name ?? '', spec),
    ...validateSpec(spec),
    ...validateStatus(status),
  ],
  validateStatusUpdate: ({ status }) => validateStatus(status),
});

function describeAvailability({ status }: APIService): string {
  const available = status?.conditions?.find((condition) => condition.type === 'Available');
  if (!available) return 'Unknown';
  const isPlain = available.status === 'True' || !available.reason;
  return isPlain ? available.status : `${available.status} (${available.reason})`;
}

function validateName(name: string, spec: APIServiceSpec): FieldError[] {
  const wanted = `${spec.version ?? ''}.${spec.group ?? ''}`;
  if (name === wanted) return [];
  return [invalid('metadata.name', name, `must be \`spec.version+"."+spec.group\`: ${JSON.stringify(wanted)}`)];
}

const maxGroupPriority = 20000;
const maxVersionPriority = 1000;

function validateSpec(spec: APIServiceSpec): FieldError[] {
  const { group = '', version = '', groupPriorityMinimum, versionPriority, service, caBundle = '' } = spec;
  const errors: FieldError[] = [];
  if (!group && version !== 'v1') {
    errors.push(required('spec.group', 'only v1 may have an empty group and it better be legacy kube'));
  }
  if (group) append(errors, validateDNSSubdomain(group, 'spec.group'));
  append(errors, validateWith(checkDNS1035Label, version, 'spec.version'));
  const rank = (key: 'groupPriorityMinimum' | 'versionPriority', value: number, max: number) => {
    if (value > 0 && value <= max) return;
    errors.push(invalid(`spec.${key}`, value, `must be positive and less than ${max}`));
  };
  rank('groupPriorityMinimum', groupPriorityMinimum, maxGroupPriority);
  rank('versionPriority', versionPriority, maxVersionPriority);
  if (!service) {
    if (caBundle) {
      const bytes = `${Math.floor((caBundle.replace(/=+$/, '').length * 3) / 4)} bytes`;
      errors.push(invalid('spec.caBundle', bytes, 'local APIServices may not have a caBundle'));
    }
    if (spec.insecureSkipTLSVerify) {
      const why = 'local APIServices may not have insecureSkipTLSVerify';
      errors.push(invalid('spec.insecureSkipTLSVerify', true, why));
    }
    return errors;
  }
  if (!service.namespace) errors.push(required('spec.service.namespace'));
  if (!service.name) errors.push(required('spec.service.name'));
  const { port = 0 } = service;
  if (port < 1 || port > 65535) {
    errors.push(invalid('spec.service.port', port, `port is not valid: ${rangeText(1, 65535)}`));
  }
  if (spec.insecureSkipTLSVerify && caBundle) {
    errors.push(invalid('spec.insecureSkipTLSVerify', true, 'may not be true if caBundle is present'));
  }
  return errors;
}

function validateStatus(status: APIServiceStatus | undefined): FieldError[] {
  return (status?.conditions ?? []).flatMap(({ status: value }, i) =>
    validateOptionalWord(value, ['True', 'False', 'Unknown'], `status.conditions[${i}].status`),
  );
}
