// Lines out of text that comes in pieces: each character is looked at once, however long a line is
// and in how many pieces it comes.

export class LineSplitter {
  readonly #maxLength: number;
  #pieces: string[] = [];
  #length = 0;

  /** `maxLength` is in UTF-16 units: what a line may have. */
  constructor(maxLength: number) {
    this.#maxLength = maxLength;
  }

  /** Takes the next piece and answers the lines that are whole now, without empty ones; null when one is too long. */
  push(piece: string): string[] | null {
    const lines: string[] = [];
    let at = 0;
    for (let end = piece.indexOf('\n'); end >= 0; end = piece.indexOf('\n', at)) {
      if (!this.#keep(piece.slice(at, end))) return null;
      const line = this.rest();
      if (line !== '') lines.push(line);
      at = end + 1;
    }
    return this.#keep(piece.slice(at)) ? lines : null;
  }

  /** What has come after the last line end; it is given up. */
  rest(): string {
    const text = this.#pieces.join('');
    this.#pieces = [];
    this.#length = 0;
    return text;
  }

  #keep(text: string): boolean {
    this.#length += text.length;
    if (this.#length > this.#maxLength) return false;
    if (text !== '') this.#pieces.push(text);
    return true;
  }
}
