// $(NAME) in commands, arguments and values: replaced where the variable is known, left as it is
// otherwise; $$ is a dollar sign. Upstream: third_party/forked/golang/expansion.

/** Expands a text. `lookUp` answers undefined for an unknown name. */
export function expand(text: string, lookUp: (name: string) => string | undefined): string {
  let out = '';
  for (let i = 0; i < text.length; i++) {
    const next = text[i + 1];
    if (text[i] !== '$' || next === undefined) out += text[i];
    else if (next === '$') {
      out += '$';
      i++;
    } else if (next !== '(') out += '$';
    else {
      const end = text.indexOf(')', i + 2);
      if (end < 0) out += '$';
      else {
        const name = text.slice(i + 2, end);
        out += lookUp(name) ?? `$(${name})`;
        i = end;
      }
    }
  }
  return out;
}
