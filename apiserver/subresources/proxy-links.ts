// Pages seen through a proxy: links to the root of their host would lead out of it, so they get the
// proxy's path in front. Works on the stream, and leaves every other byte as it is. Upstream:
// apimachinery's util/proxy Transport.
import type { IncomingHttpHeaders } from 'node:http';
import { Transform, type TransformCallback } from 'node:stream';
import { createDeflate, createGunzip, createGzip, createInflate } from 'node:zlib';

const linksOf: Record<string, readonly string[]> = {
  a: ['href'],
  applet: ['codebase'],
  area: ['href'],
  audio: ['src'],
  base: ['href'],
  blockquote: ['cite'],
  body: ['background'],
  button: ['formaction'],
  command: ['icon'],
  del: ['cite'],
  embed: ['src'],
  form: ['action'],
  frame: ['longdesc', 'src'],
  head: ['profile'],
  html: ['manifest'],
  iframe: ['longdesc', 'src'],
  img: ['longdesc', 'src', 'usemap'],
  input: ['formaction', 'src', 'usemap'],
  ins: ['cite'],
  link: ['href'],
  object: ['classid', 'codebase', 'data', 'usemap'],
  q: ['cite'],
  script: ['src'],
  source: ['src'],
  video: ['poster', 'src'],
};

// Elements whose content is text, whatever it looks like.
const textElements = new Set(['script', 'style', 'textarea', 'title', 'iframe', 'noframes', 'xmp']);
const tagPattern = /<([a-z][^\s/>]*)((?:[^<>"']|"[^"]*"|'[^']*')*)>/iy;
const attributePattern = /([\s/"']|^)([a-z-]+)(\s*=\s*)("[^"]*"|'[^']*'|[^\s"'>]+)/gi;
// A tag longer than this is let through as it is.
const maxTagBytes = 64 * 1024;

/**
 * What an answer has to pass so that its links are seen `through` the proxy: nothing, unless it is
 * a page in an encoding that we read.
 */
export function linkStages(headers: IncomingHttpHeaders, through: (url: string) => string): Transform[] {
  const [type = ''] = (headers['content-type'] ?? '').split(';');
  if (type.trim().toLowerCase() !== 'text/html') return [];
  const rewriter = new LinkRewriter(through);
  switch (headers['content-encoding'] ?? '') {
    case '':
      return [rewriter];
    case 'gzip':
      return [createGunzip(), rewriter, createGzip()];
    case 'deflate':
      return [createInflate(), rewriter, createDeflate()];
    default:
      return [];
  }
}

/** Rewrites a tag's links. Pure. */
function rewriteTag(name: string, attributes: string, through: (url: string) => string): string {
  const links = linksOf[name.toLowerCase()];
  if (!links) return `<${name}${attributes}>`;
  const rewritten = attributes.replace(attributePattern, (whole, before, attribute, equals, value: string) => {
    if (!links.includes(attribute.toLowerCase())) return whole;
    const quote = /^["']/.exec(value)?.[0] ?? '';
    const url = quote ? value.slice(1, -1) : value;
    return `${before}${attribute}${equals}${quote}${through(url)}${quote}`;
  });
  return `<${name}${rewritten}>`;
}

/** A page goes in, the same page with its links seen `through` the proxy comes out. */
export class LinkRewriter extends Transform {
  readonly #through: (url: string) => string;
  #pending = '';
  /** The text element that is open, in lower case. */
  #inside = '';

  constructor(through: (url: string) => string) {
    super();
    this.#through = through;
  }

  // Latin 1 gives every byte back as it was; names and quotes of HTML are the same bytes in every encoding of the web.
  override _transform(chunk: Buffer, _encoding: BufferEncoding, done: TransformCallback): void {
    this.#pending += chunk.toString('latin1');
    done(null, Buffer.from(this.#take(), 'latin1'));
  }

  override _flush(done: TransformCallback): void {
    done(null, Buffer.from(this.#pending, 'latin1'));
  }

  /** As much as is surely whole, rewritten; the rest waits. */
  #take(): string {
    const text = this.#pending;
    let out = '';
    let at = 0;
    while (at < text.length) {
      const piece = this.#inside ? this.#textPiece(text, at) : this.#piece(text, at);
      if (!piece) break;
      out += piece.out;
      at = piece.end;
    }
    const isTooLong = text.length - at > maxTagBytes;
    this.#pending = isTooLong ? '' : text.slice(at);
    return isTooLong ? out + text.slice(at) : out;
  }

  /** The next text, comment or tag; undefined when its end has not come yet. */
  #piece(text: string, at: number): { out: string; end: number } | undefined {
    const open = text.indexOf('<', at);
    if (open !== at) return { out: text.slice(at, open < 0 ? undefined : open), end: open < 0 ? text.length : open };
    if (text.length < at + 4 && '<!--'.startsWith(text.slice(at))) return undefined;
    if (text.startsWith('<!--', at)) {
      const end = text.indexOf('-->', at + 4);
      return end < 0 ? undefined : { out: text.slice(at, end + 3), end: end + 3 };
    }
    if (!/[a-z]/i.test(text[at + 1]!)) return { out: '<', end: at + 1 };
    tagPattern.lastIndex = at;
    const tag = tagPattern.exec(text);
    if (!tag) return undefined;
    const [whole, name = '', attributes = ''] = tag;
    if (textElements.has(name.toLowerCase())) this.#inside = name.toLowerCase();
    return { out: rewriteTag(name, attributes, this.#through), end: at + whole.length };
  }

  /** Text up to the end of the element that it is in; undefined when there is too little to tell. */
  #textPiece(text: string, at: number): { out: string; end: number } | undefined {
    const closing = `</${this.#inside}`;
    const end = text.toLowerCase().indexOf(closing, at);
    if (end >= 0) {
      this.#inside = '';
      return { out: text.slice(at, end), end };
    }
    // The beginning of the closing tag may be here already.
    const safe = text.length - closing.length + 1;
    return safe <= at ? undefined : { out: text.slice(at, safe), end: safe };
  }
}
