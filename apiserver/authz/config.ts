// AuthorizationConfiguration (apiserver.config.k8s.io/v1): who is asked for rights, in which order, and which webhook for
// which requests. https://kubernetes.io/docs/reference/access-authn-authz/authorization/#using-configuration-file-for-authorization

import { validateWord } from '../../api/meta/checks.ts';
import type { ConfigFileForm } from '../../machinery/config-file.ts';
import { tryGoDuration } from '../../machinery/duration.ts';
import { duplicate, type FieldError, forbidden, invalid, notSupported, required } from '../../machinery/field-error.ts';
import { checkDNS1123Subdomain } from '../../machinery/name-rules.ts';
import { s, type TypeOf } from '../../machinery/schema.ts';
import { checkCondition } from './conditions.ts';

const name = 'io.k8s.apiserver.config.v1';

const webhook = s.object(`${name}.WebhookConfiguration`, 'Somebody outside who is asked.', {
  authorizedTTL: s.string('How long its yes is kept; 5m.'),
  unauthorizedTTL: s.string('How long any other answer is kept; 30s.'),
  cacheAuthorizedRequests: s.boolean('Whether its yes is kept.', { pointer: true }),
  cacheUnauthorizedRequests: s.boolean('Whether any other answer is kept.', { pointer: true }),
  timeout: s.string('How long it may take, 30s at most.'),
  subjectAccessReviewVersion: s.string('v1 or v1beta1.'),
  matchConditionSubjectAccessReviewVersion: s.string('v1.'),
  failurePolicy: s.string('NoOpinion or Deny, where it cannot be asked.'),
  connectionInfo: s.object(`${name}.WebhookConnectionInfo`, 'Where it is.', {
    type: s.string('KubeConfigFile.'),
    kubeConfigFile: s.string('A kubeconfig.', { pointer: true }),
  }),
  matchConditions: s.list(
    s.object(`${name}.WebhookMatchCondition`, 'For which requests.', { expression: s.string('CEL over `request`.') }),
    'All must hold, or it is not asked.',
  ),
});
export type WebhookConfig = TypeOf<typeof webhook>;

const authorizer = s.object(`${name}.AuthorizerConfiguration`, 'One who is asked.', {
  type: s.string('Node, RBAC, Webhook, AlwaysAllow or AlwaysDeny.'),
  name: s.string('Its name, for metrics and messages.'),
  webhook: s.field(webhook, 'What a Webhook needs.'),
});
type AuthorizerConfig = TypeOf<typeof authorizer>;

const configuration = s.object(`${name}.AuthorizationConfiguration`, 'Who is asked for rights.', {
  apiVersion: s.string('apiserver.config.k8s.io/v1'),
  kind: s.string('AuthorizationConfiguration'),
  authorizers: s.list(authorizer, 'In this order.'),
});
export interface AuthorizationConfig extends TypeOf<typeof configuration> {}

export const authorizerTypes = ['Node', 'RBAC', 'Webhook', 'AlwaysAllow', 'AlwaysDeny'];
const maxTimeoutMs = 30_000;

export const authorizationConfigForm: ConfigFileForm<AuthorizationConfig> = {
  apiVersion: 'apiserver.config.k8s.io/v1',
  olderVersions: ['apiserver.config.k8s.io/v1beta1'],
  kind: 'AuthorizationConfiguration',
  schema: configuration,
  validate({ authorizers = [] }) {
    if (authorizers.length === 0) return [required('authorizers', 'at least one authorization mode must be defined')];
    return authorizers.flatMap((one, i) => validateAuthorizer(one, `authorizers[${i}]`, authorizers.slice(0, i)));
  },
};

function validateAuthorizer(one: AuthorizerConfig, path: string, before: readonly AuthorizerConfig[]): FieldError[] {
  const { type = '', name: own = '' } = one;
  const errors: FieldError[] = [];
  if (type === '') errors.push(required(`${path}.type`));
  else if (!authorizerTypes.includes(type)) errors.push(notSupported(`${path}.type`, type, authorizerTypes));
  else if (type !== 'Webhook' && before.some((other) => other.type === type))
    errors.push(duplicate(`${path}.type`, type));
  if (own === '') errors.push(required(`${path}.name`));
  else if (before.some((other) => other.name === own)) errors.push(duplicate(`${path}.name`, own));
  else {
    const wrong = checkDNS1123Subdomain(own).map((why) => `authorizer name is invalid: ${why}`);
    const expected = type.toLowerCase();
    if (wrong.length === 0 && type !== 'Webhook' && authorizerTypes.includes(type) && own !== expected)
      wrong.push(`expected name ${expected} for authorizer ${type} instead of ${own}`);
    errors.push(...wrong.map((why) => invalid(`${path}.name`, own, why)));
  }
  if (type === 'Webhook') {
    if (!one.webhook) errors.push(required(`${path}.webhook`, 'required when type=Webhook'));
    else errors.push(...validateWebhook(one.webhook, `${path}.webhook`));
  } else if (one.webhook) {
    errors.push(invalid(`${path}.webhook`, 'non-null', 'may only be specified when type=Webhook'));
  }
  return errors;
}

function validateDuration(text: string | undefined, path: string, maxMs: number): FieldError[] {
  if (!text) return [];
  const ms = tryGoDuration(text);
  if (typeof ms === 'string') return [invalid(path, text, ms)];
  if (ms <= 0) return [invalid(path, text, 'must be greater than 0s')];
  return ms > maxMs ? [invalid(path, text, `must be <= ${maxMs / 1000}s`)] : [];
}

function validateWebhook(config: WebhookConfig, path: string): FieldError[] {
  const { timeout, authorizedTTL, unauthorizedTTL, failurePolicy = '', matchConditions = [] } = config;
  const errors = [
    ...(timeout ? [] : [required(`${path}.timeout`)]),
    ...validateDuration(timeout, `${path}.timeout`, maxTimeoutMs),
    ...validateDuration(authorizedTTL, `${path}.authorizedTTL`, Number.POSITIVE_INFINITY),
    ...validateDuration(unauthorizedTTL, `${path}.unauthorizedTTL`, Number.POSITIVE_INFINITY),
    ...validateWord(config.subjectAccessReviewVersion, ['v1', 'v1beta1'], `${path}.subjectAccessReviewVersion`),
    ...validateWord(failurePolicy, ['NoOpinion', 'Deny'], `${path}.failurePolicy`),
    ...validateConnection(config.connectionInfo ?? {}, `${path}.connectionInfo`),
  ];
  const version = `${path}.matchConditionSubjectAccessReviewVersion`;
  const given = config.matchConditionSubjectAccessReviewVersion;
  if (matchConditions.length > 0 || given) errors.push(...validateWord(given, ['v1'], version));
  for (const [i, { expression = '' }] of matchConditions.entries()) {
    const at = `${path}.matchConditions[${i}].expression`;
    if (expression.trim() === '') errors.push(required(at));
    else if (matchConditions.slice(0, i).some((one) => one.expression === expression))
      errors.push(duplicate(at, expression));
    else errors.push(...checkCondition(expression, at));
  }
  return errors;
}

function validateConnection(
  { type, kubeConfigFile }: NonNullable<WebhookConfig['connectionInfo']>,
  path: string,
): FieldError[] {
  if (type === 'InClusterConfig')
    return [forbidden(`${path}.type`, 'InClusterConfig is not supported: a kubeconfig is')];
  const errors = validateWord(type, ['KubeConfigFile'], `${path}.type`);
  if (errors.length > 0) return errors;
  if (!kubeConfigFile) return [required(`${path}.kubeConfigFile`)];
  return kubeConfigFile.startsWith('/')
    ? []
    : [invalid(`${path}.kubeConfigFile`, kubeConfigFile, 'must be an absolute path')];
}
