// The question and answer that the access reviews share.
// https://kubernetes.io/docs/reference/access-authn-authz/authorization/
import { labelSelectorRequirement } from '../../machinery/metadata.ts';
import { atomic, mandatory, s, type TypeOf } from '../../machinery/schema.ts';
import { fieldSelectorRequirement } from '../meta/field-selector-requirement.ts';

export const nonResourceAttributes = s.api('authorization.v1.NonResourceAttributes', 'A request for a URL path.', {
  path: s.string('The path.'),
  verb: s.string('HTTP verb in lower case.'),
});
export interface NonResourceAttributes extends TypeOf<typeof nonResourceAttributes> {}

const fieldSelectorAttributes = s.api('authorization.v1.FieldSelectorAttributes', 'A field selector.', {
  rawSelector: s.string('In text form.'),
  requirements: s.list(fieldSelectorRequirement, 'As a list of conditions.', atomic),
});

const labelSelectorAttributes = s.api('authorization.v1.LabelSelectorAttributes', 'A label selector.', {
  rawSelector: s.string('In text form.'),
  requirements: s.list(labelSelectorRequirement, 'As a list of conditions.', atomic),
});

export const resourceAttributes = s.api('authorization.v1.ResourceAttributes', 'A request for a resource.', {
  fieldSelector: s.field(fieldSelectorAttributes, 'Field selector of the request.'),
  group: s.string('API group; * for all.'),
  labelSelector: s.field(labelSelectorAttributes, 'Label selector of the request.'),
  name: s.string('Object name; empty for all.'),
  namespace: s.string('Namespace; empty for all or for cluster-wide resources.'),
  resource: s.string('Resource; * for all.'),
  subresource: s.string('Subresource.'),
  verb: s.string('get, list, create and so on; * for all.'),
  version: s.string('API version; * for all.'),
});
export interface ResourceAttributes extends TypeOf<typeof resourceAttributes> {}

export const subjectAccessReviewSpec = s.api('authorization.v1.SubjectAccessReviewSpec', 'Who wants to do what.', {
  extra: s.map(s.list(s.string(''), ''), 'More facts about the user.'),
  groups: s.list(s.string(''), 'Groups of the user.', atomic),
  nonResourceAttributes: s.field(nonResourceAttributes, 'A request for a URL path.'),
  resourceAttributes: s.field(resourceAttributes, 'A request for a resource.'),
  uid: s.string('Id of the user.'),
  user: s.string('Name of the user.'),
});
export interface SubjectAccessReviewSpec extends TypeOf<typeof subjectAccessReviewSpec> {}

export const subjectAccessReviewStatus = s.api('authorization.v1.SubjectAccessReviewStatus', 'Whether it is allowed.', {
  allowed: s.boolean('It is allowed.', mandatory),
  denied: s.boolean('It is denied, whatever other authorizers say.'),
  evaluationError: s.string('What went wrong while deciding.'),
  reason: s.string('Why.'),
});
export interface SubjectAccessReviewStatus extends TypeOf<typeof subjectAccessReviewStatus> {}
