// The local variables of an expression, each hiding those of its name further out.

export class Scopes<T> {
  readonly #stacks = new Map<string, T[]>();

  get(name: string): T | undefined {
    return this.#stacks.get(name)?.at(-1);
  }

  /** Whether the first part of `a.b.c` is a local variable. */
  hasRoot(path: string): boolean {
    return this.get(path.split('.', 1)[0]!) !== undefined;
  }

  /** What `body` gives, which sees these variables; those without a name are none. */
  within<R>(variables: readonly (readonly [name: string | undefined, of: T])[], body: () => R): R {
    const pushed: T[][] = [];
    for (const [name, of] of variables) {
      if (name === undefined) continue;
      const stack = this.#stacks.get(name) ?? [];
      this.#stacks.set(name, stack);
      stack.push(of);
      pushed.push(stack);
    }
    const result = body();
    for (const stack of pushed) stack.pop();
    return result;
  }
}
