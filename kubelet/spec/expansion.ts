// $(NAME) in commands, arguments and values: replaced where the variable is known, left as it is
// otherwise; $$ is a dollar sign. Upstream: third_party/forked/golang/expansion.

/** Characters of an environment, or of a command with its arguments. The kernel gives a process 6 MiB of both. */
export const maxTextLength = 8 << 20;
export const tooLong = 'argument list too long';

type LookUp = (name: string) => string | undefined;

/** Expands words. Throws an Error where they become more than a process can be given: a few may name each other many times. */
export function expandAll(words: readonly string[], lookUp: LookUp): string[] {
  let left = maxTextLength;
  return words.map((word) => {
    const text = expand(word, lookUp);
    left -= text.length;
    if (left < 0) throw new Error(tooLong);
    return text;
  });
}

/** Expands a text. `lookUp` answers undefined for an unknown name. Throws an Error where it becomes too long. */
export function expand(text: string, lookUp: LookUp): string {
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
        if (out.length > maxTextLength) throw new Error(tooLong);
        i = end;
      }
    }
  }
  return out;
}
