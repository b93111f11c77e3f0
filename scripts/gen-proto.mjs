// Writes proto/<name>.gen.ts for every proto/*.proto: the descriptor as JSON, so that nothing is read from disk at run
// time and bundling keeps everything, and a name for each type that proto/message.ts derives from it. `--check` only
// compares.
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import protobuf from 'protobufjs';

const dir = join(dirname(dirname(fileURLToPath(import.meta.url))), 'proto');

/** A name for a thing in a scope, and for what it nests: SecurityProfile.ProfileType is SecurityProfileProfileType. */
function declare(thing, outer = '', scope = 'P', place = 'P') {
  const name = outer + thing.name;
  const at = `${place}['${thing.name}']`;
  if (thing instanceof protobuf.Service) return [`export type ${name}Methods = Methods<${scope}, ${at}>;`];
  const nested = `${at}['nested']`;
  return [
    `export type ${name} = Declared<${scope}, ${at}>;`,
    ...(thing.nestedArray ?? []).flatMap((x) => declare(x, name, `${scope} & ${nested}`, nested)),
  ];
}

function generate(file) {
  const root = new protobuf.Root();
  const { package: name } = protobuf.parse(readFileSync(join(dir, file), 'utf8'), root, { keepCase: true });
  const lines = root.lookup(name).nestedArray.flatMap((x) => declare(x));
  return `// Written by scripts/gen-proto.mjs from ${file}, which says what each is; do not edit.
import type { Declared, Methods } from './message.ts';

/** The descriptor, as protobufjs reads it. */
export const descriptor = ${JSON.stringify(root.toJSON())} as const;

type P = typeof descriptor.nested.${name.replaceAll('.', '.nested.')}.nested;

${lines.join('\n')}
`;
}

let stale = 0;
for (const file of readdirSync(dir).filter((f) => f.endsWith('.proto'))) {
  const target = join(dir, file.replace(/\.proto$/, '.gen.ts'));
  const next = generate(file);
  if (!process.argv.includes('--check')) writeFileSync(target, next);
  else if (readFileSync(target, 'utf8') !== next) {
    stale++;
    console.error(`${target} is stale: run node scripts/gen-proto.mjs`);
  }
}
process.exit(stale ? 1 : 0);
