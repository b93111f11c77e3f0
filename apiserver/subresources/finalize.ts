// namespaces/finalize: how the namespace controller takes `kubernetes` off spec.finalizers; a
// namespace without any goes.
import { badRequestError } from '../../machinery/errors.ts';
import { cloneJson } from '../../machinery/json.ts';
import type { KubeObject } from '../../machinery/metadata.ts';
import { parseBody } from '../endpoints/body.ts';
import { decodeObject } from '../endpoints/decode-object.ts';
import { readWriteOptions } from '../endpoints/options.ts';
import { checkTarget } from '../endpoints/update.ts';
import { updateObject } from '../registry/update.ts';
import type { Subresource } from './handler.ts';

export const finalizeSubresource: Subresource = {
  group: '',
  resource: 'namespaces',
  name: 'finalize',
  async handle(context, request) {
    const { kind, info } = request;
    if (info.verb !== 'update') throw badRequestError('finalize takes a PUT of the whole namespace');
    const options = readWriteOptions(request, 'UpdateOptions');
    const body = parseBody(request, { kind: kind.kind, schema: request.version.schema });
    const { draft: sent, warnings } = decodeObject(request, body, options.fieldValidation);
    request.warnings.push(...warnings);
    checkTarget(sent, info);
    const produce = (old: KubeObject): KubeObject => {
      const draft = cloneJson(old);
      if (sent.spec.finalizers) draft.spec.finalizers = sent.spec.finalizers;
      else delete draft.spec.finalizers;
      draft.metadata.resourceVersion = sent.metadata.resourceVersion ?? '';
      return draft;
    };
    const target = {
      namespace: '',
      name: info.name,
      subresource: 'finalize',
      produce,
      prepare: () => undefined,
      check: () => undefined,
    };
    const stored = await updateObject(context, kind, target, options);
    return { type: 'object', stored, code: 200 };
  },
};
