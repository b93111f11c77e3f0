// Links of a page, whole and in pieces.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { describe, test } from 'node:test';
import { LinkRewriter } from './proxy-links.ts';

const through = (url: string) => (url.startsWith('/') ? `/proxy${url}` : url);

/** What comes out when a page goes in, in pieces of so many characters. */
async function rewritten(page: string, pieceSize = page.length): Promise<string> {
  const rewriter = new LinkRewriter(through);
  const out: Buffer[] = [];
  rewriter.on('data', (part: Buffer) => out.push(part));
  const ended = once(rewriter, 'end');
  const bytes = Buffer.from(page);
  for (let at = 0; at < bytes.length; at += pieceSize) rewriter.write(bytes.subarray(at, at + pieceSize));
  rewriter.end();
  await ended;
  return Buffer.concat(out).toString();
}

const cases: [name: string, page: string, want: string][] = [
  ['a link', '<a href="/rewriteme">test</a>', '<a href="/proxy/rewriteme">test</a>'],
  ['a link without quotes', '<A HREF=/x class=y>', '<A HREF=/proxy/x class=y>'],
  ['single quotes, and spaces', "<img alt='>' src = '/i.png'/>", "<img alt='>' src = '/proxy/i.png'/>"],
  ['two attributes of one element', '<input src="/a" formaction="/b">', '<input src="/proxy/a" formaction="/proxy/b">'],
  ['an attribute that is no link there', '<p href="/x">', '<p href="/x">'],
  ['a name that only ends in a link', '<a data-href="/x">', '<a data-href="/x">'],
  ['a relative link', '<link href="style.css">', '<link href="style.css">'],
  ['text that looks like a link', 'if a < b href="/x" >', 'if a < b href="/x" >'],
  ['a comment', '<!-- <a href="/x"> --><a href="/y">', '<!-- <a href="/x"> --><a href="/proxy/y">'],
  [
    'a script, and what follows it',
    `<script src="/s.js">t='<a href="/x">'</script><a href="/y">`,
    `<script src="/proxy/s.js">t='<a href="/x">'</script><a href="/proxy/y">`,
  ],
  ['other letters', '<a href="/é">ü</a>', '<a href="/proxy/é">ü</a>'],
  ['a page that breaks off', 'text <a href="/x', 'text <a href="/x'],
];

describe('links of a page', () => {
  for (const [name, page, want] of cases) {
    test(name, async () => {
      assert.equal(await rewritten(page), want);
      assert.equal(await rewritten(page, 1), want);
    });
  }

  test('a tag that never ends is not kept for ever', () => {
    const rewriter = new LinkRewriter(through);
    let bytes = 0;
    rewriter.on('data', (part: Buffer) => (bytes += part.length));
    for (let i = 0; i < 10; i++) rewriter.write(`<a title='${'x'.repeat(20_000)}`);
    assert.ok(bytes > 100_000, String(bytes));
  });
});
