// The node's side of a storage driver that stages, in memory and strict: what is published must be
// staged, what is unstaged must not be published, and each call may be told to fail before or after
// it has done its work, as a process that is killed does.
import { status } from '@grpc/grpc-js';
import type { CsiDriver } from '../../kubelet/csi/drivers.ts';
import type { NodeMethods } from '../../proto/csi.gen.ts';
import { RpcError, type UnaryHandlers } from '../../proto/unary-server.ts';

type Step = 'before' | 'after';

export class FakeCsiNode {
  readonly name: string;
  /** Volumes by the folder where they are staged, and by the one where they are published. */
  readonly staged = new Map<string, string>();
  readonly published = new Map<string, string>();
  readonly calls: string[] = [];
  /** Asked around every call; what it throws is what the caller gets. */
  disturb: (call: string, step: Step) => void = () => undefined;
  readonly #stages: boolean;
  readonly #more: readonly string[];

  constructor(name: string, { stages = true, more = [] as readonly string[] } = {}) {
    this.name = name;
    this.#stages = stages;
    this.#more = more;
  }

  get capabilities(): string[] {
    return [...(this.#stages ? ['STAGE_UNSTAGE_VOLUME'] : []), ...this.#more];
  }

  async #call(call: string, work: () => void): Promise<Record<string, never>> {
    this.calls.push(call);
    this.disturb(call, 'before');
    work();
    this.disturb(call, 'after');
    return {};
  }

  readonly handlers = {
    NodeGetInfo: async () => ({
      node_id: `${this.name}-id`,
      max_volumes_per_node: '7',
      accessible_topology: { segments: { [`topology.${this.name}/zone`]: 'z1' } },
    }),
    NodeGetCapabilities: async () => ({
      capabilities: this.capabilities.map((type) => ({ rpc: { type: type as never } })),
    }),
    NodeStageVolume: ({ volume_id, staging_target_path: at }) =>
      this.#call('stage', () => void this.staged.set(at, volume_id)),
    NodeUnstageVolume: ({ volume_id, staging_target_path: at }) =>
      this.#call('unstage', () => {
        if ([...this.published.values()].includes(volume_id)) {
          throw new RpcError(status.FAILED_PRECONDITION, `${volume_id} is still published`);
        }
        this.staged.delete(at);
      }),
    NodePublishVolume: ({ volume_id, staging_target_path: from, target_path }) =>
      this.#call('publish', () => {
        // An ephemeral volume is published without.
        if (this.#stages && from !== '' && this.staged.get(from) !== volume_id) {
          throw new RpcError(status.FAILED_PRECONDITION, `${volume_id} is not staged at ${from}`);
        }
        this.published.set(target_path, volume_id);
      }),
    NodeUnpublishVolume: ({ target_path }) => this.#call('unpublish', () => void this.published.delete(target_path)),
  } satisfies UnaryHandlers<NodeMethods>;

  /** As a kubelet has it, without a socket between. */
  asDriver(): CsiDriver {
    const client = { node: this.handlers } as unknown as CsiDriver['client'];
    const info = { node_id: this.name } as CsiDriver['info'];
    return { name: this.name, client, info, capabilities: new Set(this.capabilities) };
  }
}
