// A node of upstream's parts: Debian's containerd, runc and network plugins, for our kubelet, on a private machine.
import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { debianProgram } from '../images/debian-tree.ts';
import { eventually } from './kubectl.ts';
import type { PrivateMachine } from './private-machine.ts';

const podSubnet = '10.244.99.0/24';
const pauseImage = 'registry.k8s.io/pause:3.9';

export class ContainerdNode {
  readonly #machine: PrivateMachine;
  readonly #folder: string;
  readonly #path: string;

  /** `folder`: where its state is, empty and its own. Another containerd than Debian's is taken from the folder in $CONTAINERD. */
  constructor(machine: PrivateMachine, folder: string) {
    this.#machine = machine;
    this.#folder = folder;
    const given = process.env.CONTAINERD;
    const programs = ['containerd', 'containerd-shim-runc-v2', 'ctr'].map((name) =>
      given ? join(given, name) : debianProgram('containerd', `usr/bin/${name}`),
    );
    const runc = debianProgram('runc', 'usr/sbin/runc');
    this.#path = [...new Set([...programs, runc].map(dirname)), process.env.PATH].join(':');
  }

  get socket(): string {
    return join(this.#folder, 'containerd.sock');
  }

  async start(): Promise<void> {
    const plugins = ['ptp', 'host-local', 'loopback'].map((name) =>
      debianProgram('containernetworking-plugins', `usr/lib/cni/${name}`),
    );
    const networks = join(this.#folder, 'networks');
    mkdirSync(networks, { recursive: true });
    const ipam = { type: 'host-local', dataDir: join(this.#folder, 'addresses'), ranges: [[{ subnet: podSubnet }]] };
    const network = { type: 'ptp', ipam: { ...ipam, routes: [{ dst: '0.0.0.0/0' }] } };
    writeFileSync(
      join(networks, '10-pods.conflist'),
      JSON.stringify({ cniVersion: '0.4.0', name: 'pods', plugins: [network] }),
    );
    const config = join(this.#folder, 'config.toml');
    writeFileSync(
      config,
      `version = 2
root = "${join(this.#folder, 'root')}"
state = "${join(this.#folder, 'state')}"
[grpc]
  address = "${this.socket}"
[plugins."io.containerd.grpc.v1.cri"]
  sandbox_image = "${pauseImage}"
  restrict_oom_score_adj = true
[plugins."io.containerd.grpc.v1.cri".cni]
  bin_dir = "${dirname(plugins[0]!)}"
  conf_dir = "${networks}"
`,
    );
    this.#machine.startWithLog(join(this.#folder, 'log'), 'env', `PATH=${this.#path}`, 'containerd', '-c', config);
    await eventually('containerd listens', () => existsSync(this.socket) || undefined);
  }

  /** With SIGKILL; what runs goes on. */
  kill(): void {
    this.#machine.get('pkill', '-KILL', '-x', 'containerd');
  }

  load(archive: string): void {
    const ctr = ['ctr', '-a', this.socket, '-n', 'k8s.io', 'images', 'import', archive];
    this.#machine.get('env', `PATH=${this.#path}`, ...ctr);
  }
}
