// Kubernetes' searches by regular expression. Upstream: apiserver/pkg/cel/library/regex.go.
import { type Library, member } from '../decls.ts';
import { findMatches } from '../regex.ts';
import { ArrayList } from '../values.ts';

const everything = Number.POSITIVE_INFINITY;

function findAll(text: string, pattern: string, limit: number | bigint = -1): ArrayList {
  return new ArrayList(findMatches(text, pattern, limit < 0 ? everything : Number(limit)));
}

export const regexLibrary: Library = {
  functions: [
    member(
      'find',
      'string_find_string',
      'string, string -> string',
      (text, pattern) => findMatches(text, pattern, 1)[0] ?? '',
    ),
    member('findAll', 'string_find_all_string', 'string, string -> list(string)', findAll),
    member('findAll', 'string_find_all_string_int', 'string, string, int -> list(string)', findAll),
  ],
};
