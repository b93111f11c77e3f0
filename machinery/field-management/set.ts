// Sets of field paths, as managedFields and server-side apply count them. A set is its FieldsV1 form,
// `{"f:spec":{"f:replicas":{}}}`: nothing is parsed, and sets share what they have in common.
// Operations return their first argument itself where nothing changes, and walk no further than the
// second one reaches. Upstream: structured-merge-diff's fieldpath.Set.
//
// Within a set a node without keys is a path of the set; one with keys is a path itself where it
// holds `.`. The root is no path: `{}` is the empty set. Nodes are never changed once made.

export interface FieldSet {
  readonly [element: string]: FieldSet;
}

export const emptySet: FieldSet = Object.freeze({});
/** A path with nothing below it: one for all of them. */
export const leaf: FieldSet = Object.freeze({});

export function isEmptySet(set: FieldSet): boolean {
  for (const _ in set) return false;
  return true;
}

/** Whether a node below the root is a path of the set itself. */
export const isMember = (node: FieldSet): boolean => node['.'] !== undefined || isEmptySet(node);

/** A node from what is below it, or undefined where nothing is left of it. */
export function nodeOf(member: boolean, children: FieldSet): FieldSet | undefined {
  if (!hasChildren(children)) return member ? leaf : undefined;
  if (member) return children['.'] ? children : { '.': leaf, ...children };
  if (!children['.']) return children;
  const { '.': _, ...others } = children;
  return others;
}

function hasChildren(node: FieldSet): boolean {
  for (const element in node) if (element !== '.') return true;
  return false;
}

/** Adds the node itself to a set. */
export const withMember = (node: FieldSet): FieldSet => (isMember(node) ? node : { '.': leaf, ...node });

type Mutable = Record<string, FieldSet>;

/** Paths of `a` that are not in `b`. A path of `a` below one of `b` stays. */
export function subtract(a: FieldSet, b: FieldSet): FieldSet {
  return changeChildren(a, b, subtractNode);
}

function subtractNode(a: FieldSet, b: FieldSet): FieldSet | undefined {
  if (isEmptySet(a)) return isMember(b) ? undefined : a;
  const children = changeChildren(a, b, subtractNode);
  const member = a['.'] !== undefined && !isMember(b);
  return children === a && member === (a['.'] !== undefined) ? a : nodeOf(member, children);
}

/** `a` with the nodes that `b` has too replaced by what `change` makes of them. */
function changeChildren(
  a: FieldSet,
  b: FieldSet,
  change: (x: FieldSet, y: FieldSet) => FieldSet | undefined,
): FieldSet {
  let out: Mutable | undefined;
  for (const element in b) {
    const mine = a[element];
    if (mine === undefined || element === '.') continue;
    const left = change(mine, b[element]!);
    if (left === mine) continue;
    out ??= { ...a };
    if (left === undefined) delete out[element];
    else out[element] = left;
  }
  return out ?? a;
}

/** Paths in both sets. */
export function intersect(a: FieldSet, b: FieldSet): FieldSet {
  const out: Mutable = {};
  for (const element in b) {
    const mine = a[element];
    if (mine === undefined || element === '.') continue;
    const other = b[element]!;
    const both = nodeOf(isMember(mine) && isMember(other), intersect(mine, other));
    if (both) out[element] = both;
  }
  return out;
}

/** Paths in either set; those of `b` may be in any order. */
export function unite(a: FieldSet, b: FieldSet): FieldSet {
  let out: Mutable | undefined;
  let isLonger = false;
  for (const element in b) {
    if (element === '.') continue;
    const mine = a[element];
    const joined = mine === undefined ? inOrderThroughout(b[element]!) : uniteNode(mine, b[element]!);
    if (joined === mine) continue;
    out ??= { ...a };
    out[element] = joined;
    if (mine === undefined) isLonger = true;
  }
  return out ? (isLonger ? inOrder(out) : out) : a;
}

/** The union of sets, in time by what they hold, however many they are. */
export function uniteAll(sets: readonly FieldSet[]): FieldSet {
  const below = new Map<string, FieldSet[]>();
  for (const set of sets) {
    for (const element in set) {
      const nodes = below.get(element);
      if (nodes) nodes.push(set[element]!);
      else below.set(element, [set[element]!]);
    }
  }
  below.delete('.');
  const out: Mutable = {};
  for (const [element, nodes] of below) out[element] = nodeOf(nodes.some(isMember), uniteAll(nodes))!;
  return inOrder(out);
}

function uniteNode(a: FieldSet, b: FieldSet): FieldSet {
  if (a === b || isEmptySet(b)) return withMember(a);
  const children = unite(a, b);
  return isMember(a) || isMember(b) ? withMember(children) : children;
}

export function equalSets(a: FieldSet, b: FieldSet): boolean {
  if (a === b) return true;
  for (const element in a) if (b[element] === undefined || !equalSets(a[element]!, b[element]!)) return false;
  for (const element in b) if (a[element] === undefined) return false;
  return true;
}

/** All levels of a set in the order in which they are published. */
export function inOrderThroughout(set: FieldSet): FieldSet {
  if (set === leaf) return set;
  let out: Mutable | undefined;
  for (const element in set) {
    const node = set[element]!;
    const ordered = inOrderThroughout(node);
    if (ordered === node) continue;
    out ??= { ...set };
    out[element] = ordered;
  }
  return inOrder(out ?? set);
}

function inOrder(set: FieldSet): FieldSet {
  const elements = Object.keys(set);
  const sorted = sortElements(elements);
  if (sorted === elements) return set;
  const out: Mutable = {};
  for (const element of sorted) out[element] = set[element]!;
  return out;
}

const kinds = '.fkvi';
const isName = (element: string): boolean => element.charCodeAt(0) === 0x66 || element === '.';

/** Names before keys before values before places; keys and values by what they hold. */
function sortElements(elements: string[]): string[] {
  if (elements.every(isName)) {
    // Names alone are sorted as they are: there may be very many.
    for (let i = 1; i < elements.length; i++) if (elements[i - 1]! > elements[i]!) return [...elements].sort();
    return elements;
  }
  const parsed = new Map<string, unknown>();
  const contentOf = (element: string): unknown => {
    if (isName(element)) return element;
    let value = parsed.get(element);
    if (value === undefined) {
      value = JSON.parse(element.slice(2));
      parsed.set(element, value);
    }
    return value;
  };
  const compare = (a: string, b: string) =>
    a[0] === b[0] ? compareValues(contentOf(a), contentOf(b)) : kinds.indexOf(a[0]!) - kinds.indexOf(b[0]!);
  for (let i = 1; i < elements.length; i++)
    if (compare(elements[i - 1]!, elements[i]!) > 0) return [...elements].sort(compare);
  return elements;
}

function compareValues(a: unknown, b: unknown): number {
  if (typeof a === 'object' && typeof b === 'object' && a !== null && b !== null) {
    const [x, y] = [Object.entries(a), Object.entries(b)];
    for (let i = 0; i < x.length && i < y.length; i++) {
      const order = compareValues(x[i]![0], y[i]![0]) || compareValues(x[i]![1], y[i]![1]);
      if (order !== 0) return order;
    }
    return x.length - y.length;
  }
  if (typeof a !== typeof b) return typeof a === 'number' ? -1 : typeof b === 'number' ? 1 : 0;
  return (a as string) < (b as string) ? -1 : (a as string) > (b as string) ? 1 : 0;
}

/** The paths of a set as people read them, `.spec.ports[port=80]`: those of one level first, as upstream lists them. */
export function pathsOf(set: FieldSet, prefix = ''): string[] {
  const elements = sortElements(Object.keys(set).filter((element) => element !== '.'));
  const own = elements.filter((element) => isMember(set[element]!)).map((element) => prefix + showElement(element));
  return [...own, ...elements.flatMap((element) => pathsOf(set[element]!, prefix + showElement(element)))];
}

/** `.name`, `[name="c"]`, `[="value"]` or `[0]`. */
export function showElement(element: string): string {
  const text = element.slice(2);
  if (element.startsWith('f:')) return `.${text}`;
  if (element.startsWith('v:')) return `[=${text}]`;
  if (element.startsWith('i:')) return `[${text}]`;
  const fields = Object.entries(JSON.parse(text) as Record<string, unknown>);
  return `[${fields.map(([name, value]) => `${name}=${JSON.stringify(value)}`).join(',')}]`;
}
