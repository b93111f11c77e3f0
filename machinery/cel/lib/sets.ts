// Lists as sets. Upstream: cel-go's ext/sets.go.
import { type Library, overload } from '../decls.ts';
import { hasAll, membership } from '../equality.ts';
import type { CelList } from '../values.ts';

function intersects(a: CelList, b: CelList): boolean {
  const contains = membership(a);
  for (let i = 0; i < b.size; i++) if (contains(b.at(i))) return true;
  return false;
}

const equivalent = (a: CelList, b: CelList) => hasAll(a, b) && hasAll(b, a);

export const setLibrary: Library = {
  functions: [
    overload('sets.contains', 'list_sets_contains_list', 'list(A), list(A) -> bool', hasAll),
    overload('sets.equivalent', 'list_sets_equivalent_list', 'list(A), list(A) -> bool', equivalent),
    overload('sets.intersects', 'list_sets_intersects_list', 'list(A), list(A) -> bool', intersects),
  ],
};
