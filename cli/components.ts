// The component processes of k8ts. Each is its own bundle beside this program's, so that a component loads nothing
// of the command line and nothing of the others.

export const components = [
  'apiserver',
  'controllers',
  'scheduler',
  'kubelet',
  'runtime',
  'proxy',
  'simulated-nodes',
] as const;
export type Component = (typeof components)[number];

export function isComponent(name: string | undefined): name is Component {
  return components.some((component) => component === name);
}

/** What is made for pods is open to their users, however closed the shell of who starts us; secrets say their modes. */
export const umaskForPods = 0o022;

const bundleUrl = (component: Component) => new URL(`./${component}.mjs`, import.meta.url);

/** Runs a component in this process until it ends. */
export async function runComponentBundle(component: Component, argv: string[]): Promise<void> {
  const { main } = (await import(bundleUrl(component).href)) as { main(argv: string[]): Promise<void> };
  await main(argv);
}
