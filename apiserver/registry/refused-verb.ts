// The answer for a verb that a resource does not have.
import { methodNotAllowedError, methodNotRoutedError, type StatusError } from '../../machinery/errors.ts';
import type { Kind } from '../../machinery/kind.ts';

/** What is built in has routes upstream, which say less than the handler of custom resources. */
export const refusedVerb = ({ isCustom, group, plural }: Kind, verb: string, subresource = ''): StatusError =>
  isCustom
    ? methodNotAllowedError({ group, resource: subresource === '' ? plural : `${plural}/${subresource}` }, verb)
    : methodNotRoutedError();
