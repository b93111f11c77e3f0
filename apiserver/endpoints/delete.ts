// DELETE of one object and of a collection.

import { deleteOptions } from '../../api/meta/delete-options.ts';
import { DecodeError, decodeValue } from '../../machinery/decode.ts';
import { badRequestError, invalidError, unlessGone } from '../../machinery/errors.ts';
import { type FieldError, invalid, notSupported } from '../../machinery/field-error.ts';
import { isObject } from '../../machinery/json.ts';
import type { ApiContext, WriteOptions } from '../registry/context.ts';
import { type DeleteOptions, deleteObject, orphanWarning } from '../registry/delete.ts';
import { isTrue } from '../request-info.ts';
import { parseBody } from './body.ts';
import { type Answer, type ApiRequest, successStatus } from './exchange.ts';
import { listObjects } from './list.ts';
import { parseInteger } from './list-options.ts';
import { readWriteOptions } from './options.ts';

interface AskedOptions extends DeleteOptions {
  dryRun?: string[];
}

/** Options of a delete: from the body, or from the query where there is no body. */
function readDeleteOptions(request: ApiRequest): DeleteOptions & { dryRun: boolean } {
  const options = request.body.length > 0 ? readBody(request) : readQuery(request.info.query);
  checkDeleteOptions(options);
  return { ...options, dryRun: (options.dryRun?.length ?? 0) > 0 };
}

function readBody(request: ApiRequest): AskedOptions {
  const { value } = parseBody(request, { kind: 'DeleteOptions', schema: deleteOptions });
  if (!isObject(value)) throw badRequestError('expected DeleteOptions in the body');
  if (value.kind !== undefined && value.kind !== 'DeleteOptions')
    throw badRequestError(`decoded object cannot be converted to DeleteOptions: it is a ${String(value.kind)}`);
  try {
    return decodeValue(deleteOptions, value).value;
  } catch (err) {
    if (err instanceof DecodeError) throw badRequestError(err.message, err);
    throw err;
  }
}

function readQuery(query: URLSearchParams): AskedOptions {
  const options: AskedOptions = query.has('dryRun') ? { dryRun: query.getAll('dryRun') } : {};
  const grace = query.get('gracePeriodSeconds');
  if (grace !== null) options.gracePeriodSeconds = parseInteger(grace);
  const policy = query.get('propagationPolicy');
  if (policy !== null) options.propagationPolicy = policy;
  const orphan = query.get('orphanDependents');
  if (orphan !== null) options.orphanDependents = isTrue(orphan);
  return options;
}

function checkDeleteOptions(options: AskedOptions): void {
  const errors: FieldError[] = [];
  const policies = ['Foreground', 'Background', 'Orphan'];
  const { propagationPolicy, orphanDependents, dryRun } = options;
  if (propagationPolicy !== undefined && !policies.includes(propagationPolicy)) {
    errors.push(notSupported('propagationPolicy', propagationPolicy, [...policies, 'nil']));
  }
  if (propagationPolicy !== undefined && orphanDependents !== undefined) {
    errors.push(
      invalid('propagationPolicy', propagationPolicy, 'orphanDependents and deletionPropagation cannot be both set'),
    );
  }
  if (dryRun?.some((x) => x !== 'All')) errors.push(notSupported('dryRun', dryRun, ['All']));
  if (errors.length > 0) throw invalidError({ group: 'meta.k8s.io', kind: 'DeleteOptions' }, '', errors);
}

/** How the delete is carried out; admission is shown its options, wherever they came from. */
function writeOptions(request: ApiRequest, options: DeleteOptions, dryRun: boolean): WriteOptions {
  const sent = { ...options, kind: 'DeleteOptions', apiVersion: 'meta.k8s.io/v1', ...(dryRun && { dryRun: ['All'] }) };
  return { ...readWriteOptions(request, 'DeleteOptions'), dryRun, sent };
}

export async function handleDelete(context: ApiContext, request: ApiRequest): Promise<Answer> {
  const { kind, info } = request;
  const { dryRun, ...options } = readDeleteOptions(request);
  const write = writeOptions(request, options, dryRun);
  const target = { namespace: info.namespace, name: info.name, options };
  request.warnings.push(...orphanWarning(kind, options));
  const { stored, gone } = await deleteObject(context, kind, target, write);
  if (!gone || kind.returnsDeletedObject) {
    const accepted = !gone && options.orphanDependents === false;
    return { type: 'object', stored, code: accepted ? 202 : 200 };
  }
  const uid = stored.object.metadata.uid;
  const group = kind.group ? { group: kind.group } : {};
  const { code: _code, ...status } = successStatus({
    name: info.name,
    ...group,
    kind: kind.plural,
    ...(uid ? { uid } : {}),
  });
  return { type: 'value', value: status, code: 200 };
}

export async function handleDeleteCollection(context: ApiContext, request: ApiRequest): Promise<Answer> {
  const { kind, info } = request;
  const { dryRun, ...options } = readDeleteOptions(request);
  const write = writeOptions(request, options, dryRun);
  request.warnings.push(...orphanWarning(kind, options));
  const list = await listObjects(context, request);
  for (const item of list.items) {
    const { name = '', namespace = info.namespace } = item.object.metadata;
    await unlessGone(deleteObject(context, kind, { namespace, name, options }, write));
  }
  return { type: 'list', list };
}
