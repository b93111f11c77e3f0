// What one group and version of metrics is to the server: what it has, and how it answers. Paths are those of the API:
// https://kubernetes.io/docs/reference/using-api/api-concepts/#resource-uris
import { badRequestError, messageOf } from '../../machinery/errors.ts';
import { parseLabelSelector, type Selector } from '../../machinery/labels.ts';
import { formatQuantity } from '../../machinery/quantity.ts';

/** What a path below the group and version asks for. */
export interface Asked {
  namespace: string;
  resource: string;
  /** Empty for all of them. */
  name: string;
  subresource: string;
  query: URLSearchParams;
  /** Whether the answer is to be a table. */
  asTable: boolean;
}

export interface ServedApi {
  group: string;
  version: string;
  /** The list of an APIResourceList. */
  resources(): object[];
  /** Throws StatusError. */
  answer(asked: Asked): Promise<object>;
}

/** Reads the parts of a path after the group and version: `namespaces/x/pods/y/z`, `nodes/y`. */
export function readParts(parts: readonly string[]): Pick<Asked, 'namespace' | 'resource' | 'name' | 'subresource'> {
  const isNamespaced = parts[0] === 'namespaces' && parts.length > 2;
  const [resource = '', name = '', subresource = ''] = isNamespaced ? parts.slice(2) : parts;
  return { namespace: isNamespaced ? parts[1]! : '', resource, name, subresource };
}

/** A number to the thousandth. */
export function milliQuantity(value: number): string {
  const milli = BigInt(Math.round(Math.min(Math.max(value * 1000, -maxMilli), maxMilli)));
  return formatQuantity({ nanos: milli * 1_000_000n, format: 'DecimalSI' });
}
/** The largest int64 that a double can be: what a pod tells of itself may be anything. */
const maxMilli = 2 ** 63 - 1024;

/** A selector of a query; throws 400 for one that is none. */
export function parseSelector(text: string | null): Selector {
  try {
    return parseLabelSelector(text ?? '');
  } catch (err) {
    throw badRequestError(`unable to parse requirement: ${messageOf(err)}`, err);
  }
}
