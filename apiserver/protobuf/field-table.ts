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

function rowOf(typeName: string): string | undefined {
  if (Object.hasOwn(fieldNumbers, typeName)) return fieldNumbers[typeName];
  const isList = typeName.endsWith('List') && Object.hasOwn(fieldNumbers, typeName.slice(0, -'List'.length));
  return isList ? '1=metadata 2=items' : undefined;
}

/** Whether objects of a type can be written in protobuf: custom resources cannot. */
export const hasFieldNumbers = (typeName: string): boolean => rowOf(typeName) !== undefined;

/** The fields of a published type, by number. */
export function fieldTable(typeName: string): readonly TableField[] {
  const text = rowOf(typeName);
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
