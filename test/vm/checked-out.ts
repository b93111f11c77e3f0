// A machine with the built checkout on it, and what one does there: k8ts, kubectl, pods.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { ImageName } from '../images/images.ts';
import { checkoutFolder, packCheckout, unpackCheckout } from './checkout.ts';
import { type ImageRecipe, vmImage } from './image.ts';
import { Vm, type VmOptions } from './machine.ts';

/** Emulated, on a busy machine, `up` takes minutes. */
export const upTimeoutMs = 1_200_000;

/** A process 1 that ends when it is told to; sleep alone does not. */
export const untilTerm = 'trap "exit 0" TERM; sleep 3600 & wait';

/** A pod that runs a shell command. */
export function shellPod(name: string, command: string, spec: object = {}, container: object = {}): object {
  const main = { name: 'c', image: 'busybox:1.36', command: ['sh', '-c', command], ...container };
  return { apiVersion: 'v1', kind: 'Pod', metadata: { name }, spec: { ...spec, containers: [main] } };
}

/** The Node.js that npm brings to a machine of another kind lies in its image already. */
async function linkNode(vm: Vm, architecture: string): Promise<void> {
  const folder = `${checkoutFolder}/node_modules/node-linux-${architecture}/bin`;
  await vm.get(`mkdir -p ${folder} && ln /usr/local/bin/node ${folder}/node`);
}

export class CheckedOut implements AsyncDisposable {
  readonly vm: Vm;
  readonly #folder: string;

  private constructor(vm: Vm, folder: string) {
    this.vm = vm;
    this.#folder = folder;
  }

  static async boot(recipe: ImageRecipe, images: readonly ImageName[], options: VmOptions = {}): Promise<CheckedOut> {
    const folder = mkdtempSync(join(tmpdir(), 'k8ts-checkout-'));
    try {
      const checkout = join(folder, 'checkout.tar');
      await packCheckout(checkout, images, recipe.architecture);
      const vm = await Vm.boot(vmImage(recipe), { ...options, disks: [checkout, ...(options.disks ?? [])] });
      await unpackCheckout(vm, '/dev/vdb');
      if (recipe.architecture) await linkNode(vm, recipe.architecture);
      return new CheckedOut(vm, folder);
    } catch (err) {
      rmSync(folder, { recursive: true, force: true });
      throw err;
    }
  }

  /** Brings the cluster up and loads the images; answers what `up` said. */
  async up(): Promise<string> {
    const told = await this.k8ts('up --wait 15m');
    await this.vm.get(`cd ${checkoutFolder} && ./k8ts load image-archive .cache/images/*.tar`);
    return told;
  }

  k8ts(args: string): Promise<string> {
    return this.vm.get(`${checkoutFolder}/k8ts ${args}`, { timeoutMs: upTimeoutMs });
  }

  kubectl(args: string): Promise<string> {
    return this.vm.get(`kubectl ${args}`);
  }

  /** Creates a pod and waits until it is ready. */
  async runPod(manifest: object): Promise<void> {
    await this.vm.get('kubectl apply -f -', { input: JSON.stringify(manifest) });
    const { name } = (manifest as { metadata: { name: string } }).metadata;
    await this.kubectl(`wait --for=condition=Ready pod/${name} --timeout=900s`);
  }

  async podStatus(name: string): Promise<any> {
    return JSON.parse(await this.kubectl(`get pod ${name} -o json`)).status;
  }

  /** The page that a Service of the cluster answers with; fails when it does not. */
  async fetch(service: string): Promise<string> {
    const address = (await this.kubectl(`get service ${service} -o jsonpath={.spec.clusterIP}`)).trim();
    return this.vm.get(`curl -sf -m 20 http://${address}/`);
  }

  /** What a cluster could leave on the machine. */
  traces(): Promise<string> {
    return this.vm.get(`cat /sys/fs/cgroup/cgroup.subtree_control | tr ' ' '\\n' | sort
      find /sys/fs/cgroup -path '*k8ts*'; grep k8ts /proc/mounts; ip -o link | cut -d: -f2; nft list ruleset
      ls -A /run/k8ts /var/lib/k8ts 2>/dev/null; pgrep -af 'etcd|k8ts|crun|conmon' | grep -v pgrep; true`);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.vm[Symbol.asyncDispose]();
    rmSync(this.#folder, { recursive: true, force: true });
  }
}
