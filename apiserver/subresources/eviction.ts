// pods/eviction: a delete that disruption budgets may refuse. Budgets come with their kind; until then nothing holds an eviction back.
// https://kubernetes.io/docs/concepts/scheduling-eviction/api-eviction/
import { EvictionKind } from '../../api/policy/eviction.ts';
import { badRequestError } from '../../machinery/errors.ts';
import { parseBody } from '../endpoints/body.ts';
import { decodeAs } from '../endpoints/decode-object.ts';
import { successStatus } from '../endpoints/exchange.ts';
import { readWriteOptions } from '../endpoints/options.ts';
import { deleteObject } from '../registry/delete.ts';
import type { Subresource } from './handler.ts';

const eviction = { kind: 'Eviction', apiVersion: EvictionKind.apiVersion, schema: EvictionKind.storage.schema };

export const evictionSubresource: Subresource = {
  group: '',
  resource: 'pods',
  name: 'eviction',
  async handle(context, request) {
    const options = readWriteOptions(request, 'CreateOptions');
    const { value } = decodeAs(
      eviction,
      parseBody(request.body, request.contentType, eviction),
      options.fieldValidation,
    );
    const { namespace, name } = request.info;
    if (value.metadata.name && value.metadata.name !== name)
      throw badRequestError('name in URL does not match name in Eviction object');
    const { dryRun: asked, ...deletion } = value.deleteOptions ?? {};
    const dryRun = options.dryRun || (asked?.length ?? 0) > 0;
    await deleteObject(context, request.kind, { namespace, name, options: deletion }, { ...options, dryRun });
    return { type: 'status', status: { ...successStatus(undefined), code: 201 } };
  },
};
