// What an issuer of ID tokens in a configuration may be. Upstream: apiserver/validation of apiserver's apis.
import { X509Certificate } from 'node:crypto';
import { duplicate, type FieldError, forbidden, invalid, notSupported, required } from '../../machinery/field-error.ts';
import { checkClaimExpression } from './claim-expressions.ts';
import type { JwtConfig, PrefixedClaim } from './jwt-schema.ts';

type Issuer = NonNullable<JwtConfig['issuer']>;

export function validateJwt(
  jwt: JwtConfig,
  { path, before }: { path: string; before: readonly JwtConfig[] },
): FieldError[] {
  const issuer = jwt.issuer ?? {};
  const errors = validateIssuer(issuer, `${path}.issuer`);
  if (before.some((one) => one.issuer?.url === issuer.url)) errors.push(duplicate(`${path}.issuer.url`, issuer.url));
  errors.push(...validateRules(jwt, path), ...validateMappings(jwt, `${path}.claimMappings`));
  return errors;
}

function validateUrl(url: string, path: string): FieldError[] {
  if (url === '') return [required(path, 'URL is required')];
  if (!URL.canParse(url)) return [invalid(path, url, 'it is no URL')];
  const { protocol, username, search, hash } = new URL(url);
  if (protocol !== 'https:') return [invalid(path, url, 'URL scheme must be https')];
  if (username) return [invalid(path, url, 'URL must not contain a username or password')];
  if (search) return [invalid(path, url, 'URL must not contain a query')];
  return hash ? [invalid(path, url, 'URL must not contain a fragment')] : [];
}

function validateIssuer(issuer: Issuer, path: string): FieldError[] {
  const { url = '', discoveryURL, certificateAuthority, audiences = [], audienceMatchPolicy = '' } = issuer;
  const errors = validateUrl(url, `${path}.url`);
  if (discoveryURL) {
    errors.push(...validateUrl(discoveryURL, `${path}.discoveryURL`));
    if (discoveryURL.replace(/\/$/, '') === url.replace(/\/$/, '')) {
      errors.push(invalid(`${path}.discoveryURL`, discoveryURL, 'discoveryURL must be different from URL'));
    }
  }
  if (audiences.length === 0) errors.push(required(`${path}.audiences`, `at least one ${path}.audiences is required`));
  for (const [i, audience] of audiences.entries()) {
    if (audience === '') errors.push(required(`${path}.audiences[${i}]`, "audience can't be empty"));
    if (audiences.indexOf(audience) < i) errors.push(duplicate(`${path}.audiences[${i}]`, audience));
  }
  if (audienceMatchPolicy !== '' && audienceMatchPolicy !== 'MatchAny') {
    errors.push(notSupported(`${path}.audienceMatchPolicy`, audienceMatchPolicy, ['MatchAny']));
  } else if (audiences.length > 1 && audienceMatchPolicy !== 'MatchAny') {
    const why = 'audienceMatchPolicy must be MatchAny for multiple audiences';
    errors.push(invalid(`${path}.audienceMatchPolicy`, audienceMatchPolicy, why));
  }
  if (certificateAuthority && !isCertificate(certificateAuthority)) {
    errors.push(
      invalid(`${path}.certificateAuthority`, '<omitted>', 'data does not contain any valid RSA or ECDSA certificates'),
    );
  }
  if (issuer.egressSelectorType) errors.push(forbidden(`${path}.egressSelectorType`, 'is not supported'));
  return errors;
}

function isCertificate(pem: string): boolean {
  try {
    return new X509Certificate(pem) !== undefined;
  } catch {
    return false;
  }
}

function validateRules({ claimValidationRules = [], userValidationRules = [] }: JwtConfig, path: string): FieldError[] {
  const errors: FieldError[] = [];
  const seen = new Set<string>();
  const once = (key: string, at: string) => {
    if (seen.has(key)) errors.push(duplicate(at, key));
    seen.add(key);
  };
  for (const [i, { claim, expression, requiredValue, message }] of claimValidationRules.entries()) {
    const at = `${path}.claimValidationRules[${i}]`;
    if (claim && expression) errors.push(invalid(at, claim, "claim and expression can't both be set"));
    else if (!claim && !expression) errors.push(required(at, 'claim or expression is required'));
    else if (claim) {
      if (message) errors.push(invalid(`${at}.message`, message, "message can't be set when claim is set"));
      once(claim, `${at}.claim`);
    } else if (expression) {
      const why = "requiredValue can't be set when expression is set";
      if (requiredValue) errors.push(invalid(`${at}.requiredValue`, requiredValue, why));
      once(expression, `${at}.expression`);
      errors.push(...checkClaimExpression(expression, { gives: 'bool', path: `${at}.expression` }));
    }
  }
  for (const [i, { expression = '' }] of userValidationRules.entries()) {
    const at = `${path}.userValidationRules[${i}].expression`;
    if (expression === '') errors.push(required(at, 'expression is required'));
    else {
      once(expression, at);
      errors.push(...checkClaimExpression(expression, { over: 'user', gives: 'bool', path: at }));
    }
  }
  return errors;
}

function validatePrefixed(given: PrefixedClaim, gives: 'text' | 'texts', path: string): FieldError[] {
  const { claim, expression, prefix } = given;
  if (claim && expression) return [invalid(path, '', "claim and expression can't both be set")];
  if (expression) {
    const why = "prefix can't be set when expression is set";
    return [
      ...(prefix === undefined ? [] : [invalid(`${path}.prefix`, prefix, why)]),
      ...checkClaimExpression(expression, { gives, path: `${path}.expression` }),
    ];
  }
  const why = 'prefix is required when claim is set. It can be set to an empty string to disable prefixing';
  if (claim) return prefix === undefined ? [required(`${path}.prefix`, why)] : [];
  return prefix === undefined ? [] : [invalid(`${path}.prefix`, prefix, 'non-nil prefix requires claim to be set')];
}

const extraKey = /^[a-z0-9]([a-z0-9.-]*[a-z0-9])?\/[a-z0-9~!$&'()*+,;=:@%._/-]+$/;

function validateMappings(jwt: JwtConfig, path: string): FieldError[] {
  const { username = {}, groups = {}, uid = {}, extra = [] } = jwt.claimMappings ?? {};
  const errors: FieldError[] = [];
  if (!username.claim && !username.expression)
    errors.push(required(`${path}.username`, 'claim or expression is required'));
  else errors.push(...validatePrefixed(username, 'text', `${path}.username`));
  errors.push(
    ...validatePrefixed(groups, 'texts', `${path}.groups`),
    ...validatePrefixed(uid.claim ? { ...uid, prefix: '' } : uid, 'text', `${path}.uid`),
  );
  for (const [i, { key = '', valueExpression = '' }] of extra.entries()) {
    const at = `${path}.extra[${i}]`;
    if (key === '') errors.push(required(`${at}.key`));
    else if (!extraKey.test(key)) {
      errors.push(invalid(`${at}.key`, key, 'must be a domain-prefixed path in lower case, example.com/path'));
    } else if (/(^|\.)(kubernetes|k8s)\.io\//.test(key)) {
      errors.push(
        invalid(`${at}.key`, key, 'k8s.io, kubernetes.io and their subdomains are reserved for Kubernetes use'),
      );
    }
    if (extra.slice(0, i).some((one) => one.key === key)) errors.push(duplicate(`${at}.key`, key));
    if (valueExpression === '') errors.push(required(`${at}.valueExpression`, 'valueExpression is required'));
    else errors.push(...checkClaimExpression(valueExpression, { gives: 'texts', path: `${at}.valueExpression` }));
  }
  errors.push(...validateEmail(jwt, path));
  return errors;
}

/** Who takes the address of a mail for a name must look whether it is that of its bearer. */
function validateEmail({ claimMappings, claimValidationRules = [] }: JwtConfig, path: string): FieldError[] {
  const username = claimMappings?.username?.expression ?? '';
  if (!/\bclaims\.email\b/.test(username)) return [];
  const others = [
    username,
    ...(claimMappings?.extra ?? []).map(({ valueExpression = '' }) => valueExpression),
    ...claimValidationRules.map(({ expression = '' }) => expression),
  ];
  if (others.some((one) => /\bclaims\.\??email_verified\b/.test(one))) return [];
  const where =
    'claimMappings.username.expression or claimMappings.extra[*].valueExpression or claimValidationRules[*].expression';
  const why = `claims.email_verified must be used in ${where} when claims.email is used in claimMappings.username.expression`;
  return [invalid(`${path}.username.expression`, username, why)];
}
