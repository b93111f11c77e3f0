// The table of field numbers, parsed: which field of a message a number leads to.
import { fieldNumbers } from './field-numbers.gen.ts';

export interface TableField {
  number: number;
  /** The name in JSON; empty for a message whose fields JSON inlines. */
  name: string;
  /** Zero and absent differ. */
  optional: boolean;
  /** A list that stands in a message of its own. */
  wrapped?: true;
  inlined?: readonly TableField[];
}

/** Whether objects of a type can be written in protobuf: custom resources cannot. */
export const hasFieldNumbers = (typeName: string): boolean => Object.hasOwn(fieldNumbers, typeName);

/** The fields of a published type, by number. */
export function fieldTable(typeName: string): readonly TableField[] {
  const text = hasFieldNumbers(typeName) ? fieldNumbers[typeName] : undefined;
  if (text === undefined) throw new Error(`the protobuf numbers of ${typeName} are not known`);
  const tokens = text === '' ? [] : text.split(' ');
  return parseFields(tokens, { at: 0 });
}

const token = /^(\d+)([=*~])(.+)$/;

/** Reads tokens up to the closing brace. */
function parseFields(tokens: readonly string[], place: { at: number }): TableField[] {
  const out: TableField[] = [];
  while (place.at < tokens.length) {
    const text = tokens[place.at++]!;
    if (text === '}') break;
    if (text.endsWith('{')) {
      const number = Number(text.slice(0, -1));
      out.push({ number, name: '', optional: false, inlined: parseFields(tokens, place) });
      continue;
    }
    const [, number, mark, name] = token.exec(text) ?? [];
    if (!number || !name) throw new Error(`no entry of the table of field numbers: ${text}`);
    out.push({ number: Number(number), name, optional: mark !== '=', ...(mark === '~' ? { wrapped: true } : {}) });
  }
  return out;
}
