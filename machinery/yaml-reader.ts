// Reads the first document of a YAML text as Kubernetes does: into what JSON has, by the rules of
// kubectl's parser, in time and memory linear in the text. What grows beyond it - aliases of
// aliases, depth - is refused, in the words of libyaml and Go's port of it, which is upstream's.
import { setKey } from './json.ts';
import { maxComplaints, maxDepth, type ReadText, TextError, TooManyValuesError } from './json-reader.ts';
import { YamlCursor } from './yaml-cursor.ts';
import { jsonKey, resolvePlain, resolveTagged } from './yaml-resolve.ts';

/** A value that stands at an anchor, and how much of the document it is. */
interface Anchored {
  value: unknown;
  nodes: number;
  bytes: number;
  height: number;
}

interface Properties {
  anchor: string;
  tag: string;
}

interface Entry {
  key: unknown;
  isMerge: boolean;
  line: number;
  value: unknown;
}

type JsonObject = Record<string, unknown>;

const noProperties: Properties = { anchor: '', tag: '' };
const maxKeyCharacters = 1024;
/** What aliases stand for may not be more than a body may hold. */
const maxExpandedBytes = 3 * 1024 * 1024;
const mergeTag = 'tag:yaml.org,2002:merge';
const notPrintable = /[^\t\n\x20-\x7e\x85\xa0-\ud7ff\ue000-\ufefe\uff00-\ufffd\u{10000}-\u{10ffff}]/u;

/** Throws TextError: TooManyValuesError where scalars (keys too), lists and maps are more than `maxValues`. */
export function readYaml(text: string, maxValues = Number.POSITIVE_INFINITY, lines?: YamlLines): ReadText {
  const clean = text.replace(/^\ufeff/, '').replace(/\r\n?/g, '\n');
  if (notPrintable.test(clean)) throw new TextError('yaml: control characters are not allowed');
  return new YamlReader(clean, maxValues, lines).read();
}

const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

function textIfUtf8(bytes: Uint8Array): string | undefined {
  try {
    return utf8.decode(bytes);
  } catch {
    return undefined;
  }
}

/** The text of bytes that are UTF-8. Throws TextError, in the words of libyaml's reader, for others. */
export function yamlText(bytes: Buffer): string {
  const text = textIfUtf8(bytes);
  if (text !== undefined) return text;
  for (let at = 0, width = 1; ; at += width) {
    const octet = bytes[at]!;
    width = octet < 0x80 ? 1 : octet >> 5 === 0b110 ? 2 : octet >> 4 === 0b1110 ? 3 : octet >> 3 === 0b11110 ? 4 : 0;
    if (width === 1) continue;
    if (width === 0) throw new TextError('yaml: invalid leading UTF-8 octet');
    if (at + width > bytes.length) throw new TextError('yaml: incomplete UTF-8 octet sequence');
    const character = bytes.subarray(at, at + width);
    if (character.subarray(1).some((trailing) => trailing >> 6 !== 0b10))
      throw new TextError('yaml: invalid trailing UTF-8 octet');
    if (textIfUtf8(character) !== undefined) continue;
    const least = width === 2 ? [0xc2] : width === 3 ? [0xe0, 0xa0] : [0xf0, 0x90];
    if (character.compare(Buffer.from(least)) < 0) throw new TextError('yaml: invalid length of a UTF-8 sequence');
    throw new TextError('yaml: invalid Unicode character');
  }
}

/** Lines, from 1, of the keys of maps and of the items of lists. */
export type YamlLines = WeakMap<object, Map<string | number, number>>;

/** The first document, and in which line of `text` each part of it begins. */
export function readYamlLines(text: string): ReadText & { lines: YamlLines } {
  const lines: YamlLines = new WeakMap();
  return { ...readYaml(text, Number.POSITIVE_INFINITY, lines), lines };
}

class YamlReader {
  readonly #c: YamlCursor;
  readonly #anchors = new Map<string, Anchored | null>();
  readonly #duplicates: string[] = [];
  #nodes = 0;
  #bytes = 0;
  #aliasNodes = 0;
  /** How deep the value that was read last is. */
  #height = 0;
  readonly #maxValues: number;

  readonly #lines: YamlLines | undefined;

  constructor(text: string, maxValues: number, lines: YamlLines | undefined) {
    this.#c = new YamlCursor(text);
    this.#maxValues = maxValues;
    this.#lines = lines;
  }

  #note(target: object, key: string | number, line: number): void {
    const known = this.#lines?.get(target);
    if (known) known.set(key, line);
    else this.#lines?.set(target, new Map([[key, line]]));
  }

  read(): ReadText {
    const c = this.#c;
    c.skipSpace(false);
    for (; c.code() === 0x25 && c.column === 0; c.skipSpace(false)) {
      const end = c.text.indexOf('\n', c.at);
      c.at = end < 0 ? c.text.length : end;
    }
    let isOnNewLine = true;
    if (c.isAtDocumentMark() && c.code() === 0x2d) {
      c.at += 3;
      isOnNewLine = c.skipSpace(true);
    }
    const value = this.#isOutside(-1) ? null : this.#block(-1, isOnNewLine, 1);
    c.skipSpace(true);
    if (!c.isAtEnd && !c.isAtDocumentMark()) throw c.fail('did not find expected <document start>');
    const all = this.#duplicates.map((d) => `\n  ${d}`).join('');
    return { value, duplicates: all === '' ? [] : [`yaml: unmarshal errors:${all}`] };
  }

  /** Whether what stands at the cursor, in a line of its own, is not part of what is indented by more than `indent`. */
  #isOutside(indent: number): boolean {
    return this.#c.isAtEnd || this.#c.column <= indent || this.#c.isAtDocumentMark();
  }

  #isSign(code: number): boolean {
    return this.#c.code() === code && this.#c.isBlankAt(1);
  }

  /** A node outside `[]` and `{}`. Where it `mayOpen`, it can be a sequence or mapping without brackets. */
  #block(parentIndent: number, mayOpen: boolean, depth: number): unknown {
    const c = this.#c;
    const { column, line, at } = c;
    let properties = this.#properties(false);
    if (properties !== noProperties && c.skipSpace(true)) {
      // They stand alone in their line: what they belong to follows.
      const begun = this.#begin(properties);
      if (this.#isOutside(parentIndent) && !this.#isSign(0x2d))
        return this.#end(begun, this.#scalar('', properties, true));
      if (c.code() === 0x26 || c.code() === 0x21) this.#refuseMoreProperties();
      return this.#end(begun, this.#block(parentIndent, true, depth + 1));
    }
    if (this.#isSign(0x2d)) {
      if (!mayOpen || properties !== noProperties)
        throw c.fail('block sequence entries are not allowed in this context');
      return this.#sequence(column, depth);
    }
    if (this.#isSign(0x3f)) {
      if (!mayOpen) throw c.fail('mapping keys are not allowed in this context');
      return this.#mapping(column, depth, undefined);
    }
    const begun = this.#begin(properties);
    if (c.isAtEnd) properties = noProperties;
    const isPlain = c.code() !== 0x22 && c.code() !== 0x27;
    const value = this.#end(begun, this.#inline(properties, parentIndent, depth, false));
    this.#skipBlanks();
    if (!this.#isSign(0x3a) || c.at === c.lineStart) return value;
    if (!mayOpen || c.line !== line || c.at - at > maxKeyCharacters)
      throw c.fail('mapping values are not allowed in this context');
    const isMerge = (isPlain && value === '<<' && properties.tag === '') || properties.tag === mergeTag;
    return this.#mapping(column, depth, { key: value, isMerge, line, value: undefined });
  }

  /** Of a mapping its first key may have properties of its own, and nothing more. */
  #refuseMoreProperties(): void {
    const c = this.#c;
    const { at, line } = c;
    this.#properties(false);
    this.#skipBlanks();
    if (c.isAtEnd || c.code() === 0x0a || c.code() === 0x23) throw c.fail('did not find expected node content');
    Object.assign(c, { at, line });
  }

  #skipBlanks(): void {
    while (this.#c.code() === 0x20 || this.#c.code() === 0x09) this.#c.at++;
  }

  #sequence(column: number, depth: number): unknown[] {
    const c = this.#c;
    this.#checkDepth(depth);
    const out: unknown[] = [];
    let height = 0;
    while (this.#isSign(0x2d)) {
      this.#note(out, out.length, c.line);
      c.at++;
      const isOnNewLine = c.skipSpace(false);
      const isEmpty = c.isAtEnd || (isOnNewLine && this.#isOutside(column));
      out.push(isEmpty ? this.#scalar('', noProperties, true) : this.#block(column, true, depth + 1));
      height = Math.max(height, this.#height);
      c.skipSpace(false);
      if (c.column !== column || c.isAtDocumentMark()) break;
    }
    if (!this.#isOutside(column) && c.column > column) throw c.fail("did not find expected '-' indicator");
    this.#count(2, height + 1);
    return out;
  }

  /** A mapping at `column`; its first key may have been read up to the colon. */
  #mapping(column: number, depth: number, first: Entry | undefined): JsonObject {
    const c = this.#c;
    this.#checkDepth(depth);
    const out: JsonObject = {};
    let entry = first;
    let height = 0;
    for (;;) {
      const next = entry ?? this.#key(column, depth);
      entry = undefined;
      height = Math.max(height, this.#height);
      next.value = this.#isSign(0x3a) ? this.#valueOf(column, depth) : this.#scalar('', noProperties, true);
      height = Math.max(height, this.#height);
      this.#put(out, next);
      c.skipSpace(false);
      if (this.#isOutside(column - 1)) break;
      if (c.column > column || this.#isSign(0x2d)) throw c.fail('did not find expected key');
    }
    this.#count(2, height + 1);
    return out;
  }

  /** The key of a further entry, up to its colon. */
  #key(column: number, depth: number): Entry {
    const c = this.#c;
    const { line, at } = c;
    if (this.#isSign(0x3f)) {
      c.at++;
      const isOnNewLine = c.skipSpace(false);
      const isEmpty = c.isAtEnd || (isOnNewLine && this.#isOutside(column));
      const key = isEmpty ? null : this.#block(column, true, depth + 1);
      c.skipSpace(false);
      if (!this.#isOutside(column - 1) && c.column !== column) throw c.fail('did not find expected key');
      if (typeof key === 'object') throw c.fail('invalid map key', line);
      return { key, isMerge: false, line, value: undefined };
    }
    const properties = this.#properties(false);
    const begun = this.#begin(properties);
    const isPlain = c.code() !== 0x22 && c.code() !== 0x27;
    const key = this.#end(begun, this.#inline(properties, column, depth, false));
    this.#skipBlanks();
    if (!this.#isSign(0x3a) || c.line !== line || c.at - at > maxKeyCharacters)
      throw c.fail("could not find expected ':'", c.line === line ? line + 1 : c.line);
    return { key, isMerge: isPlain && key === '<<', line, value: undefined };
  }

  /** What follows the colon of a block mapping. */
  #valueOf(column: number, depth: number): unknown {
    const c = this.#c;
    const isComplex = c.column === column;
    c.at++;
    const isOnNewLine = c.skipSpace(true);
    if (!isOnNewLine)
      return c.isAtEnd ? this.#scalar('', noProperties, true) : this.#block(column, isComplex, depth + 1);
    if (c.text.slice(c.lineStart, c.at).includes('\t')) throw c.fail('found character that cannot start any token');
    if (c.column === column && this.#isSign(0x2d)) return this.#sequence(column, depth + 1);
    // Brackets may stand as far left as their key.
    if (c.column === column && (c.code() === 0x5b || c.code() === 0x7b)) {
      return this.#inline(noProperties, column, depth + 1, false);
    }
    return this.#isOutside(column) ? this.#scalar('', noProperties, true) : this.#block(column, true, depth + 1);
  }

  #put(out: JsonObject, { key, isMerge, line, value }: Entry): void {
    if (isMerge) {
      const maps = Array.isArray(value) ? value.toReversed() : [value];
      for (const map of maps) {
        if (typeof map !== 'object' || map === null || Array.isArray(map))
          throw this.#c.fail('map merge requires map or sequence of maps as the value', line);
        for (const [k, v] of Object.entries(map)) setKey(out, k, v);
      }
      return;
    }
    const name = jsonKey(key);
    if (name === undefined) throw this.#c.fail('invalid map key', line);
    if (Object.hasOwn(out, name) && this.#duplicates.length < maxComplaints) {
      const shown = typeof key === 'string' ? JSON.stringify(key) : name;
      this.#duplicates.push(`line ${line}: key ${shown} already set in map`);
    }
    this.#note(out, name, line);
    setKey(out, name, value);
  }

  /** A node that does not depend on indentation: an alias, a scalar, something in brackets. */
  #inline(properties: Properties, parentIndent: number, depth: number, isInFlow: boolean): unknown {
    const c = this.#c;
    const sign = c.text.charAt(c.at);
    switch (sign) {
      case '*':
        if (properties !== noProperties) throw c.fail('did not find expected node content');
        return this.#alias(depth);
      case '"':
      case "'":
        c.at++;
        return this.#scalar(c.quoted(sign === '"'), properties, false);
      case '[':
      case '{':
        return this.#flow(sign === '[', depth);
      case '|':
      case '>':
        if (isInFlow) break;
        return this.#scalar(c.block(parentIndent), properties, false);
      case '':
      case ',':
      case ']':
      case '}':
        if (properties !== noProperties && isInFlow) return this.#scalar('', properties, true);
        throw c.fail('did not find expected node content');
      case ':':
      case '-':
      case '?':
        if (c.isBlankAt(1) && properties !== noProperties) return this.#scalar('', properties, true);
        if (c.isBlankAt(1)) throw c.fail('did not find expected node content');
        return this.#scalar(c.plain(parentIndent, isInFlow), properties, true);
      case '&':
      case '!':
        throw c.fail('did not find expected node content');
    }
    if ('|>%@`#\t'.includes(sign)) throw c.fail('found character that cannot start any token');
    return this.#scalar(c.plain(parentIndent, isInFlow), properties, true);
  }

  /** `[...]` or `{...}`, the cursor at its bracket. */
  #flow(isList: boolean, depth: number): unknown {
    const c = this.#c;
    this.#checkDepth(depth);
    c.at++;
    const list: unknown[] = [];
    const map: JsonObject = {};
    const closing = isList ? 0x5d : 0x7d;
    let height = 0;
    for (let isFirst = true; ; isFirst = false) {
      c.skipSpace(true);
      if (!isFirst && c.code() !== closing) {
        if (c.code() !== 0x2c) throw c.fail(`did not find expected ',' or '${isList ? ']' : '}'}'`);
        c.at++;
        c.skipSpace(true);
      }
      if (c.code() === closing) break;
      if (isList) this.#note(list, list.length, c.line);
      const entry = this.#flowEntry(depth);
      height = Math.max(height, this.#height);
      if (!isList) this.#put(map, { ...entry, value: entry.value ?? null });
      else if (entry.value === undefined) list.push(entry.key);
      else {
        const pair: JsonObject = {};
        this.#put(pair, entry);
        list.push(pair);
      }
    }
    c.at++;
    this.#count(2, height + 1);
    return isList ? list : map;
  }

  /** A node, or a pair; the value of a pair is never undefined. */
  #flowEntry(depth: number): Entry {
    const c = this.#c;
    const isExplicit = this.#isSign(0x3f);
    if (isExplicit) {
      c.at++;
      c.skipSpace(true);
    }
    const { line, at } = c;
    const isPlain = c.code() !== 0x22 && c.code() !== 0x27;
    const key = isExplicit && ',:]}'.includes(c.text.charAt(c.at)) ? null : this.#flowNode(depth);
    const keyHeight = this.#height;
    if (isExplicit) c.skipSpace(true);
    else this.#skipBlanks();
    const entry: Entry = { key, isMerge: isPlain && key === '<<', line, value: isExplicit ? null : undefined };
    if (c.code() !== 0x3a || (!isExplicit && (c.line !== line || c.at - at > maxKeyCharacters))) return entry;
    c.at++;
    c.skipSpace(true);
    entry.value = ',]}'.includes(c.text.charAt(c.at)) ? this.#scalar('', noProperties, true) : this.#flowNode(depth);
    this.#height = Math.max(this.#height, keyHeight + 1);
    return entry;
  }

  #flowNode(depth: number): unknown {
    const properties = this.#properties(true);
    if (properties === noProperties) return this.#inline(properties, -1, depth + 1, true);
    const begun = this.#begin(properties);
    this.#c.skipSpace(true);
    return this.#end(begun, this.#inline(properties, -1, depth + 1, true));
  }

  /** The anchor and tag at the cursor, and the blanks after them. */
  #properties(isInFlow: boolean): Properties {
    const c = this.#c;
    let found = noProperties;
    for (;;) {
      if (c.code() === 0x26 && found.anchor === '') found = { ...found, anchor: this.#anchorName() };
      else if (c.code() === 0x21 && found.tag === '') found = { ...found, tag: this.#tag(isInFlow) };
      else return found;
      this.#skipBlanks();
    }
  }

  #anchorName(): string {
    const c = this.#c;
    const start = ++c.at;
    while (/[\w-]/.test(c.text.charAt(c.at))) c.at++;
    if (c.at === start || (!c.isBlankAt(0) && !'?:,]}%@`'.includes(c.text.charAt(c.at))))
      throw c.fail('did not find expected alphabetic or numeric character');
    return c.text.slice(start, c.at);
  }

  #tag(isInFlow: boolean): string {
    const word = this.#c.word(isInFlow);
    const [, verbatim, handle, suffix = ''] = /^!(?:<(.*)>|([\w-]*!)?(.*))$/s.exec(word) ?? [];
    if (verbatim !== undefined) return verbatim;
    if (handle !== undefined && handle !== '!') throw this.#c.fail('found undefined tag handle');
    return handle === undefined ? `!${suffix}` : `tag:yaml.org,2002:${suffix}`;
  }

  #begin({ anchor }: Properties): { anchor: string; nodes: number; bytes: number } {
    if (anchor !== '') this.#anchors.set(anchor, null);
    return { anchor, nodes: this.#nodes, bytes: this.#bytes };
  }

  #end({ anchor, nodes, bytes }: { anchor: string; nodes: number; bytes: number }, value: unknown): unknown {
    if (anchor !== '') {
      const size = { nodes: this.#nodes - nodes, bytes: this.#bytes - bytes, height: this.#height };
      this.#anchors.set(anchor, { value, ...size });
    }
    return value;
  }

  #alias(depth: number): unknown {
    const name = this.#anchorName();
    const found = this.#anchors.get(name);
    if (found === undefined) throw this.#c.fail(`unknown anchor '${name}' referenced`);
    if (found === null) throw this.#c.fail(`anchor '${name}' value contains itself`);
    this.#checkDepth(depth + found.height);
    this.#aliasNodes += found.nodes;
    this.#nodes += found.nodes;
    this.#bytes += found.bytes;
    this.#height = found.height;
    const isExcessive =
      this.#aliasNodes > 100 && this.#nodes > 1000 && this.#aliasNodes / this.#nodes > shareOf(this.#nodes);
    if (isExcessive || this.#bytes > maxExpandedBytes)
      throw new TextError('yaml: document contains excessive aliasing');
    this.#checkValues();
    return found.value;
  }

  #scalar(text: string, { tag }: Properties, isPlain: boolean): unknown {
    this.#count(text.length + 3, 0);
    if (tag !== '') return resolveTagged(tag, text, isPlain);
    return isPlain ? resolvePlain(text) : text;
  }

  #count(bytes: number, height: number): void {
    this.#nodes++;
    this.#bytes += bytes;
    this.#height = height;
    this.#checkValues();
  }

  #checkValues(): void {
    if (this.#nodes > this.#maxValues) throw new TooManyValuesError(this.#maxValues);
  }

  #checkDepth(depth: number): void {
    if (depth > maxDepth) throw this.#c.fail(`exceeded max depth of ${maxDepth}`);
  }
}

/** How much of a document aliases may be: less, the larger it gets. Upstream's bounds. */
function shareOf(nodes: number): number {
  const [low, high] = [400_000, 4_000_000];
  if (nodes <= low) return 0.99;
  return nodes >= high ? 0.1 : 0.99 - (0.89 * (nodes - low)) / (high - low);
}
