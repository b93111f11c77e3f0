// CredentialProviderConfig: which programs of the node know credentials of registries, and for which images.
// https://kubernetes.io/docs/reference/config-api/kubelet-config.v1/#kubelet-config-k8s-io-v1-CredentialProviderConfig
import { readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { readConfigFile } from '../../host/config-file.ts';
import { ConfigFileError, type ConfigFileForm } from '../../machinery/config-file.ts';
import { tryGoDuration } from '../../machinery/duration.ts';
import { duplicate, type FieldError, forbidden, invalid, notSupported, required } from '../../machinery/field-error.ts';
import { checkQualifiedName } from '../../machinery/name-rules.ts';
import { s, type TypeOf } from '../../machinery/schema.ts';

const name = 'io.k8s.kubelet.config.v1';

const tokenAttributes = s.object(`${name}.ServiceAccountTokenAttributes`, 'The token a provider gets.', {
  serviceAccountTokenAudience: s.string('Whom the token is for.'),
  cacheType: s.string('ServiceAccount or Token: for what credentials are kept.'),
  requireServiceAccount: s.boolean('It is asked for pods with an account alone.', { pointer: true }),
  requiredServiceAccountAnnotationKeys: s.list(s.string(''), 'Accounts without them are not for it.'),
  optionalServiceAccountAnnotationKeys: s.list(s.string(''), 'It is told them where they are there.'),
});
export interface TokenAttributes extends TypeOf<typeof tokenAttributes> {}

const envVar = s.object(`${name}.ExecEnvVar`, 'A variable.', { name: s.string(''), value: s.string('') });

const provider = s.object(`${name}.CredentialProvider`, 'A program that knows credentials.', {
  name: s.string('Its file in the folder of providers.'),
  matchImages: s.list(s.string(''), 'The images it is asked about, *.registry.io:8080/path.'),
  defaultCacheDuration: s.string('How long credentials are kept where it does not say so.'),
  apiVersion: s.string('In which version it is asked, and answers.'),
  args: s.list(s.string(''), 'Its arguments.'),
  env: s.list(envVar, 'Variables beside those of the kubelet.'),
  tokenAttributes: s.field(tokenAttributes, 'It gets a token of the account of the pod.'),
});
export interface CredentialProvider extends TypeOf<typeof provider> {}

const configuration = s.object(`${name}.CredentialProviderConfig`, 'Who knows credentials.', {
  apiVersion: s.string('kubelet.config.k8s.io/v1'),
  kind: s.string('CredentialProviderConfig'),
  providers: s.list(provider, 'The programs.'),
});

const group = 'credentialprovider.kubelet.k8s.io';
const versions = [`${group}/v1`, `${group}/v1alpha1`, `${group}/v1beta1`];

const form: ConfigFileForm<TypeOf<typeof configuration>> = {
  apiVersion: 'kubelet.config.k8s.io/v1',
  olderVersions: ['kubelet.config.k8s.io/v1beta1', 'kubelet.config.k8s.io/v1alpha1'],
  kind: 'CredentialProviderConfig',
  schema: configuration,
  validate({ providers = [] }) {
    if (providers.length === 0) return [required('providers', 'at least 1 item in plugins is required')];
    return providers.flatMap((one, i) => validateProvider(one, `providers[${i}]`));
  },
};

function validateProvider(one: CredentialProvider, path: string): FieldError[] {
  const { name = '', apiVersion = '', matchImages = [], defaultCacheDuration: duration } = one;
  const errors: FieldError[] = [];
  if (/[/ ]/.test(name) || ['', '.', '..'].includes(name))
    errors.push(invalid(`${path}.name`, name, 'must be the name of a file, without spaces'));
  if (!versions.includes(apiVersion)) errors.push(notSupported(`${path}.apiVersion`, apiVersion, versions));
  if (matchImages.length === 0)
    errors.push(required(`${path}.matchImages`, 'at least 1 item in matchImages is required'));
  for (const pattern of matchImages)
    if (!URL.canParse(`https://${pattern}`))
      errors.push(invalid(`${path}.matchImages`, pattern, 'match image is invalid'));
  const ms = duration ? tryGoDuration(duration) : undefined;
  const at = `${path}.defaultCacheDuration`;
  if (ms === undefined) errors.push(required(at));
  else if (typeof ms === 'string') errors.push(invalid(at, duration, ms));
  else if (ms < 0) errors.push(invalid(at, duration, 'defaultCacheDuration must be greater than or equal to 0'));
  if (one.tokenAttributes) errors.push(...validateToken(one.tokenAttributes, apiVersion, `${path}.tokenAttributes`));
  return errors;
}

function validateToken(one: TokenAttributes, apiVersion: string, path: string): FieldError[] {
  const { cacheType = '', requireServiceAccount: mustHave, requiredServiceAccountAnnotationKeys: needed = [] } = one;
  const errors: FieldError[] = [];
  if (!one.serviceAccountTokenAudience) errors.push(required(`${path}.serviceAccountTokenAudience`));
  if (mustHave === undefined) errors.push(required(`${path}.requireServiceAccount`));
  if (apiVersion !== versions[0])
    errors.push(forbidden(path, `tokenAttributes is only supported for ${versions[0]} API version`));
  if (!['ServiceAccount', 'Token'].includes(cacheType))
    errors.push(notSupported(`${path}.cacheType`, cacheType, ['ServiceAccount', 'Token']));
  if (mustHave === false && needed.length > 0) {
    const why = 'requireServiceAccount cannot be false when requiredServiceAccountAnnotationKeys is set';
    errors.push(forbidden(`${path}.requiredServiceAccountAnnotationKeys`, why));
  }
  const seen = new Set<string>();
  for (const key of annotationsOf(one)) {
    errors.push(...checkQualifiedName(key.toLowerCase()).map((complaint) => invalid(path, key, complaint)));
    if (seen.has(key)) errors.push(duplicate(path, key));
    seen.add(key);
  }
  return errors;
}

/** The annotations of an account that a provider is told. */
export const annotationsOf = (one: TokenAttributes): string[] => [
  ...(one.requiredServiceAccountAnnotationKeys ?? []),
  ...(one.optionalServiceAccountAnnotationKeys ?? []),
];

/** The providers of a file, or of all files of a folder by their names. Throws ConfigFileError. */
export function readProviders(path: string): CredentialProvider[] {
  const isFolder = statSync(path, { throwIfNoEntry: false })?.isDirectory();
  const files = isFolder
    ? readdirSync(path)
        .filter((file) => /\.(json|ya?ml)$/.test(file))
        .sort()
        .map((file) => join(path, file))
    : [path];
  if (files.length === 0) throw new ConfigFileError(`${path}: no configuration files found in directory`);
  const providers = files.flatMap((file) => readConfigFile(file, form).providers ?? []);
  const twice = providers.find(({ name }, i) => providers.findIndex((other) => other.name === name) < i);
  if (twice) throw new ConfigFileError(`${path}: duplicate provider name ${JSON.stringify(twice.name)}`);
  return providers;
}
