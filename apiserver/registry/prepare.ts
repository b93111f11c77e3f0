// What the server does to a draft before it validates and stores it: fills in identity, keeps what
// clients may not change, separates spec from status, counts generations. Upstream: registry/rest's
// BeforeCreate and BeforeUpdate with each kind's strategy.

import { randomUUID } from 'node:crypto';
import { validateObjectMeta, validateObjectMetaUpdate, validateOwnFinalizer } from '../../api/meta/validation.ts';
import { decodeValue } from '../../machinery/decode.ts';
import { badRequestError, invalidError, StatusError } from '../../machinery/errors.ts';
import { type FieldError, findErrors, showError } from '../../machinery/field-error.ts';
import { jsonEqual } from '../../machinery/json.ts';
import { apiVersionOf, type Kind, type PrepareContext } from '../../machinery/kind.ts';
import type { KubeObject, ObjectMeta } from '../../machinery/metadata.ts';
import { type Random, randomSuffix } from '../../machinery/random.ts';
import { timestamp } from '../../machinery/timestamp.ts';

interface PrepareDeps extends PrepareContext {
  random: Random;
}

const maxGeneratedNameBase = 58;

/** The number of the version that a write is for, 0: none in particular; or why it is none, as upstream's store says it. */
export function versionNamed({ resourceVersion = '' }: ObjectMeta): bigint | StatusError {
  const digits = resourceVersion.replace(/^0+/, '');
  const isNumber = /^\d*$/.test(digits);
  if (isNumber && digits.length <= 20 && BigInt(digits) < 2n ** 64n) return BigInt(digits);
  return new StatusError(500, '', `strconv.ParseUint: parsing ${numberComplaint(resourceVersion)}`);
}

/** As Go says it of a text that is no number: of digits alone it is one that is too large. */
export const numberComplaint = (text: string) =>
  `${JSON.stringify(text)}: ${/^\d+$/.test(text) ? 'value out of range' : 'invalid syntax'}`;

/** An object is in the namespace of its URL, '': in none. One that it names must be that. */
export function placeIn(meta: ObjectMeta, namespace: string): void {
  if (namespace === '') delete meta.namespace;
  else if (meta.namespace && meta.namespace !== namespace) {
    throw badRequestError('the namespace of the provided object does not match the namespace sent on the request');
  } else meta.namespace = namespace;
}

/** Fills in name, namespace and identity of a new object, before admission sees it. Changes the draft. */
export function prepareIdentity(kind: Kind, draft: KubeObject, namespace: string, deps: PrepareDeps): void {
  const meta = draft.metadata;
  const version = versionNamed(meta);
  // What is no number is not looked at.
  if (typeof version === 'bigint' && version !== 0n) {
    throw new StatusError(500, '', 'resourceVersion should not be set on objects to be created');
  }
  placeIn(meta, kind.namespaced ? namespace : '');
  if (!meta.name && meta.generateName) {
    meta.name = `${meta.generateName.slice(0, maxGeneratedNameBase)}${randomSuffix(deps.random)}`;
  }
  delete meta.selfLink;
  delete meta.deletionTimestamp;
  delete meta.deletionGracePeriodSeconds;
  meta.uid = randomUUID();
  meta.creationTimestamp = timestamp(deps.nowMs);
}

/** The kind's own preparation of a new object, after admission. Changes the draft. */
export function prepareCreate(kind: Kind, draft: KubeObject, deps: PrepareDeps): void {
  if (kind.subresources.status && !kind.keepsStatusOnCreate) resetStatus(kind, draft);
  if (kind.hasGeneration) draft.metadata.generation = 1;
  else delete draft.metadata.generation;
  kind.prepareForCreate?.(draft, deps);
}

function resetStatus(kind: Kind, draft: KubeObject): void {
  const field = kind.storage.schema.fields.status;
  if (field?.always) draft.status = decodeValue(field, {}, { defaults: false }).value;
  else delete draft.status;
}

/** What the version asks for that a write was sent in. */
const validatorOf = (kind: Kind, apiVersion: string) =>
  kind.served.find((version) => apiVersionOf(version) === apiVersion)?.validate;

/** Groups whose objects have what finalizers they like, as custom resources have. */
const foreignGroups = new Set(['apiextensions.k8s.io', 'apiregistration.k8s.io', 'admissionregistration.k8s.io']);

function checkMetadata(kind: Kind, { metadata }: KubeObject): FieldError[] {
  const scope = { namespaced: kind.namespaced, nameRule: kind.nameRule ?? ('subdomain' as const) };
  const errors = validateObjectMeta(metadata, scope, 'metadata');
  if (kind.isCustom || foreignGroups.has(kind.group)) return errors;
  const names = metadata.finalizers ?? [];
  return [...errors, ...names.flatMap((name, i) => validateOwnFinalizer(name, `metadata.finalizers[${i}]`))];
}

/** Refuses an invalid new object, which was sent in `apiVersion`, with all its errors at once. */
export function checkCreate(kind: Kind, draft: KubeObject, apiVersion = kind.apiVersion): void {
  const find = () => [
    ...checkMetadata(kind, draft),
    ...(kind.validate?.(draft) ?? []),
    ...(validatorOf(kind, apiVersion)?.(draft) ?? []),
  ];
  refuse(kind, draft, errorsOf(kind, find));
}

/** Alternatives of a custom schema make errors that are none of the object: of those there may be any number. */
const errorsOf = (kind: Kind, find: () => FieldError[]) => (kind.isCustom ? find() : findErrors(find));

function refuse(kind: Kind, draft: KubeObject, errors: readonly FieldError[]): void {
  if (errors.length > 0) throw invalidError(kind, draft.metadata.name ?? '', errors);
}

// Metadata that only the server changes.
const keptMetadata = [
  'uid',
  'creationTimestamp',
  'deletionTimestamp',
  'deletionGracePeriodSeconds',
  'generation',
  'selfLink',
] as const satisfies (keyof ObjectMeta)[];

/** Of these, others than there are are refused, not passed over; once there is a deletion its time is passed over. */
const judgedMetadata = new Set<keyof ObjectMeta>(['uid', 'deletionTimestamp', 'deletionGracePeriodSeconds']);

/** Prepares the new state of an existing object. `subresource` is '' for the object itself. Changes the draft. */
export function prepareUpdate(
  kind: Kind,
  draft: KubeObject,
  old: KubeObject,
  options: { subresource: string; nowMs: number },
): void {
  const meta = draft.metadata;
  const isStatus = options.subresource === 'status';
  for (const key of [...keptMetadata, ...((isStatus && kind.statusKeeps) || [])]) {
    const isOver = key === 'deletionTimestamp' && old.metadata.deletionTimestamp !== undefined;
    const isJudged = !(isStatus && kind.isCustom) && !isOver && judgedMetadata.has(key);
    if (isJudged && meta[key] !== undefined) continue;
    if (old.metadata[key] === undefined) delete meta[key];
    else (meta as Record<string, unknown>)[key] = old.metadata[key];
  }
  const context = { nowMs: options.nowMs };
  const custom = findCustom(kind, options.subresource);
  if (options.subresource === 'status' || custom?.prepareForUpdate) {
    const sent = { ...draft };
    const { status } = draft;
    for (const key of Object.keys(draft)) if (!keptOnStatus.has(key)) delete draft[key];
    for (const [key, value] of Object.entries(old)) if (!keptOnStatus.has(key)) draft[key] = value;
    if (custom?.prepareForUpdate) {
      custom.prepareForUpdate(draft, old, context, sent);
      return;
    }
    draft.status = status;
    kind.prepareForStatusUpdate?.(draft, old, context);
    return;
  }
  if (kind.subresources.status) {
    if (old.status === undefined) delete draft.status;
    else draft.status = old.status;
  }
  kind.prepareForUpdate?.(draft, old, context);
  if (!kind.hasGeneration) return;
  const bumps = kind.bumpsGeneration ? kind.bumpsGeneration(draft, old) : !jsonEqual(draft.spec, old.spec);
  if (bumps) meta.generation = (old.metadata.generation ?? 0) + 1;
}

const findCustom = (kind: Kind, subresource: string) =>
  kind.subresources.custom?.find(({ name }) => name === subresource);

const keptOnStatus = new Set(['kind', 'apiVersion', 'metadata', 'status']);

/** Refuses an invalid update, which was sent in `apiVersion`. Returns what its client is warned of. */
export function checkUpdate(
  kind: Kind,
  draft: KubeObject,
  old: KubeObject,
  { subresource = '', apiVersion = kind.apiVersion }: { subresource?: string; apiVersion?: string },
): string[] {
  const custom = findCustom(kind, subresource);
  const find = () => {
    // Upstream's kinds check the change of metadata once more than the generic code: its causes come twice.
    const metadataErrors = validateObjectMetaUpdate(draft.metadata, old.metadata, 'metadata');
    const ofVersion = subresource === '' ? (validatorOf(kind, apiVersion)?.(draft, old) ?? []) : [];
    const own = custom?.validateUpdate
      ? custom.validateUpdate(draft, old)
      : subresource === 'status'
        ? (kind.validateStatusUpdate?.(draft, old) ?? [])
        : [...(kind.validate?.(draft, old) ?? []), ...(kind.validateUpdate?.(draft, old) ?? [])];
    return [...checkMetadata(kind, draft), ...metadataErrors, ...metadataErrors, ...own, ...ofVersion];
  };
  const all = errorsOf(kind, find);
  const refused = all.filter(({ isWarning }) => !isWarning);
  refuse(kind, draft, refused);
  return all.map(showError);
}
