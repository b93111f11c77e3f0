// `npm run images [-- NAME...]`: builds the images of the examples, or the named ones, where they are not there yet,
// and writes the paths of their archives.
import { relative } from 'node:path';
import { type ImageName, imageArchive, type Recipe, recipes } from './images.ts';

const names = Object.keys(recipes) as ImageName[];
const asked = process.argv.slice(2);
const unknown = asked.find((name) => !names.includes(name as ImageName));
if (unknown !== undefined) {
  console.error(`no image "${unknown}"; there are: ${names.join(', ')}`);
  process.exit(2);
}
for (const name of names.filter((n) => (asked.length === 0 ? !(recipes[n] as Recipe).isLarge : asked.includes(n)))) {
  console.error(`image ${recipes[name].name}`);
  console.log(relative(process.cwd(), await imageArchive(name)));
}
