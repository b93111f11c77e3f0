// What a request for metrics asks leave for.
import type { Attributes } from '../../client/delegated-access.ts';
import type { Asked } from './served-api.ts';

export const attributesOf = (group: string, version: string, asked: Asked): Attributes => {
  const { namespace, resource, name, subresource } = asked;
  const verb = name === '' ? 'list' : 'get';
  return { resourceAttributes: { group, version, namespace, resource, name, subresource, verb } };
};
