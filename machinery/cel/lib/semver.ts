// Semantic versions. Upstream: apiserver/pkg/cel/library/semverlib.go over blang/semver.
import { intOf } from '../arithmetic.ts';
import { type Library, member, overload } from '../decls.ts';
import { CelError } from '../errors.ts';
import { type CelType, t } from '../types.ts';
import { OpaqueValue } from '../values.ts';

const semverType: CelType = t.opaque('kubernetes.Semver');

class Semver extends OpaqueValue {
  readonly celType = semverType;
  readonly numbers: readonly [bigint, bigint, bigint];
  readonly prerelease: readonly string[];
  constructor(numbers: readonly [bigint, bigint, bigint], prerelease: readonly string[]) {
    super();
    this.numbers = numbers;
    this.prerelease = prerelease;
  }
  equals(other: OpaqueValue): boolean {
    return other instanceof Semver && order(this, other) === 0;
  }
}

const names = ['major', 'minor', 'patch'] as const;
const identifiers = /^[0-9A-Za-z-]+(?:\.[0-9A-Za-z-]+)*$/;

/** The version, or why there is none. */
function parse(text: string): Semver | string {
  if (text === '') return 'Version string empty';
  const [, core = '', prerelease, build] = /^([^+-]*)(?:-([^+]*))?(?:\+(.*))?$/s.exec(text)!;
  const parts = core.split('.');
  if (parts.length !== 3) return 'No Major.Minor.Patch elements found';
  for (const [i, part] of parts.entries()) {
    const name = names[i]!;
    const title = name[0]!.toUpperCase() + name.slice(1);
    if (!/^\d+$/.test(part)) return `Invalid character(s) found in ${name} number ${JSON.stringify(part)}`;
    if (part.length > 1 && part.startsWith('0'))
      return `${title} number must not contain leading zeroes ${JSON.stringify(part)}`;
    if (part.length > 20 || BigInt(part) >= 2n ** 64n)
      return `strconv.ParseUint: parsing "${part}": value out of range`;
  }
  if (prerelease !== undefined && !identifiers.test(prerelease))
    return `Invalid character(s) found in prerelease ${JSON.stringify(prerelease)}`;
  if (build !== undefined && !identifiers.test(build))
    return `Invalid character(s) found in build meta data ${JSON.stringify(build)}`;
  const pre = prerelease?.split('.') ?? [];
  const zero = pre.find((part) => /^0\d+$/.test(part));
  if (zero !== undefined) return `Numeric PreRelease version must not contain leading zeroes ${JSON.stringify(zero)}`;
  return new Semver(parts.map(BigInt) as [bigint, bigint, bigint], pre);
}

/** Without a `v` before, zeros before numbers, or with only one or two numbers, read as what is meant. */
function parseLenient(text: string): Semver | string {
  const bare = text.replace(/^v/, '');
  const [major = '', minor, ...rest] = bare.split('.');
  const parts = [major, minor, rest.length === 0 ? undefined : rest.join('.')].filter((part) => part !== undefined);
  const trimmed = parts.map((part) => (part.length > 1 ? part.replace(/^0+(?=\d)/, '') : part));
  if (trimmed.length < 3 && /[+-]/.test(trimmed.at(-1)!)) {
    return 'short version cannot contain PreRelease/Build meta data';
  }
  while (trimmed.length < 3) trimmed.push('0');
  return parse(trimmed.join('.'));
}

const read = (text: string, isLenient = false) => (isLenient ? parseLenient(text) : parse(text));

function semver(text: string, isLenient?: boolean): Semver {
  const value = read(text, isLenient);
  if (typeof value === 'string') throw new CelError(value);
  return value;
}

function order(a: Semver, b: Semver): number {
  for (const i of [0, 1, 2] as const) {
    if (a.numbers[i] !== b.numbers[i]) return a.numbers[i] < b.numbers[i] ? -1 : 1;
  }
  if (a.prerelease.length === 0 || b.prerelease.length === 0) {
    return Number(b.prerelease.length > 0) - Number(a.prerelease.length > 0);
  }
  for (const [i, part] of a.prerelease.entries()) {
    const other = b.prerelease[i];
    if (other === undefined) return 1;
    const result = orderIdentifiers(part, other);
    if (result !== 0) return result;
  }
  return a.prerelease.length < b.prerelease.length ? -1 : 0;
}

/** Numbers by their amount and before words. */
function orderIdentifiers(a: string, b: string): number {
  const [isA, isB] = [/^\d+$/.test(a), /^\d+$/.test(b)];
  if (isA !== isB) return isA ? -1 : 1;
  const [left, right] = isA ? [BigInt(a), BigInt(b)] : [a, b];
  return left < right ? -1 : left > right ? 1 : 0;
}

const s = 'kubernetes.Semver';
const isSemver = (text: string, isLenient?: boolean) => typeof read(text, isLenient) !== 'string';

export const semverLibrary: Library = {
  types: [[s, semverType]],
  functions: [
    overload('semver', 'string_to_semver', `string -> ${s}`, semver),
    overload('semver', 'string_bool_to_semver', `string, bool -> ${s}`, semver),
    overload('isSemver', 'is_semver_string', 'string -> bool', isSemver),
    overload('isSemver', 'is_semver_string_bool', 'string, bool -> bool', isSemver),
    member('isGreaterThan', 'semver_is_greater_than', `${s}, ${s} -> bool`, (a, b) => order(a, b) > 0),
    member('isLessThan', 'semver_is_less_than', `${s}, ${s} -> bool`, (a, b) => order(a, b) < 0),
    member('compareTo', 'semver_compare_to', `${s}, ${s} -> int`, order),
    ...names.map((name, i) => member(name, `semver_${name}`, `${s} -> int`, (of: Semver) => intOf(of.numbers[i]!))),
  ],
};
