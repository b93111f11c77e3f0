// Builds what a container runtime would report, for tests of the kubelet.
import type { ContainerStatus, PodSandboxStatus } from '../../proto/cri.gen.ts';

const nanos = (seconds: number) => String(BigInt(Date.parse('2026-01-01T00:00:00Z') + seconds * 1000) * 1_000_000n);

export interface ContainerInit {
  name: string;
  attempt?: number;
  exitCode?: number;
  reason?: string;
  state?: ContainerStatus['state'];
  annotations?: Record<string, string>;
}

/** A running container, or an ended one when it has an exit code. */
export function runtimeContainer(init: ContainerInit): ContainerStatus {
  const { name, attempt = 0, exitCode, reason = exitCode === 0 ? 'Completed' : 'Error', annotations = {} } = init;
  const ended = exitCode !== undefined;
  const { state = ended ? 'CONTAINER_EXITED' : 'CONTAINER_RUNNING' } = init;
  return {
    id: `${name}-${attempt}`,
    metadata: { name, attempt },
    state,
    created_at: nanos(attempt * 10),
    started_at: nanos(attempt * 10 + 1),
    finished_at: ended ? nanos(attempt * 10 + 2) : '0',
    exit_code: exitCode ?? 0,
    image: { image: 'x/app:1', annotations: {}, user_specified_image: 'app:1', runtime_handler: '', image_ref: '' },
    image_ref: 'app@sha256:1',
    image_id: 'sha256:1',
    reason: ended ? reason : '',
    message: '',
    labels: {},
    annotations,
    mounts: [],
    log_path: '',
    resources: null,
    user: { linux: { uid: '0', gid: '0', supplemental_groups: ['0'] } },
    stop_signal: 'SIGTERM',
  };
}

export function runtimeSandbox(init: { ready?: boolean; attempt?: number; ip?: string } = {}): PodSandboxStatus {
  const { ready = true, attempt = 0, ip = '10.1.0.2' } = init;
  return {
    id: `sandbox-${attempt}`,
    metadata: { name: 'p', uid: 'u', namespace: 'ns', attempt },
    state: ready ? 'SANDBOX_READY' : 'SANDBOX_NOTREADY',
    created_at: nanos(attempt),
    network: { ip: ready ? ip : '', additional_ips: [] },
    linux: null,
    labels: {},
    annotations: {},
    runtime_handler: '',
  };
}
