// The program's entry: a component, the supervisor, or the command line. Decides before anything else is loaded, so
// that a component process carries nothing of the command line.
import { fileURLToPath } from 'node:url';
import { isComponent, runComponentBundle, umaskForPods } from './components.ts';

const [name, ...rest] = process.argv.slice(2);

if (isComponent(name)) {
  process.umask(umaskForPods);
  await runComponentBundle(name, rest);
} else if (name === 'supervise') {
  process.umask(umaskForPods);
  const { supervise } = await import('./supervisor/supervise.ts');
  supervise(rest[0]!, process);
} else if (name === 'stack') {
  const { printStack } = await import('./supervisor/stack.ts');
  await printStack(rest[0]!, process.stdout);
} else {
  const { runCommandLine } = await import('./program.ts');
  const bundle = fileURLToPath(import.meta.url);
  const code = await runCommandLine(process.argv.slice(2), { node: process.execPath, bundle });
  // A command that did its work may have said that not all is well.
  if (code !== 0) process.exitCode = code;
}
