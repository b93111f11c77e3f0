// A whole cluster for end-to-end tests, brought up by ./k8ts as a user would, with the test images loaded.

import { type ImageName, imageArchive } from '../images/images.ts';
import { k8ts, type TestCluster, testCluster } from '../integration/cli/k8ts-command.ts';
import { Kubectl } from './kubectl.ts';

export interface E2eCluster extends AsyncDisposable {
  name: string;
  node: string;
  kubectl: Kubectl;
  kubeconfig: string;
  cluster: TestCluster;
}

/** For `up`: a machine may be slow. */
export const patience = ['--wait', '15m'];

/** Does it as from the shell of hardened machines, whose files are nobody else's: pods must not notice. */
function inCarefulShell<T>(act: () => T): T {
  const own = process.umask(0o077);
  try {
    return act();
  } finally {
    process.umask(own);
  }
}

/** Brings up a cluster of its own. `await using cluster = await startCluster('name', ['nginx'])`. */
export async function startCluster(test: string, images: ImageName[]): Promise<E2eCluster> {
  const archives = await Promise.all(images.map(imageArchive));
  const cluster = testCluster(test);
  try {
    const up = inCarefulShell(() => cluster.run('up', ...patience));
    if (up.code !== 0) throw new Error(`k8ts up exited ${up.code}:\n${up.stdout}${up.stderr}`);
    if (archives.length > 0) {
      const load = k8ts(['load', 'image-archive', '--name', cluster.name, ...archives]);
      if (load.code !== 0) throw new Error(`k8ts load exited ${load.code}:\n${load.stderr}`);
    }
  } catch (err) {
    cluster[Symbol.dispose]();
    throw err;
  }
  return {
    name: cluster.name,
    node: `${cluster.name}-control-plane`,
    kubectl: new Kubectl(cluster.kubeconfig),
    kubeconfig: cluster.kubeconfig,
    cluster,
    async [Symbol.asyncDispose]() {
      cluster[Symbol.dispose]();
    },
  };
}
