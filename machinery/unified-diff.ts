// The difference of two texts as hunks in the unified form, three lines of context around each change.

const contextLines = 3;
/** Between equal ends: what is larger is not compared line by line, which takes time and memory for each pair. */
const maxPairs = 1_000_000;

interface Edit {
  sign: ' ' | '-' | '+';
  line: string;
}

/** Hunks without file headers, every line ended; empty for equal texts. */
export function formatUnifiedDiff(a: readonly string[], b: readonly string[]): string {
  const edits = editScript(a, b);
  let out = '';
  for (let i = edits.findIndex(isChange); i >= 0; ) {
    let end = i;
    // Changes whose context would touch belong to one hunk.
    for (let j = i; j < edits.length && j <= end + 2 * contextLines + 1; j++) if (isChange(edits[j]!)) end = j;
    out += formatHunk(edits, Math.max(0, i - contextLines), Math.min(edits.length, end + contextLines + 1));
    const next = edits.slice(end + 1).findIndex(isChange);
    i = next < 0 ? -1 : end + 1 + next;
  }
  return out;
}

const isChange = (edit: Edit) => edit.sign !== ' ';
const countSide = (edits: readonly Edit[], other: '-' | '+') => edits.filter((edit) => edit.sign !== other).length;

function formatHunk(edits: readonly Edit[], start: number, end: number): string {
  const before = edits.slice(0, start);
  const hunk = edits.slice(start, end);
  const range = (other: '-' | '+') => {
    const length = countSide(hunk, other);
    const first = countSide(before, other) + (length === 0 ? 0 : 1);
    return length === 1 ? `${first}` : `${first},${length}`;
  };
  const lines = hunk.map(({ sign, line }) => `${sign}${line}\n`).join('');
  return `@@ -${range('+')} +${range('-')} @@\n${lines}`;
}

/** The shortest way from `a` to `b`, by the longest common subsequence of what is left between equal ends. */
function editScript(a: readonly string[], b: readonly string[]): Edit[] {
  let head = 0;
  while (head < a.length && head < b.length && a[head] === b[head]) head++;
  let tail = 0;
  while (tail < a.length - head && tail < b.length - head && a.at(-1 - tail) === b.at(-1 - tail)) tail++;
  const same = (line: string): Edit => ({ sign: ' ', line });
  return [
    ...a.slice(0, head).map(same),
    ...middleScript(a.slice(head, a.length - tail), b.slice(head, b.length - tail)),
    ...a.slice(a.length - tail).map(same),
  ];
}

function middleScript(a: readonly string[], b: readonly string[]): Edit[] {
  if (a.length * b.length > maxPairs) {
    return [...a.map((line): Edit => ({ sign: '-', line })), ...b.map((line): Edit => ({ sign: '+', line }))];
  }
  // lengths[i][j]: of the longest common subsequence of a from i and b from j.
  const lengths = Array.from({ length: a.length + 1 }, () => new Uint32Array(b.length + 1));
  for (let i = a.length - 1; i >= 0; i--) {
    for (let j = b.length - 1; j >= 0; j--) {
      lengths[i]![j] = a[i] === b[j] ? lengths[i + 1]![j + 1]! + 1 : Math.max(lengths[i + 1]![j]!, lengths[i]![j + 1]!);
    }
  }
  const edits: Edit[] = [];
  let i = 0;
  let j = 0;
  while (i < a.length || j < b.length) {
    if (i < a.length && j < b.length && a[i] === b[j]) {
      edits.push({ sign: ' ', line: a[i]! });
      i++;
      j++;
    } else if (i < a.length && (j === b.length || lengths[i + 1]![j]! >= lengths[i]![j + 1]!)) {
      edits.push({ sign: '-', line: a[i++]! });
    } else {
      edits.push({ sign: '+', line: b[j++]! });
    }
  }
  return edits;
}
