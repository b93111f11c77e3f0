// EncryptionConfiguration (apiserver.config.k8s.io/v1): which resources are encrypted in etcd, by what, with which keys.
// https://kubernetes.io/docs/tasks/administer-cluster/encrypt-data/

import type { ConfigFileForm } from '../../../machinery/config-file.ts';
import { duplicate, type FieldError, forbidden, invalid, required } from '../../../machinery/field-error.ts';
import { s, type TypeOf } from '../../../machinery/schema.ts';

const name = 'io.k8s.apiserver.config.v1';

const key = s.object(`${name}.Key`, 'A key.', {
  name: s.string('Stored with what it encrypts.'),
  secret: s.string('The key itself, in base64.'),
});
const keyed = s.object(`${name}.KeyedConfiguration`, 'A provider with keys.', { keys: s.list(key, 'First encrypts.') });
const any = s.any('', 'Not supported.');

const provider = s.object(`${name}.ProviderConfiguration`, 'One way to store.', {
  aesgcm: s.field(keyed, 'AES-GCM with a random nonce.'),
  aescbc: s.field(keyed, 'AES-CBC with PKCS#7 padding.'),
  secretbox: any,
  identity: s.object(`${name}.IdentityConfiguration`, 'As it is.', {}),
  kms: any,
});
export type ProviderConfig = TypeOf<typeof provider>;

const resource = s.object(`${name}.ResourceConfiguration`, 'Resources that are stored alike.', {
  resources: s.list(s.string('resource, resource.group, *.group, *. or *.*'), 'Which.'),
  providers: s.list(provider, 'The first writes, all read.'),
});

const configuration = s.object(`${name}.EncryptionConfiguration`, 'What is encrypted.', {
  apiVersion: s.string('apiserver.config.k8s.io/v1'),
  kind: s.string('EncryptionConfiguration'),
  resources: s.list(resource, 'The first that names a resource holds for it.'),
});
export interface EncryptionConfig extends TypeOf<typeof configuration> {}

const keySizes = [16, 24, 32];

export const encryptionConfigForm: ConfigFileForm<EncryptionConfig> = {
  apiVersion: 'apiserver.config.k8s.io/v1',
  kind: 'EncryptionConfiguration',
  schema: configuration,
  validate(config) {
    const entries = config.resources ?? [];
    if (entries.length === 0) return [required('resources', 'at least one resource is required')];
    return entries.flatMap(({ resources = [], providers = [] }, i) => [
      ...validateResources(resources, `resources[${i}].resources`),
      ...(providers.length === 0 ? [required(`resources[${i}].providers`, 'at least one provider is required')] : []),
      ...providers.flatMap((one, j) => validateProvider(one, `resources[${i}].providers[${j}]`)),
    ]);
  },
};

function validateResources(resources: readonly string[], path: string): FieldError[] {
  if (resources.length === 0) return [required(path, 'at least one resource is required')];
  return resources.flatMap((one, i) => validateResource(one, `${path}[${i}]`, resources.slice(0, i), resources));
}

function validateResource(one: string, at: string, before: readonly string[], all: readonly string[]): FieldError[] {
  const group = groupOf(one);
  if (one === '') return [invalid(at, one, 'resource name should not be empty')];
  if (one !== one.toLowerCase()) return [invalid(at, one, 'resource name should not contain capital letters')];
  if (one === '*') return [invalid(at, one, "use '*.' for the resources of the core group, '*.*' for all")];
  if (one !== '*.*' && group === '*') return [invalid(at, one, "use '*.<group>' for a group, '*.*' for all")];
  if (group === 'events.k8s.io') return [invalid(at, one, "events are stored in the core group; use 'events'")];
  if (group === 'extensions') return [invalid(at, one, 'the extensions group is no longer there')];
  if (before.includes(one)) return [duplicate(at, one)];
  const wide = all.find((other) => other !== one && (other === '*.*' || other === `*.${group}`));
  return wide ? [invalid(at, one, `'${wide}' of the same list has it already`)] : [];
}

/** `secrets` and `*.` -> '', `deployments.apps` -> `apps` */
export function groupOf(resource: string): string {
  const dot = resource.indexOf('.');
  return dot < 0 ? '' : resource.slice(dot + 1);
}

function validateProvider(config: ProviderConfig, path: string): FieldError[] {
  const named = Object.keys(config);
  if (named.length !== 1) return [invalid(path, named, 'exactly one provider per element, not none and not more')];
  for (const unsupported of ['kms', 'secretbox'] as const) {
    if (config[unsupported] !== undefined) {
      return [forbidden(`${path}.${unsupported}`, 'not supported; use aesgcm or aescbc')];
    }
  }
  for (const type of ['aesgcm', 'aescbc'] as const) {
    const given = config[type];
    if (given) return validateKeys(given.keys ?? [], `${path}.${type}.keys`);
  }
  return [];
}

function validateKeys(keys: readonly TypeOf<typeof key>[], path: string): FieldError[] {
  if (keys.length === 0) return [required(path, 'at least one key is required')];
  const seen = new Set<string>();
  return keys.flatMap(({ name: keyName = '', secret = '' }, i) => {
    const at = `${path}[${i}]`;
    const bytes = Buffer.from(secret, 'base64');
    const isKnown = seen.has(keyName);
    seen.add(keyName);
    if (keyName === '') return [required(`${at}.name`, 'a key must have a name')];
    if (isKnown) return [duplicate(`${at}.name`, keyName)];
    if (keyName.includes(':')) return [invalid(`${at}.name`, keyName, 'a name of a key has no colon')];
    if (secret === '') return [required(`${at}.secret`, 'a key must have a secret')];
    // A secret is never shown.
    if (bytes.toString('base64') !== secret) return [invalid(`${at}.secret`, 'REDACTED', 'secret must be base64')];
    if (keySizes.includes(bytes.length)) return [];
    const why = `secret is not of the expected length, got ${bytes.length}, expected one of [16, 24, 32]`;
    return [invalid(`${at}.secret`, 'REDACTED', why)];
  });
}
