// What a definition may say. Upstream: apiextensions-apiserver's apis/apiextensions/validation.
import { isTrue } from '../../../machinery/conditions.ts';
import { append, type FieldError, forbidden, invalid, required } from '../../../machinery/field-error.ts';
import { jsonEqual } from '../../../machinery/json.ts';
import { checkDNS1035Label, checkDNS1123Subdomain } from '../../../machinery/name-rules.ts';
import { validateInOne, validateKindName, validateWord } from '../../meta/checks.ts';
import { validateImmutable } from '../../meta/validation.ts';
import { parseUrl, validateCABundle, validateClientConfig, validateReviewVersions } from '../../meta/webhook-client.ts';
import type {
  CustomResourceConversion,
  CustomResourceDefinition,
  CustomResourceDefinitionNames,
  CustomResourceDefinitionSpec,
  CustomResourceDefinitionVersion,
} from './schema.ts';
import { validateDeprecation, versionParts } from './version-validation.ts';

export function validateCustomResourceDefinition(definition: CustomResourceDefinition): FieldError[] {
  const { metadata, spec, status } = definition;
  const errors: FieldError[] = [];
  if (metadata.name !== `${spec.names.plural}.${spec.group}`) {
    errors.push(invalid('metadata.name', metadata.name ?? '', 'must be spec.names.plural+"."+spec.group'));
  }
  append(errors, validateSpec(spec));
  if (status?.acceptedNames) append(errors, validateNames(status.acceptedNames, 'status.acceptedNames'));
  append(errors, validateStoredVersions(status?.storedVersions ?? [], spec.versions ?? []));
  append(errors, validateApproval(definition));
  if (spec.preserveUnknownFields) {
    const why =
      'cannot set to true, set x-kubernetes-preserve-unknown-fields to true in spec.versions[*].schema instead';
    errors.push(invalid('spec.preserveUnknownFields', true, why));
  }
  return errors;
}

/** What an update may not change; names and scope are free until the definition is established. */
export function validateCustomResourceDefinitionUpdate(
  next: CustomResourceDefinition,
  old: CustomResourceDefinition,
): FieldError[] {
  const errors: FieldError[] = [];
  if (isTrue(old.status?.conditions, 'Established')) {
    append(errors, validateNewCABundle(next.spec.conversion, old.spec.conversion));
    append(errors, validateImmutable(next.spec.scope, old.spec.scope, 'spec.scope'));
    append(errors, validateImmutable(next.spec.names.kind, old.spec.names.kind, 'spec.names.kind'));
  }
  append(errors, validateImmutable(next.spec.group, old.spec.group, 'spec.group'));
  append(errors, validateImmutable(next.spec.names.plural, old.spec.names.plural, 'spec.names.plural'));
  return errors;
}

export function validateCustomResourceDefinitionStatus({ status }: CustomResourceDefinition): FieldError[] {
  return status?.acceptedNames ? validateNames(status.acceptedNames, 'status.acceptedNames') : [];
}

function validateSpec(spec: CustomResourceDefinitionSpec): FieldError[] {
  const errors = [...validateGroup(spec.group), ...validateWord(spec.scope, ['Cluster', 'Namespaced'], 'spec.scope')];
  const versions = spec.versions ?? [];
  for (const [i, version] of versions.entries()) {
    if (!version.schema?.openAPIV3Schema) errors.push(required(`spec.versions[${i}].schema.openAPIV3Schema`));
  }
  append(errors, validateVersions(versions));
  const { names } = spec;
  for (const field of ['plural', 'singular', 'kind', 'listKind'] as const) {
    if (!names[field]) errors.push(required(`spec.names.${field}`));
  }
  append(errors, [...validateNames(names, 'spec.names'), ...validateSharedParts(versions)]);
  append(errors, validateConversion(spec.conversion));
  return errors;
}

function validateGroup(group: string): FieldError[] {
  if (!group) return [required('spec.group')];
  const wrong = validateInOne(checkDNS1123Subdomain, group, 'spec.group');
  if (wrong.length > 0) return wrong;
  return group.includes('.') ? [] : [invalid('spec.group', group, 'should be a domain with at least one dot')];
}

type Versions = readonly CustomResourceDefinitionVersion[];

/** The field of a version behind each part, and where it is reported when all versions have the same. */
const parts = {
  schema: { field: 'schema', shared: 'spec.validation' },
  subresources: { field: 'subresources', shared: 'spec.subresources' },
  columns: { field: 'additionalPrinterColumns', shared: 'spec.additionalPrinterColumns' },
  selectableFields: { field: 'selectableFields', shared: 'spec.selectableFields' },
} as const;
const partNames = Object.keys(parts) as (keyof typeof parts)[];

function isShared(versions: Versions, part: keyof typeof parts): boolean {
  const { field } = parts[part];
  return versions.every((version) => jsonEqual(version[field], versions[0]?.[field]));
}

function validateVersions(versions: Versions): FieldError[] {
  const errors: FieldError[] = [];
  const own = partNames.filter((part) => !isShared(versions, part));
  for (const [i, version] of versions.entries()) {
    const path = `spec.versions[${i}]`;
    append(errors, validateInOne(checkDNS1035Label, version.name, `${path}.name`));
    append(errors, validateDeprecation(version, path));
    for (const part of own) append(errors, versionParts[part](version, `${path}.${parts[part].field}`));
  }
  if (new Set(versions.map((v) => v.name)).size < versions.length) {
    errors.push(invalid('spec.versions', showVersions(versions), 'must contain unique version names'));
  }
  if (versions.filter((v) => v.storage).length !== 1) {
    const why = 'must have exactly one version marked as storage version';
    errors.push(invalid('spec.versions', showVersions(versions), why));
  }
  // Upstream's own form has the first one once more.
  if (versions[0]?.name) append(errors, validateInOne(checkDNS1035Label, versions[0].name, 'spec.version'));
  return errors;
}

function validateSharedParts(versions: Versions): FieldError[] {
  const first = versions[0];
  if (!first) return [];
  const shared = partNames.filter((part) => isShared(versions, part));
  // A status subresource of any version restricts a schema that all of them share.
  const withStatus = versions.find((v) => v.subresources?.status !== undefined) ?? first;
  return shared.flatMap((part) => versionParts[part](part === 'schema' ? withStatus : first, parts[part].shared));
}

/** Versions as error texts show them: in the names of Kubernetes' own code. */
function showVersions(versions: Versions): object[] {
  const shared = new Set(partNames.filter((part) => isShared(versions, part)));
  const own = (part: keyof typeof parts, version: CustomResourceDefinitionVersion) =>
    shared.has(part) ? null : (version[parts[part].field] ?? null);
  return versions.map((version) => ({
    Name: version.name,
    Served: version.served,
    Storage: version.storage,
    Deprecated: version.deprecated ?? false,
    DeprecationWarning: version.deprecationWarning ?? null,
    Schema: own('schema', version),
    Subresources: own('subresources', version),
    AdditionalPrinterColumns: own('columns', version),
    SelectableFields: own('selectableFields', version),
  }));
}

function validateNames(names: CustomResourceDefinitionNames, path: string): FieldError[] {
  const errors: FieldError[] = [];
  const check = (field: string, value: string) =>
    append(errors, validateInOne(checkDNS1035Label, value, `${path}.${field}`));
  if (names.plural) check('plural', names.plural);
  if (names.singular) check('singular', names.singular);
  if (names.kind) append(errors, validateKindName(names.kind, `${path}.kind`));
  if (names.listKind) append(errors, validateKindName(names.listKind, `${path}.listKind`));
  for (const [i, name] of (names.shortNames ?? []).entries()) check(`shortNames[${i}]`, name);
  if (names.kind && names.kind === names.listKind) {
    errors.push(invalid(`${path}.listKind`, names.listKind, 'kind and listKind may not be the same'));
  }
  for (const [i, name] of (names.categories ?? []).entries()) check(`categories[${i}]`, name);
  return errors;
}

// Upstream's own code has the webhook one level higher than the API, and errors name it so.
function validateConversion(conversion: CustomResourceConversion | undefined): FieldError[] {
  if (!conversion) return [];
  const errors = validateWord(conversion.strategy, ['None', 'Webhook'], 'spec.conversion.strategy');
  const { clientConfig, conversionReviewVersions = [] } = conversion.webhook ?? {};
  const configPath = 'spec.conversion.webhookClientConfig';
  if (conversion.strategy !== 'Webhook') {
    const why = 'should not be set when strategy is not set to Webhook';
    if (clientConfig) errors.push(forbidden(configPath, why));
    if (conversionReviewVersions?.length) errors.push(forbidden('spec.conversion.conversionReviewVersions', why));
    return errors;
  }
  if (!clientConfig) errors.push(required(configPath, 'required when strategy is set to Webhook'));
  else append(errors, validateClientConfig(clientConfig, configPath));
  append(errors, validateReviewVersions(conversionReviewVersions, 'spec.conversion.conversionReviewVersions'));
  return errors;
}

/** An established definition gets no broken certificates, unless it had broken ones. */
function validateNewCABundle(
  next: CustomResourceConversion | undefined,
  old: CustomResourceConversion | undefined,
): FieldError[] {
  const path = 'spec.conversion.webhookClientConfig.caBundle';
  const bundleOf = (conversion: typeof next) => conversion?.webhook?.clientConfig?.caBundle;
  const had = bundleOf(old);
  if (had && validateCABundle(had, path).length > 0) return [];
  const bundle = next?.strategy === 'Webhook' ? bundleOf(next) : undefined;
  return bundle ? validateCABundle(bundle, path) : [];
}

function validateStoredVersions(stored: readonly string[], versions: Versions): FieldError[] {
  const path = 'status.storedVersions';
  if (stored.length === 0) return [invalid(path, null, 'must have at least one stored version')];
  const errors: FieldError[] = [];
  const [known, kept] = [new Set(versions.map(({ name }) => name)), new Set(stored)];
  for (const { name, storage } of versions) {
    if (storage && !kept.has(name)) errors.push(invalid(path, stored, `must have the storage version ${name}`));
  }
  for (const [i, name] of stored.entries()) {
    if (known.has(name)) continue;
    const why = `missing from spec.versions; ${name} was previously a storage version, and must remain in spec.versions until a storage migration ensures no data remains persisted in ${name} and removes ${name} from status.storedVersions`;
    errors.push(invalid(`${path}[${i}]`, name, why));
  }
  return errors;
}

const approvalKey = 'api-approved.kubernetes.io';
const approvalText = `protected groups must have approval annotation "${approvalKey}"`;
const approvalLink = 'see https://github.com/kubernetes/enhancements/pull/1111';

/** Whether the group is one of Kubernetes' own, in which resources need an approval. */
export const isProtectedGroup = (group: string): boolean => /(^|\.)(k8s|kubernetes)\.io$/.test(group);

interface Approval {
  status: 'True' | 'False';
  reason: string;
  message: string;
}

/** What the annotation of a definition in a protected group says of its approval. */
export function approvalOf({ metadata }: CustomResourceDefinition): Approval {
  const approval = metadata.annotations?.[approvalKey] ?? '';
  const refused = (reason: string, message: string): Approval => ({ status: 'False', reason, message });
  if (approval === '') return refused('MissingAnnotation', `${approvalText}, ${approvalLink}`);
  if (approval.startsWith('unapproved')) {
    return refused('UnapprovedAnnotation', `not approved: ${JSON.stringify(approval)}`);
  }
  const url = parseUrl(approval);
  if (typeof url !== 'string' && url.host && url.scheme) {
    return { status: 'True', reason: 'ApprovedAnnotation', message: `approved in ${approval}` };
  }
  const why = `${approvalText} with either a URL or a reason starting with "unapproved", ${approvalLink}`;
  return refused('InvalidAnnotation', why);
}

function validateApproval(definition: CustomResourceDefinition): FieldError[] {
  const { metadata, spec } = definition;
  if (!isProtectedGroup(spec.group)) return [];
  const path = `metadata.annotations[${approvalKey}]`;
  const { reason, message } = approvalOf(definition);
  if (reason === 'MissingAnnotation') return [required(path, message)];
  return reason === 'InvalidAnnotation' ? [invalid(path, metadata.annotations?.[approvalKey], message)] : [];
}
