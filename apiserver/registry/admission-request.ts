// A write as admission is shown it.
import type { GroupVersionKind, Kind } from '../../machinery/kind.ts';
import type { KubeObject } from '../../machinery/metadata.ts';
import type { AdmissionOperation, AdmissionRequest } from '../admission/plugin.ts';
import type { WriteOptions } from './context.ts';

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

/** `ends` takes what is to be called once the write has ended. */
export function admissionRequest(write: Write, ends: ((stored: boolean) => void)[] = []): AdmissionRequest {
  const { options, subresource = '', ...rest } = write;
  return {
    ...rest,
    subresource,
    user: options.user,
    dryRun: options.dryRun,
    apiVersion: options.apiVersion,
    ...(options.sent && { options: options.sent }),
    warn: (text) => options.warnings.push(text),
    annotate: (key, value) => {
      if (options.auditAnnotations) options.auditAnnotations[key] = value;
    },
    onEnd: (fn) => ends.push(fn),
  };
}
