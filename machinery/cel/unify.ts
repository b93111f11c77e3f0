// Whether a value of one type may stand where another is asked for, and what type parameters must be for that.
// Upstream: cel-go's checker/types.go.
import { type CelType, isDyn, mapParts, type ParameterType, partsOf, t } from './types.ts';

/** What type parameters have been found to be. Attempts that fail are undone. */
export class Bindings {
  readonly #types = new Map<string, CelType>();
  readonly #changes: [name: string, before: CelType | undefined][] = [];
  #fresh = 0;

  /** A parameter that nothing is known of. */
  newParameter(): ParameterType {
    return t.parameter(`_var${this.#fresh++}`);
  }

  /** Whether values of the second types may stand for the first; binds parameters if so. */
  isAssignable(to: readonly CelType[], from: readonly CelType[]): boolean {
    if (to.length !== from.length) return false;
    const mark = this.#changes.length;
    if (to.every((type, i) => this.#assign(type, from[i]!))) return true;
    while (this.#changes.length > mark) {
      const [name, before] = this.#changes.pop()!;
      if (before === undefined) this.#types.delete(name);
      else this.#types.set(name, before);
    }
    return false;
  }

  /** The type with parameters replaced by what they are; those not known stay, or become dyn. */
  substitute(type: CelType, toDyn = false): CelType {
    if (type.kind !== 'parameter') return mapParts(type, (part) => this.substitute(part, toDyn));
    const bound = this.#types.get(type.name);
    if (bound !== undefined) return this.substitute(bound, toDyn);
    return toDyn ? t.dyn : type;
  }

  /** The type with fresh parameters for its own, the same for each name. */
  instantiate(type: CelType, fresh: Map<string, CelType>): CelType {
    if (type.kind !== 'parameter') return mapParts(type, (part) => this.instantiate(part, fresh));
    let parameter = fresh.get(type.name);
    if (parameter === undefined) {
      parameter = this.newParameter();
      fresh.set(type.name, parameter);
    }
    return parameter;
  }

  #bind(name: string, type: CelType): void {
    this.#changes.push([name, this.#types.get(name)]);
    this.#types.set(name, type);
  }

  #assign(to: CelType, from: CelType): boolean {
    if (from.kind === 'parameter') {
      const [fits, wasKnown] = this.#assignParameter(to, from);
      if (fits || wasKnown) return fits;
    }
    if (to.kind === 'parameter') return this.#assignParameter(from, to)[0];
    if (isDyn(to) || isDyn(from)) return true;
    if (to.kind === 'null' || from.kind === 'null') return isNullable(to.kind === 'null' ? from : to);
    if (to.kind === 'wrapper') return this.#assign(to.of, from.kind === 'wrapper' ? from.of : from);
    if (from.kind === 'wrapper') return this.#assign(to, from.of);
    if (to.kind !== from.kind) return false;
    // Types as values: any may stand for any.
    return to.kind === 'type' || fits(to, from, (a, b) => this.#assign(a, b));
  }

  /** Whether the parameter may be of the type, and whether it was known before. */
  #assignParameter(type: CelType, parameter: ParameterType): [fits: boolean, wasKnown: boolean] {
    if (isSame(type, parameter)) return [true, true];
    const bound = this.#types.get(parameter.name);
    if (bound !== undefined) {
      if (isSame(type, bound)) return [true, true];
      if (!this.#assign(type, bound)) return [false, true];
      const general = mostGeneral(type, bound);
      if (!this.#mentions(general, parameter)) this.#bind(parameter.name, general);
      return [true, true];
    }
    if (this.#mentions(type, parameter)) return [false, false];
    this.#bind(parameter.name, type);
    return [true, false];
  }

  #mentions(type: CelType, parameter: ParameterType): boolean {
    if (type.kind !== 'parameter') return partsOf(type).some((part) => this.#mentions(part, parameter));
    if (type.name === parameter.name) return true;
    const bound = this.#types.get(type.name);
    return bound !== undefined && this.#mentions(bound, parameter);
  }
}

/** Whether two types of one kind have the same name, if any, and parts that fit each other. */
function fits(a: CelType, b: CelType, fit: (a: CelType, b: CelType) => boolean): boolean {
  if ('name' in a && a.name !== (b as typeof a).name) return false;
  const others = partsOf(b);
  return partsOf(a).every((part, i) => others[i] === undefined || fit(part, others[i]));
}

function isNullable(type: CelType): boolean {
  return ['null', 'object', 'opaque', 'wrapper', 'timestamp', 'duration'].includes(type.kind);
}

export function isSame(a: CelType, b: CelType): boolean {
  if (a === b) return true;
  return a.kind === b.kind && fits(a, b, isSame);
}

/** The less specific of two types, one of which may stand for the other. */
export function mostGeneral(a: CelType, b: CelType): CelType {
  return isLessSpecific(a, b) ? a : b;
}

function isLessSpecific(a: CelType, b: CelType): boolean {
  if (isDyn(a) || a.kind === 'parameter') return true;
  if (isDyn(b) || b.kind === 'parameter') return false;
  // A wrapper holds null besides; an object that may be null stands for both.
  if (a.kind === 'wrapper' && b.kind !== 'wrapper') return true;
  if (b.kind === 'null' && isNullable(a)) return true;
  if (a.kind !== b.kind) return false;
  return a.kind === 'type' || fits(a, b, a.kind === 'wrapper' ? isSame : isLessSpecific);
}
