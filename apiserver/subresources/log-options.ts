// What a client may ask of a pod's log, checked before its kubelet is asked, and in the form in
// which the kubelet reads it. Upstream: PodLogOptions and its validation.
import { badRequestError, invalidError } from '../../machinery/errors.ts';
import { type FieldError, forbidden, invalid, notSupported } from '../../machinery/field-error.ts';
import { isTrue } from '../request-info.ts';

const flags = ['follow', 'previous', 'timestamps'];
const numbers = ['sinceSeconds', 'tailLines', 'limitBytes'] as const;
const texts = ['sinceTime', 'stream'];
const streams = ['All', 'Stderr', 'Stdout'];

type Numbers = Partial<Record<(typeof numbers)[number], number>>;

/**
 * The query for the kubelet. Throws 400 for what is no number, and 422 for a value or combination
 * that makes no sense.
 */
export function logQuery(podName: string, asked: URLSearchParams): URLSearchParams {
  const query = new URLSearchParams();
  for (const flag of flags) if (isTrue(asked.get(flag))) query.set(flag, 'true');
  for (const option of [...numbers, ...texts]) {
    const value = asked.get(option);
    if (value) query.set(option, value);
  }
  const errors = errorsOf(numbersOf(query), query);
  if (errors.length > 0) throw invalidError({ group: '', kind: 'PodLogOptions' }, podName, errors);
  return query;
}

function numbersOf(query: URLSearchParams): Numbers {
  const found: Numbers = {};
  for (const name of numbers) {
    const text = query.get(name);
    if (text === null) continue;
    if (!/^[+-]?\d+$/.test(text)) throw badRequestError(`invalid value for ${name}: ${text}`);
    found[name] = Number(text);
  }
  return found;
}

function errorsOf({ tailLines, limitBytes, sinceSeconds }: Numbers, query: URLSearchParams): FieldError[] {
  const errors: FieldError[] = [];
  if (tailLines !== undefined && tailLines < 0)
    errors.push(invalid('tailLines', tailLines, 'must be greater than or equal to 0'));
  if (limitBytes !== undefined && limitBytes < 1)
    errors.push(invalid('limitBytes', limitBytes, 'must be greater than 0'));
  if (sinceSeconds !== undefined && query.has('sinceTime'))
    errors.push(forbidden('', 'at most one of `sinceTime` or `sinceSeconds` may be specified'));
  else if (sinceSeconds !== undefined && sinceSeconds < 1)
    errors.push(invalid('sinceSeconds', sinceSeconds, 'must be greater than 0'));
  const stream = query.get('stream');
  if (stream !== null && !streams.includes(stream)) errors.push(notSupported('stream', stream, streams));
  return errors;
}
