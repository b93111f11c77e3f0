// `cel.bind(name, value, expression)`. Upstream: cel-go's ext/bindings.go.
import type { Library } from '../decls.ts';

export const bindingLibrary: Library = {
  macros: [
    {
      name: 'bind',
      args: 3,
      isMember: true,
      expand(c, target, [name, value, result]) {
        if (target?.kind !== 'ident' || target.name !== 'cel') return undefined;
        return c.bind(c.variable(name!, 'cel.bind() variable names must be simple identifiers'), value!, result!);
      },
    },
  ],
};
