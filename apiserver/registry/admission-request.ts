// A write as admission is shown it.
import type { GroupVersionKind, Kind } from '../../machinery/kind.ts';
import type { KubeObject } from '../../machinery/metadata.ts';
import type { AdmissionOperation, AdmissionRequest } from '../admission/plugin.ts';
import type { WriteOptions } from './context.ts';
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
    warn: (text) => options.warnings.push(text),
    ...(options.auditAnnotations && {
      annotate: (key, value) => {
        options.auditAnnotations![key] = value;
      },
    }),
    onEnd: end.add,
  };
}
