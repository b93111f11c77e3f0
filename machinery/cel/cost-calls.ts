// What one call is estimated to cost and how large its result is, by its overload (cel-go's checker/cost.go) and by its
// function (Kubernetes' library/cost.go, which goes first).
import type { EntrySize, Known } from './cost.ts';
import { add, type CostRange, fixed, multiply, type Size, scale, union, unknownSize } from './cost-range.ts';
import { listCreateCost, regexLengthFactor, stringTraversalFactor } from './limits.ts';

interface CallInfo {
  readonly name: string;
  readonly overload: string;
  readonly target: Known | undefined;
  readonly args: readonly Known[];
  readonly argCosts: readonly CostRange[];
}
interface CallEstimate {
  /** Of the call and its arguments. */
  readonly cost: CostRange;
  readonly size?: Size | undefined;
  readonly entry?: EntrySize | undefined;
}
type Estimate = (call: CallInfo) => CallEstimate | undefined;

const sizeOfKnown = (known: Known | undefined): Size => known?.size ?? unknownSize;
const traverse = (size: Size, factor = 1): CostRange => scale(size, factor * stringTraversalFactor);
const one: Estimate = () => ({ cost: fixed(1) });
const both = ({ target, args }: CallInfo): Known[] => (target === undefined ? [...args] : [target, ...args]);

/** An estimate for the call and its arguments. */
export function estimateCall(call: CallInfo): CallEstimate {
  const estimate = byFunction[call.name]?.(call);
  const own = estimate ?? byOverload[call.overload]?.(call);
  const special = lazyCalls[call.overload];
  if (estimate === undefined && special !== undefined) return special(call);
  const args = call.argCosts.reduce(add, fixed(0));
  return { ...own, cost: add(args, own?.cost ?? fixed(1)) };
}

/** Calls that do not evaluate all their arguments. */
const lazyCalls: Readonly<Record<string, (call: CallInfo) => CallEstimate>> = {
  logical_or: shortCircuit,
  logical_and: shortCircuit,
  conditional({ args, argCosts }) {
    const [, yes, no] = args;
    const entry =
      yes!.entry === undefined || no!.entry === undefined
        ? undefined
        : { key: union(yes!.entry.key, no!.entry.key), value: union(yes!.entry.value, no!.entry.value) };
    const cost = add(argCosts[0]!, union(argCosts[1]!, argCosts[2]!));
    return { cost, size: union(sizeOfKnown(yes), sizeOfKnown(no)), entry };
  },
};

function shortCircuit({ argCosts }: CallInfo): CallEstimate {
  return { cost: { min: argCosts[0]!.min, max: add(argCosts[0]!, argCosts[1]!).max } };
}

const comparison: Estimate = (call) => {
  const [a, b] = both(call);
  if (a!.type?.kind === 'opaque' && a!.type.name.includes('.') && a!.type.name !== 'kubernetes.URL') return one(call);
  const max = Math.min(sizeOfKnown(a).max, sizeOfKnown(b).max);
  return { cost: traverse({ min: max > 0 ? 1 : 0, max }) };
};

const concatenation =
  (cost: (size: Size) => CostRange): Estimate =>
  ({ args: [a, b] }) => {
    const size = add(sizeOfKnown(a), sizeOfKnown(b));
    const entry =
      a!.entry === undefined || b!.entry === undefined
        ? undefined
        : { key: union(a!.entry.key, b!.entry.key), value: union(a!.entry.value, b!.entry.value) };
    return { cost: cost(size), size, entry };
  };

const regexSearch = ({ target, args }: CallInfo): CostRange | undefined => {
  if (target === undefined || args.length === 0) return undefined;
  const text = traverse(add(sizeOfKnown(target), fixed(1)));
  return multiply(text, scale(sizeOfKnown(args[0]), regexLengthFactor));
};

const byOverload: Readonly<Record<string, Estimate>> = {
  string_to_bytes({ args: [text] }) {
    const size = sizeOfKnown(text);
    return { cost: traverse(size), size: { min: size.min, max: size.max * 4 } };
  },
  bytes_to_string({ args: [bytes] }) {
    const size = sizeOfKnown(bytes);
    return { cost: traverse(size), size: { min: Math.floor(size.min / 4), max: size.max } };
  },
  starts_with_string: ({ args: [part] }) => ({ cost: traverse(sizeOfKnown(part)) }),
  ends_with_string: ({ args: [part] }) => ({ cost: traverse(sizeOfKnown(part)) }),
  in_list: ({ args: [, list] }) => ({ cost: sizeOfKnown(list) }),
  matches_string(call) {
    const cost = regexSearch(call);
    return cost && { cost };
  },
  contains_string: ({ target, args: [part] }) => ({
    cost: multiply(traverse(sizeOfKnown(target)), traverse(sizeOfKnown(part))),
  }),
  add_list: concatenation(() => fixed(1)),
  add_string: concatenation(traverse),
  add_bytes: concatenation(traverse),
  ...Object.fromEntries(
    ['less', 'less_equals', 'greater', 'greater_equals'].flatMap((name) =>
      ['string', 'bytes'].map((type) => [`${name}_${type}`, comparison] as const),
    ),
  ),
  equals: comparison,
  not_equals: comparison,
};

/** Looking once at each element of a list, and at the text of those that have one. */
const listTraversal: Estimate = ({ target }) => {
  if (target === undefined) return undefined;
  const { type, decl } = target;
  const size = sizeOfKnown(target);
  if (type?.kind !== 'list') return { cost: traverse(size) };
  let each = fixed(1);
  if (type.element.kind === 'string' || type.element.kind === 'bytes') {
    const element = decl?.element;
    each = add(each, traverse(element === undefined ? unknownSize : { min: 0, max: element.maxElements }));
  }
  return { cost: multiply(size, each) };
};

const ofTarget: Estimate = ({ target }) => {
  const size = sizeOfKnown(target);
  return target && { cost: traverse(size), size };
};

const ofFirst =
  (factor = 1): Estimate =>
  (call) => ({ cost: traverse(sizeOfKnown(both(call)[0]), factor) });

const replaced: Estimate = ({ target, args }) => {
  if (target === undefined || args.length < 2) return undefined;
  const [size, part, by] = [sizeOfKnown(target), sizeOfKnown(args[0]), sizeOfKnown(args[1])];
  // The most comes of the shortest parts and the longest replacements, the least the other way round; an empty part is
  // found around every character.
  const bound = (all: number, length: number, growth: boolean) => {
    if (length === 0) return { count: all + 1, kept: all };
    return growth ? { count: Math.ceil(all / length), kept: 0 } : { count: 0, kept: all };
  };
  const high = bound(size.max, part.min, by.max > part.min);
  const low = bound(size.min, part.max, part.max > by.min);
  const result = add(multiply({ min: low.count, max: high.count }, by), { min: low.kept, max: high.kept });
  return { cost: traverse(size, 2), size: result };
};

const joined: Estimate = ({ target, args: [separator] }) => {
  if (target?.type?.kind !== 'list') return undefined;
  const list = sizeOfKnown(target);
  const element = target.decl?.element;
  let size = multiply(list, element === undefined ? unknownSize : { min: 0, max: element.maxElements });
  if (separator !== undefined) {
    const gaps = { min: Math.max(0, list.min - 1), max: Math.max(0, list.max - 1) };
    size = add(size, multiply(sizeOfKnown(separator), gaps));
  }
  return { cost: traverse(size), size };
};

const address: Size = { min: 4, max: 16 };
const inSubnet =
  (parsed: string, isSubnet: boolean): Estimate =>
  ({ overload, args: [other] }) => {
    let cost = traverse(add(address, address));
    if (isSubnet) cost = add(add(cost, traverse(address)), fixed(1));
    return { cost: overload === parsed ? add(cost, traverse(sizeOfKnown(other))) : cost };
  };

const product =
  (factor: number): Estimate =>
  ({ args: [a, b] }) => ({ cost: add(scale(multiply(sizeOfKnown(a), sizeOfKnown(b)), factor), fixed(1)) });

// cel-go's ext/lists.go: a list is made, of a size that is also what making it costs, times a factor.
const listMade = (size: Size, factor = 1): CallEstimate => ({
  cost: add(scale(size, factor), fixed(1 + listCreateCost)),
  size,
});
const ofList = ({ target }: CallInfo): Size => sizeOfKnown(target);
const literalOr = (known: Known | undefined, otherwise: number): number => {
  const { expr } = known ?? {};
  return expr?.kind === 'const' && expr.type?.kind === 'int' ? Math.max(0, Number(expr.value)) : otherwise;
};
/** Each element against each. */
const compared =
  (listOf: (call: CallInfo) => Known | undefined, isSort: boolean): Estimate =>
  (call) => {
    const list = listOf(call);
    const size = sizeOfKnown(list);
    const element = list?.type?.kind === 'list' ? list.type.element.kind : undefined;
    const isText = isSort && (element === 'string' || element === 'bytes');
    return listMade(multiply(size, size), isText ? 2 + stringTraversalFactor : 2);
  };

const byFunction: Readonly<Record<string, Estimate>> = Object.assign(
  Object.create(null),
  {
    check: () => ({ cost: fixed(350_000) }),
    url: (call: CallInfo) => ({ ...ofFirst()(call), size: sizeOfKnown(call.args[0]) }),
    replace: replaced,
    split({ target }: CallInfo) {
      const size = sizeOfKnown(target);
      return { cost: traverse(size, 2), size: { min: 0, max: size.max } };
    },
    join: joined,
    ip: (call: CallInfo) => (call.overload === 'cidr_ip' ? one(call) : ofFirst()(call)),
    'ip.isCanonical': ofFirst(2),
    containsIP: inSubnet('cidr_contains_ip_string', false),
    containsCIDR: inSubnet('cidr_contains_cidr_string', true),
    'sets.contains': product(1),
    'sets.intersects': product(1),
    'sets.equivalent': product(2),
    validate: ({ args: [text] }: CallInfo) => ({
      cost: multiply(traverse(sizeOfKnown(text)), fixed(Math.ceil(128 * regexLengthFactor))),
    }),
    format: ({ target }: CallInfo) => ({ cost: traverse(sizeOfKnown(target)) }),
    'strings.quote': ({ args: [text] }: CallInfo) => {
      const size = sizeOfKnown(text);
      return { cost: traverse(size), size: { min: size.min + 2, max: size.max * 2 + 2 } };
    },
    'lists.range': ({ args: [count] }: CallInfo) => listMade(fixed(literalOr(count, unknownSize.max))),
    slice(call: CallInfo) {
      const [start, end] = [literalOr(call.args[0], 0), literalOr(call.args[1], ofList(call).max)];
      return listMade(fixed(end < start ? unknownSize.max : end - start));
    },
    reverse: (call: CallInfo) => listMade(ofList(call)),
    flatten: (call: CallInfo) =>
      listMade(ofList(call), call.args.length === 0 ? 1 : literalOr(call.args[0], unknownSize.max)),
    distinct: compared(({ target }) => target, false),
    sort: compared(({ target }) => target, true),
    '@sortByAssociatedKeys': compared(({ args: [keys] }) => keys, true),
  },
  named(['isSorted', 'sum', 'max', 'min', 'indexOf', 'lastIndexOf'], listTraversal),
  named(['fieldSelector', 'labelSelector'], ({ args: [text] }) => {
    const size = sizeOfKnown(text);
    return { cost: add(add(fixed(10), scale(scale(size, 0.5), 50)), traverse(size)) };
  }),
  named(['lowerAscii', 'upperAscii', 'substring', 'trim'], ofTarget),
  named(['find', 'findAll'], (call) => {
    const cost = regexSearch(call);
    return cost && { cost, size: { min: 0, max: sizeOfKnown(call.target).max } };
  }),
  named(['cidr', 'isIP', 'isCIDR', 'quantity', 'isQuantity', 'semver', 'isSemver', 'jsonpatch.escapeKey'], ofFirst()),
);

function named(names: readonly string[], estimate: Estimate): Record<string, Estimate> {
  return Object.fromEntries(names.map((name) => [name, estimate]));
}
