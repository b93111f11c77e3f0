// Field selectors, the text of `?fieldSelector=`: equality on the few fields a kind offers.
// Upstream: apimachinery's fields.

export interface FieldRequirement {
  readonly field: string;
  readonly operator: '=' | '!=';
  readonly value: string;
}

/** All requirements must hold; none at all matches everything. */
export type FieldSelector = readonly FieldRequirement[];

/** A text that is no selector; the message is fit for the client. */
export class FieldSelectorError extends Error {}

/** `fieldOf` gives the text of a field of the object in question. */
export function matchesFields(selector: FieldSelector, fieldOf: (field: string) => string): boolean {
  return selector.every(({ field, operator, value }) => (fieldOf(field) === value) === (operator === '='));
}

/** Reads `metadata.name=a,status.phase!=Running`. A backslash takes the special meaning from `\`, `,` and `=`. */
export function parseFieldSelector(text: string): FieldSelector {
  const requirements: FieldRequirement[] = [];
  for (const term of splitTerms(text)) {
    if (term === '') continue;
    const at = findOperator(term);
    if (!at) throw new FieldSelectorError(`invalid selector: '${text}'; can't understand '${term}'`);
    const value = unescapeValue(term.slice(at.index + at.operator.length));
    // Nothing that is nothing says nothing, as in Kubernetes.
    if (at.index > 0 || value !== '')
      requirements.push({ field: term.slice(0, at.index), operator: at.operator === '!=' ? '!=' : '=', value });
  }
  return requirements.sort((a, b) => (a.field < b.field ? -1 : a.field > b.field ? 1 : 0));
}

function splitTerms(text: string): string[] {
  const terms: string[] = [];
  let start = 0;
  for (let i = 0; i < text.length; i++) {
    if (text[i] === '\\') i++;
    else if (text[i] === ',') {
      terms.push(text.slice(start, i));
      start = i + 1;
    }
  }
  terms.push(text.slice(start));
  return terms;
}

function findOperator(term: string): { index: number; operator: string } | undefined {
  for (let index = 0; index < term.length; index++) {
    const operator = ['!=', '==', '='].find((o) => term.startsWith(o, index));
    if (operator) return { index, operator };
  }
  return undefined;
}

function unescapeValue(value: string): string {
  let out = '';
  for (let i = 0; i < value.length; i++) {
    const char = value[i]!;
    if (char === '\\') {
      const next = value[++i];
      if (next === undefined || !'\\,='.includes(next)) {
        throw new FieldSelectorError(`invalid field selector: invalid escape sequence: \\${next ?? ''}`);
      }
      out += next;
    } else if (char === ',' || char === '=') {
      // Told by its number, as clients know the message.
      throw new FieldSelectorError(`invalid field selector: unescaped character in value: ${char.charCodeAt(0)}`);
    } else {
      out += char;
    }
  }
  return out;
}
