// What a call costs while it runs, by its function and overload and the sizes of its arguments; 1 for what is not named
// here. Charged before the call is made. Upstream: cel-go's interpreter/runtimecost.go, apiserver/pkg/cel/library/cost.go.
import { listCreateCost, regexLengthFactor, stringTraversalFactor } from './limits.ts';
import { sizeOf, smallerSize } from './size.ts';
import { CelList, CelMap, type Value } from './values.ts';
import { work } from './work.ts';

type CallCost = (args: readonly Value[]) => number;

const traversal = (size: number, factor = 1): number => Math.ceil(size * factor * stringTraversalFactor);
const ofFirst =
  (factor = 1): CallCost =>
  ([first]) =>
    traversal(sizeOf(first!), factor);
const one: CallCost = () => 1;
const ofSmaller: CallCost = ([a, b]) => traversal(smallerSize(a!, b!));
const ofBoth: CallCost = ([a, b]) => traversal(sizeOf(a!) + sizeOf(b!));
const ofRegex: CallCost = ([text, pattern]) =>
  Math.ceil((1 + sizeOf(text!)) * stringTraversalFactor) * Math.ceil(sizeOf(pattern!) * regexLengthFactor);
const ofProduct =
  (factor: number): CallCost =>
  ([a, b]) =>
    sizeOf(a!) * sizeOf(b!) * factor + 1;

/** The cost of looking at a value and all that is in it. */
function deepSize(value: Value): number {
  work(1);
  if (typeof value === 'string') return Math.floor(Buffer.byteLength(value) * stringTraversalFactor);
  if (value instanceof Uint8Array) return Math.floor(value.length * stringTraversalFactor);
  let sum = 0;
  if (value instanceof CelList) for (let i = 0; i < value.size; i++) sum += deepSize(value.at(i));
  else if (value instanceof CelMap) {
    for (const key of value.keys()) sum += deepSize(key) + deepSize(value.get(key as string) ?? null);
  } else return 1;
  return sum;
}
const ofAll: CallCost = ([value]) => deepSize(value!);

/** A list is made; cel-go's ext/lists.go. */
const listMade = (size: number, factor = 1): number => Math.floor(size * Math.max(0, factor)) + 1 + listCreateCost;
/** Each element is compared with each. */
function selfCompared(list: Value): number {
  const first = list instanceof CelList && list.size > 0 ? list.at(0) : undefined;
  const isText = typeof first === 'string' || first instanceof Uint8Array;
  return listMade(sizeOf(list) ** 2, isText ? 2 + stringTraversalFactor : 2);
}

/** A result of the size of what is joined, and the separators between. */
const ofJoined: CallCost = ([list, separator]) => {
  if (!(list instanceof CelList)) return 1;
  let size = separator === undefined ? 0 : sizeOf(separator) * Math.max(0, list.size - 1);
  for (let i = 0; i < list.size; i++) size += sizeOf(list.at(i));
  return traversal(size, 2);
};

/** Parsing a selector, whose shortest requirement has two characters. */
const ofSelector: CallCost = ([, text]) => 10 + Math.ceil(sizeOf(text!) / 2) * 50 + traversal(sizeOf(text!));
const patternSize = (format: Value) => (format as { patternSize?: number }).patternSize ?? 128;

const byOverload: Readonly<Record<string, CallCost>> = {
  in_list: ([, list]) => sizeOf(list!),
  string_to_bytes: ofFirst(),
  bytes_to_string: ofFirst(),
  starts_with_string: ofFirst(),
  ends_with_string: ofFirst(),
  less_string: ofSmaller,
  less_bytes: ofSmaller,
  less_equals_string: ofSmaller,
  less_equals_bytes: ofSmaller,
  greater_string: ofSmaller,
  greater_bytes: ofSmaller,
  greater_equals_string: ofSmaller,
  greater_equals_bytes: ofSmaller,
  add_string: ofBoth,
  add_bytes: ofBoth,
  matches_string: ofRegex,
  contains_string: ([text, part]) => traversal(sizeOf(text!)) * traversal(sizeOf(part!)),
  cidr_ip: one,
  cidr_contains_ip_string: ([cidr, ip]) => traversal(2 * sizeOf(cidr!)) + traversal(sizeOf(ip!)),
  cidr_contains_cidr_string: ([cidr, other]) =>
    traversal(2 * sizeOf(cidr!)) + traversal(sizeOf(cidr!)) + 1 + traversal(sizeOf(other!)),
};

/** Two authorization checks fit into the limit of one call. */
const checkCost = 350_000;

const byFunction: Readonly<Record<string, CallCost>> = Object.assign(
  Object.create(null),
  {
    check: () => checkCost,
    join: ofJoined,
    find: ofRegex,
    findAll: ofRegex,
    containsIP: ([cidr]: Value[]) => traversal(2 * sizeOf(cidr!)),
    containsCIDR: ([cidr]: Value[]) => traversal(2 * sizeOf(cidr!)) + traversal(sizeOf(cidr!)) + 1,
    'ip.isCanonical': ofFirst(2),
    'sets.contains': ofProduct(1),
    'sets.intersects': ofProduct(1),
    'sets.equivalent': ofProduct(2),
    validate: ([format, text]: Value[]) =>
      Math.ceil((1 + sizeOf(text!)) * stringTraversalFactor) * Math.ceil(patternSize(format!) * regexLengthFactor),
    'lists.range': ([count]: Value[]) => listMade(Math.max(0, Number(count))),
    slice: ([, start, end]: Value[]) => listMade(Math.max(0, Number(end) - Number(start))),
    reverse: ([value]: Value[]) => listMade(sizeOf(value!)),
    flatten: ([list, depth]: Value[]) => listMade(sizeOf(list!), depth === undefined ? 1 : Number(depth)),
    distinct: ([list]: Value[]) => selfCompared(list!),
    sort: ([list]: Value[]) => selfCompared(list!),
    '@sortByAssociatedKeys': ([, keys]: Value[]) => selfCompared(keys!),
    format: ofFirst(),
    'strings.quote': ofFirst(),
    fieldSelector: ofSelector,
    labelSelector: ofSelector,
    '@mapInsert': one,
  },
  named(['isSorted', 'sum', 'max', 'min', 'indexOf', 'lastIndexOf'], ofAll),
  named(['url', 'lowerAscii', 'upperAscii', 'substring', 'trim', 'cidr', 'ip', 'isIP', 'isCIDR'], ofFirst()),
  named(['quantity', 'isQuantity', 'semver', 'isSemver', 'jsonpatch.escapeKey'], ofFirst()),
  named(['replace', 'split'], ofFirst(2)),
);

function named(names: readonly string[], cost: CallCost): Record<string, CallCost> {
  return Object.fromEntries(names.map((name) => [name, cost]));
}

/** Undefined for calls that cost 1. */
export function callCost(name: string, overload: string): CallCost | undefined {
  return byOverload[overload] ?? byFunction[name];
}
