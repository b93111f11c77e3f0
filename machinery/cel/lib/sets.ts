// Lists as sets. Upstream: cel-go's ext/sets.go.
import { fn, type Library, overload } from '../decls.ts';
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
    fn('sets.contains', overload('list_sets_contains_list', 'list(A), list(A) -> bool', hasAll)),
    fn('sets.equivalent', overload('list_sets_equivalent_list', 'list(A), list(A) -> bool', equivalent)),
    fn('sets.intersects', overload('list_sets_intersects_list', 'list(A), list(A) -> bool', intersects)),
  ],
};
