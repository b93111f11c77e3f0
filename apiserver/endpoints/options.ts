// Options that come in the query of writes: dryRun, fieldManager, fieldValidation.
import { asFieldManager, validateFieldManager } from '../../api/meta/validation.ts';
import { invalidError } from '../../machinery/errors.ts';
import { type FieldError, forbidden, notSupported, required } from '../../machinery/field-error.ts';
import { apiVersionOf } from '../../machinery/kind.ts';
import { isLarge, type WriteOptions } from '../registry/context.ts';
import { isTrue } from '../request-info.ts';
import { applyType, baseType } from './body.ts';
import type { ApiRequest } from './exchange.ts';

export type FieldValidation = 'Ignore' | 'Warn' | 'Strict';

/** Reads and checks the options of a create, update or patch. `options` is the kind named in errors. */
export function readWriteOptions(
  request: ApiRequest,
  options: 'CreateOptions' | 'UpdateOptions' | 'PatchOptions' | 'DeleteOptions',
): WriteOptions & { fieldValidation: FieldValidation; force: boolean } {
  const { query } = request.info;
  const errors: FieldError[] = options === 'PatchOptions' ? checkPatchOptions(request) : [];
  const dryRun = query.getAll('dryRun');
  if (dryRun.some((x) => x !== 'All')) errors.push({ ...notSupported('dryRun', dryRun, ['All']) });
  const manager = query.get('fieldManager') ?? '';
  errors.push(...validateFieldManager(manager, 'fieldManager'));
  const fieldValidation = query.get('fieldValidation') || 'Warn';
  if (!['Ignore', 'Warn', 'Strict'].includes(fieldValidation)) {
    errors.push(notSupported('fieldValidation', fieldValidation, ['', 'Ignore', 'Strict', 'Warn']));
  }
  // A delete has its options read elsewhere, from the body or the query, and no use for the rest.
  if (errors.length > 0 && options !== 'DeleteOptions')
    throw invalidError({ group: 'meta.k8s.io', kind: options }, '', errors);
  return {
    user: request.user,
    signal: request.signal,
    isLarge: isLarge(request.body.length),
    dryRun: dryRun.length > 0,
    isPatch: options === 'PatchOptions',
    fieldManager: manager || managerOf(request.userAgent),
    apiVersion: apiVersionOf(request.version),
    warnings: request.warnings,
    fieldValidation: fieldValidation as FieldValidation,
    force: isTrue(query.get('force')),
    sent: {
      // A patch is an update to whoever judges it.
      kind: options === 'PatchOptions' ? 'UpdateOptions' : options,
      apiVersion: 'meta.k8s.io/v1',
      ...(dryRun.length > 0 && { dryRun }),
      ...(manager && { fieldManager: manager }),
      ...(query.get('fieldValidation') && { fieldValidation }),
    },
    ...(request.auditAnnotations && { auditAnnotations: request.auditAnnotations }),
  };
}

/** An apply names its manager, and it alone may be forced. */
function checkPatchOptions({ info: { query }, contentType }: ApiRequest): FieldError[] {
  if (baseType(contentType) !== applyType)
    return query.has('force') ? [forbidden('force', 'may not be specified for non-apply patch')] : [];
  return query.get('fieldManager') ? [] : [required('fieldManager', 'is required for apply patch')];
}

/** The manager of a request that names none: its user agent up to the first slash. */
const managerOf = (userAgent: string) => asFieldManager(userAgent.split('/')[0]!) || 'unknown';
