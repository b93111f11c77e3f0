// /scale: the number of replicas of any kind that declares where it keeps them, as an autoscaling/v1 Scale.
import { ScaleKind } from '../../api/autoscaling/scale.ts';
import { badRequestError, internalError, invalidError } from '../../machinery/errors.ts';
import { invalid } from '../../machinery/field-error.ts';
import { cloneJson, valueAt } from '../../machinery/json.ts';
import type { Kind } from '../../machinery/kind.ts';
import type { KubeObject } from '../../machinery/metadata.ts';
import { finish } from '../../machinery/steps.ts';
import { timestamp } from '../../machinery/timestamp.ts';
import { applyChecked, readConfiguration } from '../endpoints/apply.ts';
import { applyType, baseType, parseBody } from '../endpoints/body.ts';
import { decodeAs, type Wanted, wantedAs } from '../endpoints/decode-object.ts';
import type { ApiRequest } from '../endpoints/exchange.ts';
import { readWriteOptions } from '../endpoints/options.ts';
import { readPatch, refusal } from '../endpoints/patch.ts';
import { checkTarget } from '../endpoints/update.ts';
import { admitAs } from '../registry/admission-request.ts';
import type { ApiContext } from '../registry/context.ts';
import { versionsServed } from '../registry/field-versions.ts';
import { refusedVerb } from '../registry/refused-verb.ts';
import { scaleVersion } from '../registry/subresources-of.ts';
import { updateObject } from '../registry/update.ts';
import type { Subresource } from './handler.ts';
import { parentEntries, type ReplicasPaths, replicasPaths, scaleEntries, scaleVersions } from './scale-fields.ts';

const scale = wantedAs(ScaleKind);

function scaleOf(kind: Kind, object: KubeObject): KubeObject {
  const { specReplicasPath, statusReplicasPath, selector } = kind.subresources.scale!;
  const { name, namespace, uid, resourceVersion, creationTimestamp } = object.metadata;
  const replicas = valueAt(object, specReplicasPath) as number | undefined;
  const selected = selector(object);
  return {
    kind: scale.kind,
    apiVersion: scale.apiVersion,
    metadata: { name, namespace, uid, resourceVersion, creationTimestamp } as KubeObject['metadata'],
    spec: replicas ? { replicas } : {},
    status: {
      replicas: (valueAt(object, statusReplicasPath) as number | undefined) ?? 0,
      ...(selected && { selector: selected }),
    },
  };
}

/** Built-in kinds have replicas; of a custom resource without them there is no scale. */
function missingReplicas(kind: Kind, object: KubeObject): string | undefined {
  const path = kind.subresources.scale!.specReplicasPath;
  return kind.isCustom && valueAt(object, path) === undefined ? `the spec replicas field ".${path}"` : undefined;
}

function withReplicas(object: KubeObject, path: string, replicas: number): KubeObject {
  const draft = cloneJson(object);
  const keys = path.split('.');
  let at: Record<string, any> = draft;
  for (const key of keys.slice(0, -1)) at = at[key] ??= {};
  at[keys[keys.length - 1]!] = replicas;
  return draft;
}

// Stands for replicas that are not there while a patch is laid over them; upstream: invalidSpecReplicas.
const none = -(2 ** 31);

type WriteOptionsRead = ReturnType<typeof readWriteOptions>;

/** What the request wants the scale to be, given what it is; with its managers where it applies. */
function wantedScale(
  context: ApiContext,
  request: ApiRequest,
  options: WriteOptionsRead,
  pathOf: ReplicasPaths,
): (parent: KubeObject) => Promise<KubeObject> {
  const { kind } = request;
  const decode = (value: unknown, duplicates: string[] = [], refuse?: Wanted['refuse']) => {
    const wanted = { ...scale, ...(refuse && { refuse }) };
    const decoded = decodeAs(wanted, { value, duplicates }, options.fieldValidation);
    request.warnings.push(...decoded.warnings);
    return decoded.value as KubeObject;
  };
  if (request.info.verb === 'patch' && baseType(request.contentType) === applyType) {
    const { config, warnings } = readConfiguration(request, options.fieldValidation);
    request.warnings.push(...warnings);
    return async (parent) => {
      const current = scaleOf(kind, parent);
      current.metadata.managedFields = scaleEntries(pathOf, parent.metadata.managedFields, scale.apiVersion);
      const versions = scaleVersions(scale.schema, scale.apiVersion);
      const time = timestamp(context.clock.now());
      const asked = { what: scale, live: current, config, options, subresource: 'scale', time, versions };
      const { object, managedFields } = await applyChecked(asked);
      const next = decode(object ?? current);
      next.metadata.managedFields = managedFields;
      return next;
    };
  }
  if (request.info.verb === 'patch') {
    const patch = readPatch(request);
    return async (parent) => {
      const current = scaleOf(kind, parent);
      if (missingReplicas(kind, parent)) current.spec.replicas = none;
      const patched = finish(patch.apply(current, scale.schema));
      const refuse = (why: string, cause?: unknown) => refusal(patch.show(patched), patch.explain(why), cause);
      return decode(patched, patch.problems, refuse);
    };
  }
  const { value, duplicates } = parseBody(request, scale);
  return async () => decode(value, duplicates);
}

export const scaleSubresource: Subresource = {
  group: '*',
  resource: '*',
  name: 'scale',
  async handle(context, request) {
    const { kind, info } = request;
    const { namespace, name, verb } = info;
    if (verb === 'get') {
      const stored = await context.store.get(kind, namespace, name);
      const missing = missingReplicas(kind, stored.object);
      if (missing) throw internalError(`${missing} does not exist`);
      return { type: 'value', value: scaleOf(kind, stored.object), code: 200 };
    }
    if (verb !== 'update' && verb !== 'patch') throw refusedVerb(kind, verb);
    const options = readWriteOptions(request, verb === 'patch' ? 'PatchOptions' : 'UpdateOptions');
    const isApply = baseType(request.contentType) === applyType;
    const pathOf = replicasPaths(versionsServed(context, kind));
    const wanted = wantedScale(context, request, options, pathOf);
    const produce = async (old: KubeObject): Promise<KubeObject> => {
      const next = await wanted(old);
      checkTarget(next, info);
      const asked = { operation: 'UPDATE', kind, subresource: 'scale', speaks: scaleVersion, namespace, name } as const;
      await admitAs(context, { ...asked, object: next, oldObject: scaleOf(kind, old), options });
      const replicas: number = next.spec?.replicas ?? 0;
      if (replicas === none) throw badRequestError(`${missingReplicas(kind, old)} cannot be empty`);
      // A custom resource is judged as a whole.
      if (replicas < 0 && !kind.isCustom) {
        const error = invalid('spec.replicas', replicas, 'must be greater than or equal to 0');
        throw invalidError({ group: 'autoscaling', kind: 'Scale' }, name, [error]);
      }
      const draft = withReplicas(old, kind.subresources.scale!.specReplicasPath, replicas);
      if (next.metadata.resourceVersion) draft.metadata.resourceVersion = next.metadata.resourceVersion;
      if (next.metadata.uid) draft.metadata.uid = next.metadata.uid;
      const parent = old.metadata.managedFields;
      if (isApply) {
        const entries = { parent, scale: next.metadata.managedFields ?? [] };
        draft.metadata.managedFields = parentEntries(pathOf, entries, options.apiVersion);
      }
      return draft;
    };
    // A scale that nobody manages is not managed from an update on either.
    const hasManagers = ({ metadata }: KubeObject) =>
      isApply || scaleEntries(pathOf, metadata.managedFields, scale.apiVersion).length === 0;
    const target = { namespace, name, subresource: 'scale', produce, hasManagers };
    const stored = await updateObject(context, kind, target, { ...options, untold: true });
    const value = scaleOf(kind, stored.object);
    return { type: 'value', value, code: 200 };
  },
};
