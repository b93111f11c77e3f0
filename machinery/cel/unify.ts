// Whether a value of one type may stand where another is asked for, and what type parameters must be for that.
// Upstream: cel-go's checker/types.go.
import { type CelType, isDyn, type ParameterType, t } from './types.ts';

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
    switch (type.kind) {
      case 'parameter': {
        const bound = this.#types.get(type.name);
        if (bound !== undefined) return this.substitute(bound, toDyn);
        return toDyn ? t.dyn : type;
      }
      case 'list':
        return t.list(this.substitute(type.element, toDyn));
      case 'map':
        return t.map(this.substitute(type.key, toDyn), this.substitute(type.value, toDyn));
      case 'opaque':
        if (type.parameters.length === 0) return type;
        return t.opaque(type.name, ...type.parameters.map((p) => this.substitute(p, toDyn)));
      case 'type':
        return type.of === undefined ? type : t.typeOf(this.substitute(type.of, toDyn));
      default:
        return type;
    }
  }

  /** The type with fresh parameters for its own, the same for each name. */
  instantiate(type: CelType, fresh: Map<string, CelType>): CelType {
    switch (type.kind) {
      case 'parameter': {
        let parameter = fresh.get(type.name);
        if (parameter === undefined) {
          parameter = this.newParameter();
          fresh.set(type.name, parameter);
        }
        return parameter;
      }
      case 'list':
        return t.list(this.instantiate(type.element, fresh));
      case 'map':
        return t.map(this.instantiate(type.key, fresh), this.instantiate(type.value, fresh));
      case 'opaque':
        if (type.parameters.length === 0) return type;
        return t.opaque(type.name, ...type.parameters.map((p) => this.instantiate(p, fresh)));
      case 'type':
        return type.of === undefined ? type : t.typeOf(this.instantiate(type.of, fresh));
      default:
        return type;
    }
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
    switch (to.kind) {
      case 'list':
        return this.#assign(to.element, (from as typeof to).element);
      case 'map':
        return this.#assign(to.key, (from as typeof to).key) && this.#assign(to.value, (from as typeof to).value);
      case 'object':
        return to.name === (from as typeof to).name;
      case 'opaque': {
        const other = from as typeof to;
        return to.name === other.name && to.parameters.every((p, i) => this.#assign(p, other.parameters[i]!));
      }
      default:
        return true;
    }
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
    switch (type.kind) {
      case 'parameter': {
        if (type.name === parameter.name) return true;
        const bound = this.#types.get(type.name);
        return bound !== undefined && this.#mentions(bound, parameter);
      }
      case 'list':
        return this.#mentions(type.element, parameter);
      case 'map':
        return this.#mentions(type.key, parameter) || this.#mentions(type.value, parameter);
      case 'opaque':
        return type.parameters.some((p) => this.#mentions(p, parameter));
      case 'type':
        return type.of !== undefined && this.#mentions(type.of, parameter);
      default:
        return false;
    }
  }
}

function isNullable(type: CelType): boolean {
  return ['null', 'object', 'opaque', 'wrapper', 'timestamp', 'duration'].includes(type.kind);
}

export function isSame(a: CelType, b: CelType): boolean {
  if (a === b) return true;
  if (a.kind !== b.kind) return false;
  switch (a.kind) {
    case 'list':
      return isSame(a.element, (b as typeof a).element);
    case 'map':
      return isSame(a.key, (b as typeof a).key) && isSame(a.value, (b as typeof a).value);
    case 'object':
    case 'parameter':
      return a.name === (b as typeof a).name;
    case 'opaque': {
      const other = b as typeof a;
      return a.name === other.name && a.parameters.every((p, i) => isSame(p, other.parameters[i]!));
    }
    case 'wrapper':
      return isSame(a.of, (b as typeof a).of);
    case 'type':
      return a.of === undefined || (b as typeof a).of === undefined || isSame(a.of, (b as typeof a).of!);
    default:
      return true;
  }
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
  switch (a.kind) {
    case 'list':
      return isLessSpecific(a.element, (b as typeof a).element);
    case 'map':
      return isLessSpecific(a.key, (b as typeof a).key) && isLessSpecific(a.value, (b as typeof a).value);
    case 'opaque': {
      const other = b as typeof a;
      return a.name === other.name && a.parameters.every((p, i) => isLessSpecific(p, other.parameters[i]!));
    }
    case 'type':
      return true;
    default:
      return isSame(a, b);
  }
}
