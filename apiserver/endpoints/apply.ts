// PATCH with an apply configuration: server-side apply on an object, one of its subresources, or on
// one that is not there yet. https://kubernetes.io/docs/reference/using-api/server-side-apply/
import { DecodeError, decodeValue, goKindOf } from '../../machinery/decode.ts';
import { badRequestError, conflictError, isAlreadyExists, isNotFound, StatusError } from '../../machinery/errors.ts';
import {
  type Application,
  type Applied,
  applyFields,
  type Conflict,
  ConflictError,
  conflictsOutside,
  fieldsAsLastApplied,
  showManager,
  UnreadableManagersError,
  type Versions,
} from '../../machinery/field-management/apply.ts';
import { checkFields } from '../../machinery/field-management/check.ts';
import { blankOf } from '../../machinery/field-management/record.ts';
import { cloneJson, isObject } from '../../machinery/json.ts';
import { TooManyValuesError } from '../../machinery/json-reader.ts';
import { apiVersionOf, type Kind, parseApiVersion, type ServedVersion } from '../../machinery/kind.ts';
import type { KubeObject, ManagedFieldsEntry } from '../../machinery/metadata.ts';
import { timestamp } from '../../machinery/timestamp.ts';
import type { ApiContext, WriteOptions } from '../registry/context.ts';
import { createObject } from '../registry/create.ts';
import { setManagers, versionsOf } from '../registry/field-versions.ts';
import { updateObject } from '../registry/update.ts';
import { groupResourceOf } from '../storage/object-store.ts';
import { toVersion } from '../storage/stored-object.ts';
import { breathe } from '../turns.ts';
import { parseApply, tooManyValues } from './body.ts';
import type { Answer, ApiRequest } from './exchange.ts';
import { lastAppliedOf, withLastApplied } from './last-applied.ts';
import type { FieldValidation } from './options.ts';
import { checkTarget } from './update.ts';

type ApplyOptions = WriteOptions & { fieldValidation: FieldValidation; force: boolean };

/** The one tool whose former client-side applies are honoured. */
const kubectl = 'kubectl';
const maxTries = 8;

/** A configuration to apply, read, with what is to be told of its text. */
export interface Configuration {
  config: Record<string, unknown>;
  warnings: string[];
}

/** Reads the body of an apply. Keys that come twice are refused where the client wants that. */
export function readConfiguration(request: ApiRequest, fieldValidation: FieldValidation): Configuration {
  const { value, duplicates } = parseApply(request);
  if (value !== null && !isObject(value)) {
    const why = `json: cannot unmarshal ${goKindOf(value)} into Go value of type map[string]interface {}`;
    throw badRequestError(`error decoding YAML: error unmarshaling JSON: while decoding JSON: ${why}`);
  }
  const problems = duplicates.map((text) => `error converting YAML to JSON: ${text}`);
  if (fieldValidation === 'Strict' && problems.length > 0)
    throw badRequestError(`error strict decoding YAML: ${problems.join(', ')}`);
  return { config: value ?? {}, warnings: fieldValidation === 'Warn' ? problems : [] };
}

export async function handleApply(context: ApiContext, request: ApiRequest, options: ApplyOptions): Promise<Answer> {
  const { kind, info } = request;
  const { namespace, name, subresource } = info;
  const { config, warnings } = readConfiguration(request, options.fieldValidation);
  const produce = async (old: KubeObject, isLarge: boolean) => {
    const { draft, managedFields } = await applyTo(context, request, { old, config, options: { ...options, isLarge } });
    request.warnings.push(...warnings);
    setManagers(draft, managedFields);
    return draft;
  };
  const target = { namespace, name, subresource, produce, hasManagers: () => true };
  for (let tries = 0; ; tries++) {
    try {
      const stored = await updateObject(context, kind, target, options);
      return { type: 'object', stored, code: 200 };
    } catch (err) {
      if (subresource !== '' || !isAbsence(err, kind, name)) throw err;
    }
    try {
      const { draft, managedFields } = await applyTo(context, request, { old: undefined, config, options });
      request.warnings.push(...warnings);
      await request.authorize('create');
      const stored = await createObject(context, kind, { draft, namespace, managedFields }, options);
      return { type: 'object', stored, code: 201 };
    } catch (err) {
      // Somebody else has made it meanwhile.
      if (!isAlreadyExists(err) || tries >= maxTries) throw err;
    }
  }
}

const isAbsence = (err: unknown, kind: Kind, name: string): boolean =>
  isNotFound(err) && (err as StatusError).details?.kind === kind.plural && (err as StatusError).details?.name === name;

interface Work {
  /** In storage version; undefined where there is none yet. */
  old: KubeObject | undefined;
  config: Record<string, unknown>;
  options: ApplyOptions;
}

/** The object as the applier wants it, decoded, in storage version. */
async function applyTo(
  context: ApiContext,
  request: ApiRequest,
  { old, config, options }: Work,
): Promise<{ draft: KubeObject; managedFields: ManagedFieldsEntry[] }> {
  const { kind, version, info } = request;
  const applied = await applyChecked({
    what: { kind: kind.kind, apiVersion: apiVersionOf(version), schema: version.schema },
    live: old && toVersion(old, kind, version),
    config,
    options,
    subresource: info.subresource,
    time: timestamp(context.clock.now()),
    versions: versionsOf(context, kind, info.subresource),
  });
  if (options.isLarge) await breathe();
  const wanted = applied.object ?? (old ? undefined : (config as KubeObject));
  const draft = wanted ? decodeApplied(kind, version, wanted, config) : cloneJson(old!);
  if (draft.metadata.uid && !old) {
    const why = `uid mismatch: the provided object specified uid ${draft.metadata.uid}, and no existing object was found`;
    throw conflictError(groupResourceOf(kind), info.name, why);
  }
  if (!old) delete draft.metadata.resourceVersion;
  checkTarget(draft, info);
  if (options.fieldManager === kubectl && lastAppliedOf(draft)) withLastApplied(draft, config);
  return { draft, managedFields: applied.managedFields };
}

interface CheckedApplication {
  what: { kind: string; apiVersion: string; schema: ServedVersion['schema'] };
  live: KubeObject | undefined;
  config: Record<string, unknown>;
  options: ApplyOptions;
  subresource: string;
  time: string;
  versions: Versions;
}

/** Checks a configuration and applies it; throws what the client is told. */
export async function applyChecked(asked: CheckedApplication): Promise<Applied> {
  const { what, config, options, subresource, time, versions } = asked;
  checkConfiguration(config, what);
  const pause = options.isLarge ? breathe : undefined;
  await pause?.();
  const live = asked.live ?? { ...blankOf(what.schema), apiVersion: what.apiVersion, kind: what.kind };
  const writer = { manager: options.fieldManager, apiVersion: what.apiVersion, subresource, time };
  const application = { live, config: config as KubeObject, writer, force: options.force, versions, pause };
  try {
    return await applyFields(application);
  } catch (err) {
    if (err instanceof DecodeError) throw unconvertible(err, config, what);
    if (err instanceof UnreadableManagersError) throw new StatusError(500, '', err.message, { cause: err });
    if (!(err instanceof ConflictError)) throw err;
    const conflicts = options.fieldManager === kubectl ? conflictsOfOthers(err.conflicts, application) : err.conflicts;
    if (conflicts.length > 0) throw refusal(new ConflictError(conflicts));
    return applyFields({ ...application, force: true });
  }
}

/** What kubectl's own client-side applies have set is no conflict for it. */
function conflictsOfOthers(
  conflicts: readonly Conflict[],
  { live, writer, versions }: Application,
): readonly Conflict[] {
  const schema = versions.schemaOf(writer.apiVersion)!;
  const last = lastAppliedOf(live);
  if (!last || last.apiVersion !== writer.apiVersion || checkFields(last, schema) !== undefined) return conflicts;
  const allowed = fieldsAsLastApplied(last, live, schema);
  return conflictsOutside(conflicts, allowed);
}

function refusal(err: ConflictError): StatusError {
  const causes = err.conflicts.flatMap(({ manager, paths }) =>
    paths.map((field) => ({ reason: 'FieldManagerConflict', message: `conflict with ${showManager(manager)}`, field })),
  );
  return new StatusError(409, 'Conflict', err.message, { details: { causes }, cause: err });
}

const textOf = (value: unknown): string => (typeof value === 'string' ? value : '');

/** `apps/v1, Kind=Deployment`. */
function showType(apiVersion: string, kind: string): string {
  const { group, version } = parseApiVersion(apiVersion);
  return `${group}/${version}, Kind=${kind}`;
}

/** `namespace/name; apps/v1, Kind=Deployment`, as far as the configuration says. */
function showObject(config: Record<string, unknown>): string {
  const metadata = isObject(config.metadata) ? config.metadata : {};
  const type = showType(textOf(config.apiVersion), textOf(config.kind));
  return `${textOf(metadata.namespace)}/${textOf(metadata.name)}; ${type}`;
}

function checkConfiguration(config: Record<string, unknown>, what: CheckedApplication['what']): void {
  const [apiVersion, kind] = [textOf(config.apiVersion), textOf(config.kind)];
  if (apiVersion !== what.apiVersion || kind !== what.kind)
    throw badRequestError(`invalid object type: ${showType(apiVersion, kind)}`);
  if (isObject(config.metadata) && Array.isArray(config.metadata.managedFields))
    throw badRequestError('metadata.managedFields must be nil');
  const problem = checkFields(config, what.schema);
  if (problem === undefined) return;
  throw new StatusError(500, '', `failed to create typed patch object (${showObject(config)}): ${problem}`);
}

/** The merged object as a draft of the storage version, with its defaults. */
function decodeApplied(
  kind: Kind,
  version: ServedVersion,
  object: KubeObject,
  config: Record<string, unknown>,
): KubeObject {
  try {
    const { value } = decodeValue(version.schema, object);
    version.setDefaults?.(value);
    const draft: KubeObject = version.toStorage ? version.toStorage(value) : value;
    return { ...draft, kind: kind.kind, apiVersion: kind.apiVersion, metadata: draft.metadata ?? {} };
  } catch (err) {
    if (err instanceof TooManyValuesError) throw tooManyValues(err);
    if (!(err instanceof DecodeError)) throw err;
    throw unconvertible(err, config, { kind: kind.kind, apiVersion: apiVersionOf(version) });
  }
}

/** The fields are there and have values that no object can have, as a number that is too large. */
function unconvertible(
  err: DecodeError,
  config: Record<string, unknown>,
  { kind, apiVersion }: Pick<CheckedApplication['what'], 'kind' | 'apiVersion'>,
): StatusError {
  const what = `failed to convert new object (${showObject(config)}) to proper version (${apiVersion})`;
  const why = `unable to convert unstructured object to ${showType(apiVersion, kind)}: ${err.message}`;
  return new StatusError(500, '', `${what}: ${why}`, { cause: err });
}
