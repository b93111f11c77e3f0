// A write as admission is shown it.
import { apiVersionOf, type GroupVersionKind, type Kind } from '../../machinery/kind.ts';
import type { KubeObject } from '../../machinery/metadata.ts';
import type { AdmissionOperation, AdmissionRequest } from '../admission/plugin.ts';
import type { ApiContext, WriteOptions } from './context.ts';
import { RequestEnd } from './request-end.ts';

interface Write {
  operation: AdmissionOperation;
  kind: Kind;
  subresource?: string;
  speaks?: GroupVersionKind;
  namespace: string;
  name: string;
  object?: KubeObject;
  oldObject?: KubeObject;
  options: WriteOptions;
}

/** Shows admission a request that is not stored as it comes, and changes `object` as admission will have it. */
export async function admitAs(
  { admission }: Pick<ApiContext, 'admission'>,
  write: Write & { speaks: GroupVersionKind; object: KubeObject },
): Promise<void> {
  const { object, speaks } = write;
  Object.assign(object, { kind: speaks.kind, apiVersion: apiVersionOf(speaks) });
  const request = admissionRequest(write);
  await admission.mutate(request);
  await admission.validate(request);
}

/** `end` tells plugins how the write has ended. */
export function admissionRequest(write: Write, end = new RequestEnd()): AdmissionRequest {
  const { options, subresource = '', ...rest } = write;
  return {
    ...rest,
    subresource,
    user: options.user,
    dryRun: options.dryRun,
    apiVersion: options.apiVersion,
    ...(options.sent && { options: options.sent }),
    ...(options.isPatch && { isPatch: true }),
    ...(options.untold && { untold: true }),
    warn: (text) => options.warnings.push(text),
    ...(options.auditAnnotations && {
      annotate: (key, value) => {
        options.auditAnnotations![key] = value;
      },
    }),
    onEnd: end.add,
  };
}
