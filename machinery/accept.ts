// The Accept header of a request. https://www.rfc-editor.org/rfc/rfc9110#field.accept

export interface AcceptClause {
  type: string;
  subtype: string;
  parameters: Map<string, string>;
  quality: number;
}

/** The clauses of an Accept header, what is wanted most first. */
export function parseAccept(accept: string): AcceptClause[] {
  const clauses: AcceptClause[] = [];
  for (const part of accept.split(',')) {
    const [range = '', ...parameters] = part.split(';');
    const [type = '', subtype, ...rest] = range.split('/').map((word) => word.trim());
    if (rest.length > 0 || (subtype === undefined && type !== '*')) continue;
    const clause: AcceptClause = { type, subtype: subtype ?? '*', parameters: new Map(), quality: 1 };
    for (const parameter of parameters) {
      const at = parameter.indexOf('=');
      if (at < 0) continue;
      const [name, value] = [parameter.slice(0, at).trim(), parameter.slice(at + 1).trim()];
      if (name === 'q') clause.quality = Number.parseFloat(value) || 0;
      else clause.parameters.set(name, value);
    }
    clauses.push(clause);
  }
  const isWild = (word: string) => (word === '*' ? 1 : 0);
  return clauses.sort(
    (a, b) => b.quality - a.quality || isWild(a.type) - isWild(b.type) || isWild(a.subtype) - isWild(b.subtype),
  );
}

/** Whether a clause takes a type, `*` standing for any. */
export function covers({ type, subtype }: AcceptClause, wanted: string): boolean {
  if (type === '*') return subtype === '*';
  return subtype === '*' ? wanted.startsWith(`${type}/`) : wanted === `${type}/${subtype}`;
}
