// Written by scripts/gen-proto.mjs from cri.proto; do not edit.

export interface RuntimeServiceMethods {
  Version: { request: VersionRequest; response: VersionResponse; clientStream: false; serverStream: false };
  RunPodSandbox: { request: RunPodSandboxRequest; response: RunPodSandboxResponse; clientStream: false; serverStream: false };
  StopPodSandbox: { request: StopPodSandboxRequest; response: StopPodSandboxResponse; clientStream: false; serverStream: false };
  RemovePodSandbox: { request: RemovePodSandboxRequest; response: RemovePodSandboxResponse; clientStream: false; serverStream: false };
  PodSandboxStatus: { request: PodSandboxStatusRequest; response: PodSandboxStatusResponse; clientStream: false; serverStream: false };
  ListPodSandbox: { request: ListPodSandboxRequest; response: ListPodSandboxResponse; clientStream: false; serverStream: false };
  StreamPodSandboxes: { request: StreamPodSandboxesRequest; response: StreamPodSandboxesResponse; clientStream: false; serverStream: true };
  CreateContainer: { request: CreateContainerRequest; response: CreateContainerResponse; clientStream: false; serverStream: false };
  StartContainer: { request: StartContainerRequest; response: StartContainerResponse; clientStream: false; serverStream: false };
  StopContainer: { request: StopContainerRequest; response: StopContainerResponse; clientStream: false; serverStream: false };
  RemoveContainer: { request: RemoveContainerRequest; response: RemoveContainerResponse; clientStream: false; serverStream: false };
  ListContainers: { request: ListContainersRequest; response: ListContainersResponse; clientStream: false; serverStream: false };
  StreamContainers: { request: StreamContainersRequest; response: StreamContainersResponse; clientStream: false; serverStream: true };
  ContainerStatus: { request: ContainerStatusRequest; response: ContainerStatusResponse; clientStream: false; serverStream: false };
  UpdateContainerResources: { request: UpdateContainerResourcesRequest; response: UpdateContainerResourcesResponse; clientStream: false; serverStream: false };
  ReopenContainerLog: { request: ReopenContainerLogRequest; response: ReopenContainerLogResponse; clientStream: false; serverStream: false };
  ExecSync: { request: ExecSyncRequest; response: ExecSyncResponse; clientStream: false; serverStream: false };
  Exec: { request: ExecRequest; response: ExecResponse; clientStream: false; serverStream: false };
  Attach: { request: AttachRequest; response: AttachResponse; clientStream: false; serverStream: false };
  PortForward: { request: PortForwardRequest; response: PortForwardResponse; clientStream: false; serverStream: false };
  ContainerStats: { request: ContainerStatsRequest; response: ContainerStatsResponse; clientStream: false; serverStream: false };
  ListContainerStats: { request: ListContainerStatsRequest; response: ListContainerStatsResponse; clientStream: false; serverStream: false };
  StreamContainerStats: { request: StreamContainerStatsRequest; response: StreamContainerStatsResponse; clientStream: false; serverStream: true };
  PodSandboxStats: { request: PodSandboxStatsRequest; response: PodSandboxStatsResponse; clientStream: false; serverStream: false };
  ListPodSandboxStats: { request: ListPodSandboxStatsRequest; response: ListPodSandboxStatsResponse; clientStream: false; serverStream: false };
  StreamPodSandboxStats: { request: StreamPodSandboxStatsRequest; response: StreamPodSandboxStatsResponse; clientStream: false; serverStream: true };
  UpdateRuntimeConfig: { request: UpdateRuntimeConfigRequest; response: UpdateRuntimeConfigResponse; clientStream: false; serverStream: false };
  Status: { request: StatusRequest; response: StatusResponse; clientStream: false; serverStream: false };
  CheckpointContainer: { request: CheckpointContainerRequest; response: CheckpointContainerResponse; clientStream: false; serverStream: false };
  GetContainerEvents: { request: GetEventsRequest; response: ContainerEventResponse; clientStream: false; serverStream: true };
  ListMetricDescriptors: { request: ListMetricDescriptorsRequest; response: ListMetricDescriptorsResponse; clientStream: false; serverStream: false };
  ListPodSandboxMetrics: { request: ListPodSandboxMetricsRequest; response: ListPodSandboxMetricsResponse; clientStream: false; serverStream: false };
  StreamPodSandboxMetrics: { request: StreamPodSandboxMetricsRequest; response: StreamPodSandboxMetricsResponse; clientStream: false; serverStream: true };
  RuntimeConfig: { request: RuntimeConfigRequest; response: RuntimeConfigResponse; clientStream: false; serverStream: false };
  UpdatePodSandboxResources: { request: UpdatePodSandboxResourcesRequest; response: UpdatePodSandboxResourcesResponse; clientStream: false; serverStream: false };
}

export interface ImageServiceMethods {
  ListImages: { request: ListImagesRequest; response: ListImagesResponse; clientStream: false; serverStream: false };
  StreamImages: { request: StreamImagesRequest; response: StreamImagesResponse; clientStream: false; serverStream: true };
  ImageStatus: { request: ImageStatusRequest; response: ImageStatusResponse; clientStream: false; serverStream: false };
  PullImage: { request: PullImageRequest; response: PullImageResponse; clientStream: false; serverStream: false };
  RemoveImage: { request: RemoveImageRequest; response: RemoveImageResponse; clientStream: false; serverStream: false };
  ImageFsInfo: { request: ImageFsInfoRequest; response: ImageFsInfoResponse; clientStream: false; serverStream: false };
}

export type Protocol = 'TCP' | 'UDP' | 'SCTP';

/** How mounts made later cross a bind mount. */
export type MountPropagation = 'PROPAGATION_PRIVATE' | 'PROPAGATION_HOST_TO_CONTAINER' | 'PROPAGATION_BIDIRECTIONAL';

/** Whose namespace: the sandbox's, an own one, the node's, or that of another container. */
export type NamespaceMode = 'POD' | 'CONTAINER' | 'NODE' | 'TARGET';

/** Whether the groups of the image's /etc/group are added. */
export type SupplementalGroupsPolicy = 'Merge' | 'Strict';

/** Ready until its pause process ends. */
export type PodSandboxState = 'SANDBOX_READY' | 'SANDBOX_NOTREADY';

/** Signals by name, because their numbers differ by architecture. */
export type Signal = 'RUNTIME_DEFAULT' | 'SIGABRT' | 'SIGALRM' | 'SIGBUS' | 'SIGCHLD' | 'SIGCLD' | 'SIGCONT' | 'SIGFPE' | 'SIGHUP' | 'SIGILL' | 'SIGINT' | 'SIGIO' | 'SIGIOT' | 'SIGKILL' | 'SIGPIPE' | 'SIGPOLL' | 'SIGPROF' | 'SIGPWR' | 'SIGQUIT' | 'SIGSEGV' | 'SIGSTKFLT' | 'SIGSTOP' | 'SIGSYS' | 'SIGTERM' | 'SIGTRAP' | 'SIGTSTP' | 'SIGTTIN' | 'SIGTTOU' | 'SIGURG' | 'SIGUSR1' | 'SIGUSR2' | 'SIGVTALRM' | 'SIGWINCH' | 'SIGXCPU' | 'SIGXFSZ' | 'SIGRTMIN' | 'SIGRTMINPLUS1' | 'SIGRTMINPLUS2' | 'SIGRTMINPLUS3' | 'SIGRTMINPLUS4' | 'SIGRTMINPLUS5' | 'SIGRTMINPLUS6' | 'SIGRTMINPLUS7' | 'SIGRTMINPLUS8' | 'SIGRTMINPLUS9' | 'SIGRTMINPLUS10' | 'SIGRTMINPLUS11' | 'SIGRTMINPLUS12' | 'SIGRTMINPLUS13' | 'SIGRTMINPLUS14' | 'SIGRTMINPLUS15' | 'SIGRTMAXMINUS14' | 'SIGRTMAXMINUS13' | 'SIGRTMAXMINUS12' | 'SIGRTMAXMINUS11' | 'SIGRTMAXMINUS10' | 'SIGRTMAXMINUS9' | 'SIGRTMAXMINUS8' | 'SIGRTMAXMINUS7' | 'SIGRTMAXMINUS6' | 'SIGRTMAXMINUS5' | 'SIGRTMAXMINUS4' | 'SIGRTMAXMINUS3' | 'SIGRTMAXMINUS2' | 'SIGRTMAXMINUS1' | 'SIGRTMAX';

/** created, running, exited, or unknown when the runtime lost sight of it. */
export type ContainerState = 'CONTAINER_CREATED' | 'CONTAINER_RUNNING' | 'CONTAINER_EXITED' | 'CONTAINER_UNKNOWN';

/** Steps of a container's life. */
export type ContainerEventType = 'CONTAINER_CREATED_EVENT' | 'CONTAINER_STARTED_EVENT' | 'CONTAINER_STOPPED_EVENT' | 'CONTAINER_DELETED_EVENT';

export type MetricType = 'COUNTER' | 'GAUGE';

/** Who makes cgroups: systemd, or the kubelet and runtime themselves. */
export type CgroupDriver = 'SYSTEMD' | 'CGROUPFS';

export interface VersionRequest {
  version: string;
}

export interface VersionResponse {
  version: string;
  runtime_name: string;
  runtime_version: string;
  runtime_api_version: string;
}

/** Content of /etc/resolv.conf. */
export interface DNSConfig {
  servers: string[];
  searches: string[];
  options: string[];
}

/** A port of the node that leads to a port of the sandbox. */
export interface PortMapping {
  protocol: Protocol;
  container_port: number;
  host_port: number;
  host_ip: string;
}

/** A bind mount from the node, or an image, into a container. */
export interface Mount {
  container_path: string;
  host_path: string;
  readonly: boolean;
  selinux_relabel: boolean;
  propagation: MountPropagation;
  uidMappings: IDMapping[];
  gidMappings: IDMapping[];
  recursive_read_only: boolean;
  image: ImageSpec | null;
  image_sub_path: string;
}

/** A range of ids of a user namespace. */
export interface IDMapping {
  host_id: number;
  container_id: number;
  length: number;
}

export interface UserNamespace {
  mode: NamespaceMode;
  uids: IDMapping[];
  gids: IDMapping[];
}

/** Whose namespaces a container uses; target_id belongs to TARGET. */
export interface NamespaceOption {
  network: NamespaceMode;
  pid: NamespaceMode;
  ipc: NamespaceMode;
  target_id: string;
  userns_options: UserNamespace | null;
}

/** An int64 that may be absent. */
export interface Int64Value {
  value: string;
}

/** Identity and confinement of a sandbox; its namespaces are those of the pod. */
export interface LinuxSandboxSecurityContext {
  namespace_options: NamespaceOption | null;
  selinux_options: SELinuxOption | null;
  run_as_user: Int64Value | null;
  readonly_rootfs: boolean;
  supplemental_groups: string[];
  privileged: boolean;
  seccomp_profile_path: string;
  run_as_group: Int64Value | null;
  seccomp: SecurityProfile | null;
  apparmor: SecurityProfile | null;
  supplemental_groups_policy: SupplementalGroupsPolicy;
}

/** A seccomp or AppArmor profile; localhost_ref is a path on the node. */
export interface SecurityProfile {
  profile_type: SecurityProfileProfileType;
  localhost_ref: string;
}

export type SecurityProfileProfileType = 'RuntimeDefault' | 'Unconfined' | 'Localhost';

/** The Linux half of a sandbox. */
export interface LinuxPodSandboxConfig {
  cgroup_parent: string;
  security_context: LinuxSandboxSecurityContext | null;
  sysctls: Record<string, string>;
  overhead: LinuxContainerResources | null;
  resources: LinuxContainerResources | null;
}

/** What the kubelet names a sandbox by; unique together. */
export interface PodSandboxMetadata {
  name: string;
  uid: string;
  namespace: string;
  attempt: number;
}

/** Everything that shapes a sandbox. */
export interface PodSandboxConfig {
  metadata: PodSandboxMetadata | null;
  hostname: string;
  log_directory: string;
  dns_config: DNSConfig | null;
  port_mappings: PortMapping[];
  labels: Record<string, string>;
  annotations: Record<string, string>;
  linux: LinuxPodSandboxConfig | null;
  windows: WindowsPodSandboxConfig | null;
}

export interface RunPodSandboxRequest {
  config: PodSandboxConfig | null;
  runtime_handler: string;
}

export interface RunPodSandboxResponse {
  pod_sandbox_id: string;
}

export interface StopPodSandboxRequest {
  pod_sandbox_id: string;
}

export type StopPodSandboxResponse = Record<never, never>;

export interface RemovePodSandboxRequest {
  pod_sandbox_id: string;
}

export type RemovePodSandboxResponse = Record<never, never>;

export interface PodSandboxStatusRequest {
  pod_sandbox_id: string;
  verbose: boolean;
}

export interface PodIP {
  ip: string;
}

export interface PodSandboxNetworkStatus {
  ip: string;
  additional_ips: PodIP[];
}

export interface Namespace {
  options: NamespaceOption | null;
}

export interface LinuxPodSandboxStatus {
  namespaces: Namespace | null;
}

/** The state of a sandbox in full. */
export interface PodSandboxStatus {
  id: string;
  metadata: PodSandboxMetadata | null;
  state: PodSandboxState;
  created_at: string;
  network: PodSandboxNetworkStatus | null;
  linux: LinuxPodSandboxStatus | null;
  labels: Record<string, string>;
  annotations: Record<string, string>;
  runtime_handler: string;
}

export interface PodSandboxStatusResponse {
  status: PodSandboxStatus | null;
  info: Record<string, string>;
  containers_statuses: ContainerStatus[];
  timestamp: string;
}

export interface PodSandboxStateValue {
  state: PodSandboxState;
}

export interface PodSandboxFilter {
  id: string;
  state: PodSandboxStateValue | null;
  label_selector: Record<string, string>;
}

export interface ListPodSandboxRequest {
  filter: PodSandboxFilter | null;
}

/** The state of a sandbox in brief. */
export interface PodSandbox {
  id: string;
  metadata: PodSandboxMetadata | null;
  state: PodSandboxState;
  created_at: string;
  labels: Record<string, string>;
  annotations: Record<string, string>;
  runtime_handler: string;
}

export interface ListPodSandboxResponse {
  items: PodSandbox[];
}

export interface StreamPodSandboxesRequest {
  filter: PodSandboxFilter | null;
}

export interface StreamPodSandboxesResponse {
  pod_sandboxes: PodSandbox[];
}

export interface PodSandboxStatsRequest {
  pod_sandbox_id: string;
}

export interface PodSandboxStatsResponse {
  stats: PodSandboxStats | null;
}

export interface PodSandboxStatsFilter {
  id: string;
  label_selector: Record<string, string>;
}

export interface ListPodSandboxStatsRequest {
  filter: PodSandboxStatsFilter | null;
}

export interface ListPodSandboxStatsResponse {
  stats: PodSandboxStats[];
}

export interface StreamPodSandboxStatsRequest {
  filter: PodSandboxStatsFilter | null;
}

export interface StreamPodSandboxStatsResponse {
  pod_sandbox_stats: PodSandboxStats[];
}

export interface PodSandboxAttributes {
  id: string;
  metadata: PodSandboxMetadata | null;
  labels: Record<string, string>;
  annotations: Record<string, string>;
}

export interface PodSandboxStats {
  attributes: PodSandboxAttributes | null;
  linux: LinuxPodSandboxStats | null;
  windows: WindowsPodSandboxStats | null;
}

export interface LinuxPodSandboxStats {
  cpu: CpuUsage | null;
  memory: MemoryUsage | null;
  network: NetworkUsage | null;
  process: ProcessUsage | null;
  containers: ContainerStats[];
  io: IoUsage | null;
}

export interface WindowsPodSandboxStats {
  cpu: WindowsCpuUsage | null;
  memory: WindowsMemoryUsage | null;
  network: WindowsNetworkUsage | null;
  process: WindowsProcessUsage | null;
  containers: WindowsContainerStats[];
}

export interface NetworkUsage {
  timestamp: string;
  default_interface: NetworkInterfaceUsage | null;
  interfaces: NetworkInterfaceUsage[];
}

export interface WindowsNetworkUsage {
  timestamp: string;
  default_interface: WindowsNetworkInterfaceUsage | null;
  interfaces: WindowsNetworkInterfaceUsage[];
}

export interface NetworkInterfaceUsage {
  name: string;
  rx_bytes: UInt64Value | null;
  rx_errors: UInt64Value | null;
  tx_bytes: UInt64Value | null;
  tx_errors: UInt64Value | null;
}

export interface WindowsNetworkInterfaceUsage {
  name: string;
  rx_bytes: UInt64Value | null;
  rx_packets_dropped: UInt64Value | null;
  tx_bytes: UInt64Value | null;
  tx_packets_dropped: UInt64Value | null;
}

export interface ProcessUsage {
  timestamp: string;
  process_count: UInt64Value | null;
}

export interface WindowsProcessUsage {
  timestamp: string;
  process_count: UInt64Value | null;
}

/** Names an image: by name, digest or id. */
export interface ImageSpec {
  image: string;
  annotations: Record<string, string>;
  user_specified_image: string;
  runtime_handler: string;
  image_ref: string;
}

export interface KeyValue {
  key: string;
  value: Uint8Array;
}

/** Limits, in the units of cgroups; zero means not set. */
export interface LinuxContainerResources {
  cpu_period: string;
  cpu_quota: string;
  cpu_shares: string;
  memory_limit_in_bytes: string;
  oom_score_adj: string;
  cpuset_cpus: string;
  cpuset_mems: string;
  hugepage_limits: HugepageLimit[];
  unified: Record<string, string>;
  memory_swap_limit_in_bytes: string;
}

/** Limit of one page size, like 2MB, in bytes. */
export interface HugepageLimit {
  page_size: string;
  limit: string;
}

export interface SELinuxOption {
  user: string;
  role: string;
  type: string;
  level: string;
}

export interface Capability {
  add_capabilities: string[];
  drop_capabilities: string[];
  add_ambient_capabilities: string[];
}

/** Identity and confinement of the processes of a container. */
export interface LinuxContainerSecurityContext {
  capabilities: Capability | null;
  privileged: boolean;
  namespace_options: NamespaceOption | null;
  selinux_options: SELinuxOption | null;
  run_as_user: Int64Value | null;
  run_as_username: string;
  readonly_rootfs: boolean;
  supplemental_groups: string[];
  apparmor_profile: string;
  seccomp_profile_path: string;
  no_new_privs: boolean;
  run_as_group: Int64Value | null;
  masked_paths: string[];
  readonly_paths: string[];
  seccomp: SecurityProfile | null;
  apparmor: SecurityProfile | null;
  supplemental_groups_policy: SupplementalGroupsPolicy;
}

export interface LinuxContainerConfig {
  resources: LinuxContainerResources | null;
  security_context: LinuxContainerSecurityContext | null;
}

export interface LinuxContainerUser {
  uid: string;
  gid: string;
  supplemental_groups: string[];
}

export interface WindowsNamespaceOption {
  network: NamespaceMode;
}

export interface WindowsSandboxSecurityContext {
  run_as_username: string;
  credential_spec: string;
  host_process: boolean;
  namespace_options: WindowsNamespaceOption | null;
}

export interface WindowsPodSandboxConfig {
  security_context: WindowsSandboxSecurityContext | null;
}

export interface WindowsContainerSecurityContext {
  run_as_username: string;
  credential_spec: string;
  host_process: boolean;
}

export interface WindowsContainerConfig {
  resources: WindowsContainerResources | null;
  security_context: WindowsContainerSecurityContext | null;
}

export interface WindowsContainerResources {
  cpu_shares: string;
  cpu_count: string;
  cpu_maximum: string;
  memory_limit_in_bytes: string;
  rootfs_size_in_bytes: string;
  affinity_cpus: WindowsCpuGroupAffinity[];
}

export interface WindowsCpuGroupAffinity {
  cpu_mask: string;
  cpu_group: number;
}

/** What the kubelet names a container by; unique within its sandbox. */
export interface ContainerMetadata {
  name: string;
  attempt: number;
}

export interface Device {
  container_path: string;
  host_path: string;
  permissions: string;
}

/** A device named by the container device interface. */
export interface CDIDevice {
  name: string;
}

/** Everything that shapes a container. */
export interface ContainerConfig {
  metadata: ContainerMetadata | null;
  image: ImageSpec | null;
  command: string[];
  args: string[];
  working_dir: string;
  envs: KeyValue[];
  mounts: Mount[];
  devices: Device[];
  labels: Record<string, string>;
  annotations: Record<string, string>;
  log_path: string;
  stdin: boolean;
  stdin_once: boolean;
  tty: boolean;
  linux: LinuxContainerConfig | null;
  windows: WindowsContainerConfig | null;
  CDI_devices: CDIDevice[];
  stop_signal: Signal;
}

export interface CreateContainerRequest {
  pod_sandbox_id: string;
  config: ContainerConfig | null;
  sandbox_config: PodSandboxConfig | null;
}

export interface CreateContainerResponse {
  container_id: string;
}

export interface StartContainerRequest {
  container_id: string;
}

export type StartContainerResponse = Record<never, never>;

export interface StopContainerRequest {
  container_id: string;
  timeout: string;
}

export type StopContainerResponse = Record<never, never>;

export interface RemoveContainerRequest {
  container_id: string;
}

export type RemoveContainerResponse = Record<never, never>;

export interface ContainerStateValue {
  state: ContainerState;
}

export interface ContainerFilter {
  id: string;
  state: ContainerStateValue | null;
  pod_sandbox_id: string;
  label_selector: Record<string, string>;
}

export interface ListContainersRequest {
  filter: ContainerFilter | null;
}

/** The state of a container in brief. */
export interface Container {
  id: string;
  pod_sandbox_id: string;
  metadata: ContainerMetadata | null;
  image: ImageSpec | null;
  image_ref: string;
  state: ContainerState;
  created_at: string;
  labels: Record<string, string>;
  annotations: Record<string, string>;
  image_id: string;
}

export interface ListContainersResponse {
  containers: Container[];
}

export interface StreamContainersRequest {
  filter: ContainerFilter | null;
}

export interface StreamContainersResponse {
  containers: Container[];
}

export interface ContainerStatusRequest {
  container_id: string;
  verbose: boolean;
}

/** The state of a container in full; times are nanoseconds since the epoch. */
export interface ContainerStatus {
  id: string;
  metadata: ContainerMetadata | null;
  state: ContainerState;
  created_at: string;
  started_at: string;
  finished_at: string;
  exit_code: number;
  image: ImageSpec | null;
  image_ref: string;
  reason: string;
  message: string;
  labels: Record<string, string>;
  annotations: Record<string, string>;
  mounts: Mount[];
  log_path: string;
  resources: ContainerResources | null;
  image_id: string;
  user: ContainerUser | null;
  stop_signal: Signal;
}

export interface ContainerStatusResponse {
  status: ContainerStatus | null;
  info: Record<string, string>;
}

export interface ContainerResources {
  linux: LinuxContainerResources | null;
  windows: WindowsContainerResources | null;
}

export interface ContainerUser {
  linux: LinuxContainerUser | null;
}

export interface UpdateContainerResourcesRequest {
  container_id: string;
  linux: LinuxContainerResources | null;
  windows: WindowsContainerResources | null;
  annotations: Record<string, string>;
}

export type UpdateContainerResourcesResponse = Record<never, never>;

export interface ExecSyncRequest {
  container_id: string;
  cmd: string[];
  timeout: string;
}

export interface ExecSyncResponse {
  stdout: Uint8Array;
  stderr: Uint8Array;
  exit_code: number;
}

export interface ExecRequest {
  container_id: string;
  cmd: string[];
  tty: boolean;
  stdin: boolean;
  stdout: boolean;
  stderr: boolean;
}

export interface ExecResponse {
  url: string;
}

export interface AttachRequest {
  container_id: string;
  stdin: boolean;
  tty: boolean;
  stdout: boolean;
  stderr: boolean;
}

export interface AttachResponse {
  url: string;
}

export interface PortForwardRequest {
  pod_sandbox_id: string;
  port: number[];
}

export interface PortForwardResponse {
  url: string;
}

export interface ImageFilter {
  image: ImageSpec | null;
}

export interface ListImagesRequest {
  filter: ImageFilter | null;
}

/** An image on this node; id is the digest of its config. */
export interface Image {
  id: string;
  repo_tags: string[];
  repo_digests: string[];
  size: string;
  uid: Int64Value | null;
  username: string;
  spec: ImageSpec | null;
  pinned: boolean;
}

export interface ListImagesResponse {
  images: Image[];
}

export interface StreamImagesRequest {
  filter: ImageFilter | null;
}

export interface StreamImagesResponse {
  images: Image[];
}

export interface ImageStatusRequest {
  image: ImageSpec | null;
  verbose: boolean;
}

export interface ImageStatusResponse {
  image: Image | null;
  info: Record<string, string>;
}

/** Credentials for a registry, as in a docker config file. */
export interface AuthConfig {
  username: string;
  password: string;
  auth: string;
  server_address: string;
  identity_token: string;
  registry_token: string;
}

export interface PullImageRequest {
  image: ImageSpec | null;
  auth: AuthConfig | null;
  sandbox_config: PodSandboxConfig | null;
}

export interface PullImageResponse {
  image_ref: string;
}

export interface RemoveImageRequest {
  image: ImageSpec | null;
}

export type RemoveImageResponse = Record<never, never>;

export interface NetworkConfig {
  pod_cidr: string;
}

export interface RuntimeConfig {
  network_config: NetworkConfig | null;
}

export interface UpdateRuntimeConfigRequest {
  runtime_config: RuntimeConfig | null;
}

export type UpdateRuntimeConfigResponse = Record<never, never>;

/** RuntimeReady or NetworkReady, and why not. */
export interface RuntimeCondition {
  type: string;
  status: boolean;
  reason: string;
  message: string;
}

export interface RuntimeStatus {
  conditions: RuntimeCondition[];
}

export interface StatusRequest {
  verbose: boolean;
}

export interface RuntimeHandlerFeatures {
  recursive_read_only_mounts: boolean;
  user_namespaces: boolean;
}

/** One way to run sandboxes; the default has an empty name. */
export interface RuntimeHandler {
  name: string;
  features: RuntimeHandlerFeatures | null;
}

export interface RuntimeFeatures {
  supplemental_groups_policy: boolean;
  user_namespaces_host_network: boolean;
}

export interface StatusResponse {
  status: RuntimeStatus | null;
  info: Record<string, string>;
  runtime_handlers: RuntimeHandler[];
  features: RuntimeFeatures | null;
}

export type ImageFsInfoRequest = Record<never, never>;

/** A uint64 that may be absent. */
export interface UInt64Value {
  value: string;
}

export interface FilesystemIdentifier {
  mountpoint: string;
}

export interface FilesystemUsage {
  timestamp: string;
  fs_id: FilesystemIdentifier | null;
  used_bytes: UInt64Value | null;
  inodes_used: UInt64Value | null;
}

export interface WindowsFilesystemUsage {
  timestamp: string;
  fs_id: FilesystemIdentifier | null;
  used_bytes: UInt64Value | null;
}

export interface ImageFsInfoResponse {
  image_filesystems: FilesystemUsage[];
  container_filesystems: FilesystemUsage[];
}

export interface ContainerStatsRequest {
  container_id: string;
}

export interface ContainerStatsResponse {
  stats: ContainerStats | null;
}

export interface ListContainerStatsRequest {
  filter: ContainerStatsFilter | null;
}

export interface ContainerStatsFilter {
  id: string;
  pod_sandbox_id: string;
  label_selector: Record<string, string>;
}

export interface ListContainerStatsResponse {
  stats: ContainerStats[];
}

export interface StreamContainerStatsRequest {
  filter: ContainerStatsFilter | null;
}

export interface StreamContainerStatsResponse {
  container_stats: ContainerStats[];
}

export interface ContainerAttributes {
  id: string;
  metadata: ContainerMetadata | null;
  labels: Record<string, string>;
  annotations: Record<string, string>;
}

export interface ContainerStats {
  attributes: ContainerAttributes | null;
  cpu: CpuUsage | null;
  memory: MemoryUsage | null;
  writable_layer: FilesystemUsage | null;
  swap: SwapUsage | null;
  io: IoUsage | null;
}

export interface WindowsContainerStats {
  attributes: ContainerAttributes | null;
  cpu: WindowsCpuUsage | null;
  memory: WindowsMemoryUsage | null;
  writable_layer: WindowsFilesystemUsage | null;
}

/** Pressure stall information. */
export interface PsiStats {
  Full: PsiData | null;
  Some: PsiData | null;
}

export interface PsiData {
  Total: string;
  Avg10: number;
  Avg60: number;
  Avg300: number;
}

/** CPU time used, in total and lately. */
export interface CpuUsage {
  timestamp: string;
  usage_core_nano_seconds: UInt64Value | null;
  usage_nano_cores: UInt64Value | null;
  psi: PsiStats | null;
}

export interface WindowsCpuUsage {
  timestamp: string;
  usage_core_nano_seconds: UInt64Value | null;
  usage_nano_cores: UInt64Value | null;
}

/** Memory in use; working set excludes inactive page cache. */
export interface MemoryUsage {
  timestamp: string;
  working_set_bytes: UInt64Value | null;
  available_bytes: UInt64Value | null;
  usage_bytes: UInt64Value | null;
  rss_bytes: UInt64Value | null;
  page_faults: UInt64Value | null;
  major_page_faults: UInt64Value | null;
  psi: PsiStats | null;
}

export interface IoUsage {
  timestamp: string;
  psi: PsiStats | null;
}

export interface SwapUsage {
  timestamp: string;
  swap_available_bytes: UInt64Value | null;
  swap_usage_bytes: UInt64Value | null;
}

export interface WindowsMemoryUsage {
  timestamp: string;
  working_set_bytes: UInt64Value | null;
  available_bytes: UInt64Value | null;
  page_faults: UInt64Value | null;
  commit_memory_bytes: UInt64Value | null;
}

export interface ReopenContainerLogRequest {
  container_id: string;
}

export type ReopenContainerLogResponse = Record<never, never>;

export interface CheckpointContainerRequest {
  container_id: string;
  location: string;
  timeout: string;
}

export type CheckpointContainerResponse = Record<never, never>;

export type GetEventsRequest = Record<never, never>;

/** Something happened to a container; carries the state of its whole sandbox. */
export interface ContainerEventResponse {
  container_id: string;
  container_event_type: ContainerEventType;
  created_at: string;
  pod_sandbox_status: PodSandboxStatus | null;
  containers_statuses: ContainerStatus[];
}

export type ListMetricDescriptorsRequest = Record<never, never>;

export interface ListMetricDescriptorsResponse {
  descriptors: MetricDescriptor[];
}

/** Name, help and label names of a metric. */
export interface MetricDescriptor {
  name: string;
  help: string;
  label_keys: string[];
}

export type ListPodSandboxMetricsRequest = Record<never, never>;

export interface ListPodSandboxMetricsResponse {
  pod_metrics: PodSandboxMetrics[];
}

export type StreamPodSandboxMetricsRequest = Record<never, never>;

export interface StreamPodSandboxMetricsResponse {
  pod_sandbox_metrics: PodSandboxMetrics[];
}

export interface PodSandboxMetrics {
  pod_sandbox_id: string;
  metrics: Metric[];
  container_metrics: ContainerMetrics[];
}

export interface ContainerMetrics {
  container_id: string;
  metrics: Metric[];
}

export interface Metric {
  name: string;
  timestamp: string;
  metric_type: MetricType;
  label_values: string[];
  value: UInt64Value | null;
}

export type RuntimeConfigRequest = Record<never, never>;

export interface RuntimeConfigResponse {
  linux: LinuxRuntimeConfiguration | null;
}

export interface LinuxRuntimeConfiguration {
  cgroup_driver: CgroupDriver;
}

export interface UpdatePodSandboxResourcesRequest {
  pod_sandbox_id: string;
  overhead: LinuxContainerResources | null;
  resources: LinuxContainerResources | null;
}

export type UpdatePodSandboxResourcesResponse = Record<never, never>;

/** The descriptor, as protobufjs reads it. */
export const descriptor = {"nested":{"runtime":{"nested":{"v1":{"nested":{"RuntimeService":{"methods":{"Version":{"requestType":"VersionRequest","responseType":"VersionResponse"},"RunPodSandbox":{"requestType":"RunPodSandboxRequest","responseType":"RunPodSandboxResponse"},"StopPodSandbox":{"requestType":"StopPodSandboxRequest","responseType":"StopPodSandboxResponse"},"RemovePodSandbox":{"requestType":"RemovePodSandboxRequest","responseType":"RemovePodSandboxResponse"},"PodSandboxStatus":{"requestType":"PodSandboxStatusRequest","responseType":"PodSandboxStatusResponse"},"ListPodSandbox":{"requestType":"ListPodSandboxRequest","responseType":"ListPodSandboxResponse"},"StreamPodSandboxes":{"requestType":"StreamPodSandboxesRequest","responseType":"StreamPodSandboxesResponse","responseStream":true},"CreateContainer":{"requestType":"CreateContainerRequest","responseType":"CreateContainerResponse"},"StartContainer":{"requestType":"StartContainerRequest","responseType":"StartContainerResponse"},"StopContainer":{"requestType":"StopContainerRequest","responseType":"StopContainerResponse"},"RemoveContainer":{"requestType":"RemoveContainerRequest","responseType":"RemoveContainerResponse"},"ListContainers":{"requestType":"ListContainersRequest","responseType":"ListContainersResponse"},"StreamContainers":{"requestType":"StreamContainersRequest","responseType":"StreamContainersResponse","responseStream":true},"ContainerStatus":{"requestType":"ContainerStatusRequest","responseType":"ContainerStatusResponse"},"UpdateContainerResources":{"requestType":"UpdateContainerResourcesRequest","responseType":"UpdateContainerResourcesResponse"},"ReopenContainerLog":{"requestType":"ReopenContainerLogRequest","responseType":"ReopenContainerLogResponse"},"ExecSync":{"requestType":"ExecSyncRequest","responseType":"ExecSyncResponse"},"Exec":{"requestType":"ExecRequest","responseType":"ExecResponse"},"Attach":{"requestType":"AttachRequest","responseType":"AttachResponse"},"PortForward":{"requestType":"PortForwardRequest","responseType":"PortForwardResponse"},"ContainerStats":{"requestType":"ContainerStatsRequest","responseType":"ContainerStatsResponse"},"ListContainerStats":{"requestType":"ListContainerStatsRequest","responseType":"ListContainerStatsResponse"},"StreamContainerStats":{"requestType":"StreamContainerStatsRequest","responseType":"StreamContainerStatsResponse","responseStream":true},"PodSandboxStats":{"requestType":"PodSandboxStatsRequest","responseType":"PodSandboxStatsResponse"},"ListPodSandboxStats":{"requestType":"ListPodSandboxStatsRequest","responseType":"ListPodSandboxStatsResponse"},"StreamPodSandboxStats":{"requestType":"StreamPodSandboxStatsRequest","responseType":"StreamPodSandboxStatsResponse","responseStream":true},"UpdateRuntimeConfig":{"requestType":"UpdateRuntimeConfigRequest","responseType":"UpdateRuntimeConfigResponse"},"Status":{"requestType":"StatusRequest","responseType":"StatusResponse"},"CheckpointContainer":{"requestType":"CheckpointContainerRequest","responseType":"CheckpointContainerResponse"},"GetContainerEvents":{"requestType":"GetEventsRequest","responseType":"ContainerEventResponse","responseStream":true},"ListMetricDescriptors":{"requestType":"ListMetricDescriptorsRequest","responseType":"ListMetricDescriptorsResponse"},"ListPodSandboxMetrics":{"requestType":"ListPodSandboxMetricsRequest","responseType":"ListPodSandboxMetricsResponse"},"StreamPodSandboxMetrics":{"requestType":"StreamPodSandboxMetricsRequest","responseType":"StreamPodSandboxMetricsResponse","responseStream":true},"RuntimeConfig":{"requestType":"RuntimeConfigRequest","responseType":"RuntimeConfigResponse"},"UpdatePodSandboxResources":{"requestType":"UpdatePodSandboxResourcesRequest","responseType":"UpdatePodSandboxResourcesResponse"}}},"ImageService":{"methods":{"ListImages":{"requestType":"ListImagesRequest","responseType":"ListImagesResponse"},"StreamImages":{"requestType":"StreamImagesRequest","responseType":"StreamImagesResponse","responseStream":true},"ImageStatus":{"requestType":"ImageStatusRequest","responseType":"ImageStatusResponse"},"PullImage":{"requestType":"PullImageRequest","responseType":"PullImageResponse"},"RemoveImage":{"requestType":"RemoveImageRequest","responseType":"RemoveImageResponse"},"ImageFsInfo":{"requestType":"ImageFsInfoRequest","responseType":"ImageFsInfoResponse"}}},"Protocol":{"values":{"TCP":0,"UDP":1,"SCTP":2}},"MountPropagation":{"values":{"PROPAGATION_PRIVATE":0,"PROPAGATION_HOST_TO_CONTAINER":1,"PROPAGATION_BIDIRECTIONAL":2}},"NamespaceMode":{"values":{"POD":0,"CONTAINER":1,"NODE":2,"TARGET":3}},"SupplementalGroupsPolicy":{"values":{"Merge":0,"Strict":1}},"PodSandboxState":{"values":{"SANDBOX_READY":0,"SANDBOX_NOTREADY":1}},"Signal":{"values":{"RUNTIME_DEFAULT":0,"SIGABRT":1,"SIGALRM":2,"SIGBUS":3,"SIGCHLD":4,"SIGCLD":5,"SIGCONT":6,"SIGFPE":7,"SIGHUP":8,"SIGILL":9,"SIGINT":10,"SIGIO":11,"SIGIOT":12,"SIGKILL":13,"SIGPIPE":14,"SIGPOLL":15,"SIGPROF":16,"SIGPWR":17,"SIGQUIT":18,"SIGSEGV":19,"SIGSTKFLT":20,"SIGSTOP":21,"SIGSYS":22,"SIGTERM":23,"SIGTRAP":24,"SIGTSTP":25,"SIGTTIN":26,"SIGTTOU":27,"SIGURG":28,"SIGUSR1":29,"SIGUSR2":30,"SIGVTALRM":31,"SIGWINCH":32,"SIGXCPU":33,"SIGXFSZ":34,"SIGRTMIN":35,"SIGRTMINPLUS1":36,"SIGRTMINPLUS2":37,"SIGRTMINPLUS3":38,"SIGRTMINPLUS4":39,"SIGRTMINPLUS5":40,"SIGRTMINPLUS6":41,"SIGRTMINPLUS7":42,"SIGRTMINPLUS8":43,"SIGRTMINPLUS9":44,"SIGRTMINPLUS10":45,"SIGRTMINPLUS11":46,"SIGRTMINPLUS12":47,"SIGRTMINPLUS13":48,"SIGRTMINPLUS14":49,"SIGRTMINPLUS15":50,"SIGRTMAXMINUS14":51,"SIGRTMAXMINUS13":52,"SIGRTMAXMINUS12":53,"SIGRTMAXMINUS11":54,"SIGRTMAXMINUS10":55,"SIGRTMAXMINUS9":56,"SIGRTMAXMINUS8":57,"SIGRTMAXMINUS7":58,"SIGRTMAXMINUS6":59,"SIGRTMAXMINUS5":60,"SIGRTMAXMINUS4":61,"SIGRTMAXMINUS3":62,"SIGRTMAXMINUS2":63,"SIGRTMAXMINUS1":64,"SIGRTMAX":65}},"ContainerState":{"values":{"CONTAINER_CREATED":0,"CONTAINER_RUNNING":1,"CONTAINER_EXITED":2,"CONTAINER_UNKNOWN":3}},"ContainerEventType":{"values":{"CONTAINER_CREATED_EVENT":0,"CONTAINER_STARTED_EVENT":1,"CONTAINER_STOPPED_EVENT":2,"CONTAINER_DELETED_EVENT":3}},"MetricType":{"values":{"COUNTER":0,"GAUGE":1}},"CgroupDriver":{"values":{"SYSTEMD":0,"CGROUPFS":1}},"VersionRequest":{"fields":{"version":{"type":"string","id":1}}},"VersionResponse":{"fields":{"version":{"type":"string","id":1},"runtime_name":{"type":"string","id":2},"runtime_version":{"type":"string","id":3},"runtime_api_version":{"type":"string","id":4}}},"DNSConfig":{"fields":{"servers":{"rule":"repeated","type":"string","id":1},"searches":{"rule":"repeated","type":"string","id":2},"options":{"rule":"repeated","type":"string","id":3}}},"PortMapping":{"fields":{"protocol":{"type":"Protocol","id":1},"container_port":{"type":"int32","id":2},"host_port":{"type":"int32","id":3},"host_ip":{"type":"string","id":4}}},"Mount":{"fields":{"container_path":{"type":"string","id":1},"host_path":{"type":"string","id":2},"readonly":{"type":"bool","id":3},"selinux_relabel":{"type":"bool","id":4},"propagation":{"type":"MountPropagation","id":5},"uidMappings":{"rule":"repeated","type":"IDMapping","id":6},"gidMappings":{"rule":"repeated","type":"IDMapping","id":7},"recursive_read_only":{"type":"bool","id":8},"image":{"type":"ImageSpec","id":9},"image_sub_path":{"type":"string","id":10}}},"IDMapping":{"fields":{"host_id":{"type":"uint32","id":1},"container_id":{"type":"uint32","id":2},"length":{"type":"uint32","id":3}}},"UserNamespace":{"fields":{"mode":{"type":"NamespaceMode","id":1},"uids":{"rule":"repeated","type":"IDMapping","id":2},"gids":{"rule":"repeated","type":"IDMapping","id":3}}},"NamespaceOption":{"fields":{"network":{"type":"NamespaceMode","id":1},"pid":{"type":"NamespaceMode","id":2},"ipc":{"type":"NamespaceMode","id":3},"target_id":{"type":"string","id":4},"userns_options":{"type":"UserNamespace","id":5}}},"Int64Value":{"fields":{"value":{"type":"int64","id":1}}},"LinuxSandboxSecurityContext":{"fields":{"namespace_options":{"type":"NamespaceOption","id":1},"selinux_options":{"type":"SELinuxOption","id":2},"run_as_user":{"type":"Int64Value","id":3},"readonly_rootfs":{"type":"bool","id":4},"supplemental_groups":{"rule":"repeated","type":"int64","id":5},"privileged":{"type":"bool","id":6},"seccomp_profile_path":{"type":"string","id":7},"run_as_group":{"type":"Int64Value","id":8},"seccomp":{"type":"SecurityProfile","id":9},"apparmor":{"type":"SecurityProfile","id":10},"supplemental_groups_policy":{"type":"SupplementalGroupsPolicy","id":11}}},"SecurityProfile":{"fields":{"profile_type":{"type":"ProfileType","id":1},"localhost_ref":{"type":"string","id":2}},"nested":{"ProfileType":{"values":{"RuntimeDefault":0,"Unconfined":1,"Localhost":2}}}},"LinuxPodSandboxConfig":{"fields":{"cgroup_parent":{"type":"string","id":1},"security_context":{"type":"LinuxSandboxSecurityContext","id":2},"sysctls":{"keyType":"string","type":"string","id":3},"overhead":{"type":"LinuxContainerResources","id":4},"resources":{"type":"LinuxContainerResources","id":5}}},"PodSandboxMetadata":{"fields":{"name":{"type":"string","id":1},"uid":{"type":"string","id":2},"namespace":{"type":"string","id":3},"attempt":{"type":"uint32","id":4}}},"PodSandboxConfig":{"fields":{"metadata":{"type":"PodSandboxMetadata","id":1},"hostname":{"type":"string","id":2},"log_directory":{"type":"string","id":3},"dns_config":{"type":"DNSConfig","id":4},"port_mappings":{"rule":"repeated","type":"PortMapping","id":5},"labels":{"keyType":"string","type":"string","id":6},"annotations":{"keyType":"string","type":"string","id":7},"linux":{"type":"LinuxPodSandboxConfig","id":8},"windows":{"type":"WindowsPodSandboxConfig","id":9}}},"RunPodSandboxRequest":{"fields":{"config":{"type":"PodSandboxConfig","id":1},"runtime_handler":{"type":"string","id":2}}},"RunPodSandboxResponse":{"fields":{"pod_sandbox_id":{"type":"string","id":1}}},"StopPodSandboxRequest":{"fields":{"pod_sandbox_id":{"type":"string","id":1}}},"StopPodSandboxResponse":{"fields":{}},"RemovePodSandboxRequest":{"fields":{"pod_sandbox_id":{"type":"string","id":1}}},"RemovePodSandboxResponse":{"fields":{}},"PodSandboxStatusRequest":{"fields":{"pod_sandbox_id":{"type":"string","id":1},"verbose":{"type":"bool","id":2}}},"PodIP":{"fields":{"ip":{"type":"string","id":1}}},"PodSandboxNetworkStatus":{"fields":{"ip":{"type":"string","id":1},"additional_ips":{"rule":"repeated","type":"PodIP","id":2}}},"Namespace":{"fields":{"options":{"type":"NamespaceOption","id":2}}},"LinuxPodSandboxStatus":{"fields":{"namespaces":{"type":"Namespace","id":1}}},"PodSandboxStatus":{"fields":{"id":{"type":"string","id":1},"metadata":{"type":"PodSandboxMetadata","id":2},"state":{"type":"PodSandboxState","id":3},"created_at":{"type":"int64","id":4},"network":{"type":"PodSandboxNetworkStatus","id":5},"linux":{"type":"LinuxPodSandboxStatus","id":6},"labels":{"keyType":"string","type":"string","id":7},"annotations":{"keyType":"string","type":"string","id":8},"runtime_handler":{"type":"string","id":9}}},"PodSandboxStatusResponse":{"fields":{"status":{"type":"PodSandboxStatus","id":1},"info":{"keyType":"string","type":"string","id":2},"containers_statuses":{"rule":"repeated","type":"ContainerStatus","id":3},"timestamp":{"type":"int64","id":4}}},"PodSandboxStateValue":{"fields":{"state":{"type":"PodSandboxState","id":1}}},"PodSandboxFilter":{"fields":{"id":{"type":"string","id":1},"state":{"type":"PodSandboxStateValue","id":2},"label_selector":{"keyType":"string","type":"string","id":3}}},"ListPodSandboxRequest":{"fields":{"filter":{"type":"PodSandboxFilter","id":1}}},"PodSandbox":{"fields":{"id":{"type":"string","id":1},"metadata":{"type":"PodSandboxMetadata","id":2},"state":{"type":"PodSandboxState","id":3},"created_at":{"type":"int64","id":4},"labels":{"keyType":"string","type":"string","id":5},"annotations":{"keyType":"string","type":"string","id":6},"runtime_handler":{"type":"string","id":7}}},"ListPodSandboxResponse":{"fields":{"items":{"rule":"repeated","type":"PodSandbox","id":1}}},"StreamPodSandboxesRequest":{"fields":{"filter":{"type":"PodSandboxFilter","id":1}}},"StreamPodSandboxesResponse":{"fields":{"pod_sandboxes":{"rule":"repeated","type":"PodSandbox","id":1}}},"PodSandboxStatsRequest":{"fields":{"pod_sandbox_id":{"type":"string","id":1}}},"PodSandboxStatsResponse":{"fields":{"stats":{"type":"PodSandboxStats","id":1}}},"PodSandboxStatsFilter":{"fields":{"id":{"type":"string","id":1},"label_selector":{"keyType":"string","type":"string","id":2}}},"ListPodSandboxStatsRequest":{"fields":{"filter":{"type":"PodSandboxStatsFilter","id":1}}},"ListPodSandboxStatsResponse":{"fields":{"stats":{"rule":"repeated","type":"PodSandboxStats","id":1}}},"StreamPodSandboxStatsRequest":{"fields":{"filter":{"type":"PodSandboxStatsFilter","id":1}}},"StreamPodSandboxStatsResponse":{"fields":{"pod_sandbox_stats":{"rule":"repeated","type":"PodSandboxStats","id":1}}},"PodSandboxAttributes":{"fields":{"id":{"type":"string","id":1},"metadata":{"type":"PodSandboxMetadata","id":2},"labels":{"keyType":"string","type":"string","id":3},"annotations":{"keyType":"string","type":"string","id":4}}},"PodSandboxStats":{"fields":{"attributes":{"type":"PodSandboxAttributes","id":1},"linux":{"type":"LinuxPodSandboxStats","id":2},"windows":{"type":"WindowsPodSandboxStats","id":3}}},"LinuxPodSandboxStats":{"fields":{"cpu":{"type":"CpuUsage","id":1},"memory":{"type":"MemoryUsage","id":2},"network":{"type":"NetworkUsage","id":3},"process":{"type":"ProcessUsage","id":4},"containers":{"rule":"repeated","type":"ContainerStats","id":5},"io":{"type":"IoUsage","id":6}}},"WindowsPodSandboxStats":{"fields":{"cpu":{"type":"WindowsCpuUsage","id":1},"memory":{"type":"WindowsMemoryUsage","id":2},"network":{"type":"WindowsNetworkUsage","id":3},"process":{"type":"WindowsProcessUsage","id":4},"containers":{"rule":"repeated","type":"WindowsContainerStats","id":5}}},"NetworkUsage":{"fields":{"timestamp":{"type":"int64","id":1},"default_interface":{"type":"NetworkInterfaceUsage","id":2},"interfaces":{"rule":"repeated","type":"NetworkInterfaceUsage","id":3}}},"WindowsNetworkUsage":{"fields":{"timestamp":{"type":"int64","id":1},"default_interface":{"type":"WindowsNetworkInterfaceUsage","id":2},"interfaces":{"rule":"repeated","type":"WindowsNetworkInterfaceUsage","id":3}}},"NetworkInterfaceUsage":{"fields":{"name":{"type":"string","id":1},"rx_bytes":{"type":"UInt64Value","id":2},"rx_errors":{"type":"UInt64Value","id":3},"tx_bytes":{"type":"UInt64Value","id":4},"tx_errors":{"type":"UInt64Value","id":5}}},"WindowsNetworkInterfaceUsage":{"fields":{"name":{"type":"string","id":1},"rx_bytes":{"type":"UInt64Value","id":2},"rx_packets_dropped":{"type":"UInt64Value","id":3},"tx_bytes":{"type":"UInt64Value","id":4},"tx_packets_dropped":{"type":"UInt64Value","id":5}}},"ProcessUsage":{"fields":{"timestamp":{"type":"int64","id":1},"process_count":{"type":"UInt64Value","id":2}}},"WindowsProcessUsage":{"fields":{"timestamp":{"type":"int64","id":1},"process_count":{"type":"UInt64Value","id":2}}},"ImageSpec":{"fields":{"image":{"type":"string","id":1},"annotations":{"keyType":"string","type":"string","id":2},"user_specified_image":{"type":"string","id":18},"runtime_handler":{"type":"string","id":19},"image_ref":{"type":"string","id":20}}},"KeyValue":{"fields":{"key":{"type":"string","id":1},"value":{"type":"bytes","id":2}}},"LinuxContainerResources":{"fields":{"cpu_period":{"type":"int64","id":1},"cpu_quota":{"type":"int64","id":2},"cpu_shares":{"type":"int64","id":3},"memory_limit_in_bytes":{"type":"int64","id":4},"oom_score_adj":{"type":"int64","id":5},"cpuset_cpus":{"type":"string","id":6},"cpuset_mems":{"type":"string","id":7},"hugepage_limits":{"rule":"repeated","type":"HugepageLimit","id":8},"unified":{"keyType":"string","type":"string","id":9},"memory_swap_limit_in_bytes":{"type":"int64","id":10}}},"HugepageLimit":{"fields":{"page_size":{"type":"string","id":1},"limit":{"type":"uint64","id":2}}},"SELinuxOption":{"fields":{"user":{"type":"string","id":1},"role":{"type":"string","id":2},"type":{"type":"string","id":3},"level":{"type":"string","id":4}}},"Capability":{"fields":{"add_capabilities":{"rule":"repeated","type":"string","id":1},"drop_capabilities":{"rule":"repeated","type":"string","id":2},"add_ambient_capabilities":{"rule":"repeated","type":"string","id":3}}},"LinuxContainerSecurityContext":{"fields":{"capabilities":{"type":"Capability","id":1},"privileged":{"type":"bool","id":2},"namespace_options":{"type":"NamespaceOption","id":3},"selinux_options":{"type":"SELinuxOption","id":4},"run_as_user":{"type":"Int64Value","id":5},"run_as_username":{"type":"string","id":6},"readonly_rootfs":{"type":"bool","id":7},"supplemental_groups":{"rule":"repeated","type":"int64","id":8},"apparmor_profile":{"type":"string","id":9},"seccomp_profile_path":{"type":"string","id":10},"no_new_privs":{"type":"bool","id":11},"run_as_group":{"type":"Int64Value","id":12},"masked_paths":{"rule":"repeated","type":"string","id":13},"readonly_paths":{"rule":"repeated","type":"string","id":14},"seccomp":{"type":"SecurityProfile","id":15},"apparmor":{"type":"SecurityProfile","id":16},"supplemental_groups_policy":{"type":"SupplementalGroupsPolicy","id":17}}},"LinuxContainerConfig":{"fields":{"resources":{"type":"LinuxContainerResources","id":1},"security_context":{"type":"LinuxContainerSecurityContext","id":2}}},"LinuxContainerUser":{"fields":{"uid":{"type":"int64","id":1},"gid":{"type":"int64","id":2},"supplemental_groups":{"rule":"repeated","type":"int64","id":3}}},"WindowsNamespaceOption":{"fields":{"network":{"type":"NamespaceMode","id":1}}},"WindowsSandboxSecurityContext":{"fields":{"run_as_username":{"type":"string","id":1},"credential_spec":{"type":"string","id":2},"host_process":{"type":"bool","id":3},"namespace_options":{"type":"WindowsNamespaceOption","id":4}}},"WindowsPodSandboxConfig":{"fields":{"security_context":{"type":"WindowsSandboxSecurityContext","id":1}}},"WindowsContainerSecurityContext":{"fields":{"run_as_username":{"type":"string","id":1},"credential_spec":{"type":"string","id":2},"host_process":{"type":"bool","id":3}}},"WindowsContainerConfig":{"fields":{"resources":{"type":"WindowsContainerResources","id":1},"security_context":{"type":"WindowsContainerSecurityContext","id":2}}},"WindowsContainerResources":{"fields":{"cpu_shares":{"type":"int64","id":1},"cpu_count":{"type":"int64","id":2},"cpu_maximum":{"type":"int64","id":3},"memory_limit_in_bytes":{"type":"int64","id":4},"rootfs_size_in_bytes":{"type":"int64","id":5},"affinity_cpus":{"rule":"repeated","type":"WindowsCpuGroupAffinity","id":6}}},"WindowsCpuGroupAffinity":{"fields":{"cpu_mask":{"type":"uint64","id":1},"cpu_group":{"type":"uint32","id":2}}},"ContainerMetadata":{"fields":{"name":{"type":"string","id":1},"attempt":{"type":"uint32","id":2}}},"Device":{"fields":{"container_path":{"type":"string","id":1},"host_path":{"type":"string","id":2},"permissions":{"type":"string","id":3}}},"CDIDevice":{"fields":{"name":{"type":"string","id":1}}},"ContainerConfig":{"fields":{"metadata":{"type":"ContainerMetadata","id":1},"image":{"type":"ImageSpec","id":2},"command":{"rule":"repeated","type":"string","id":3},"args":{"rule":"repeated","type":"string","id":4},"working_dir":{"type":"string","id":5},"envs":{"rule":"repeated","type":"KeyValue","id":6},"mounts":{"rule":"repeated","type":"Mount","id":7},"devices":{"rule":"repeated","type":"Device","id":8},"labels":{"keyType":"string","type":"string","id":9},"annotations":{"keyType":"string","type":"string","id":10},"log_path":{"type":"string","id":11},"stdin":{"type":"bool","id":12},"stdin_once":{"type":"bool","id":13},"tty":{"type":"bool","id":14},"linux":{"type":"LinuxContainerConfig","id":15},"windows":{"type":"WindowsContainerConfig","id":16},"CDI_devices":{"rule":"repeated","type":"CDIDevice","id":17},"stop_signal":{"type":"Signal","id":18}}},"CreateContainerRequest":{"fields":{"pod_sandbox_id":{"type":"string","id":1},"config":{"type":"ContainerConfig","id":2},"sandbox_config":{"type":"PodSandboxConfig","id":3}}},"CreateContainerResponse":{"fields":{"container_id":{"type":"string","id":1}}},"StartContainerRequest":{"fields":{"container_id":{"type":"string","id":1}}},"StartContainerResponse":{"fields":{}},"StopContainerRequest":{"fields":{"container_id":{"type":"string","id":1},"timeout":{"type":"int64","id":2}}},"StopContainerResponse":{"fields":{}},"RemoveContainerRequest":{"fields":{"container_id":{"type":"string","id":1}}},"RemoveContainerResponse":{"fields":{}},"ContainerStateValue":{"fields":{"state":{"type":"ContainerState","id":1}}},"ContainerFilter":{"fields":{"id":{"type":"string","id":1},"state":{"type":"ContainerStateValue","id":2},"pod_sandbox_id":{"type":"string","id":3},"label_selector":{"keyType":"string","type":"string","id":4}}},"ListContainersRequest":{"fields":{"filter":{"type":"ContainerFilter","id":1}}},"Container":{"fields":{"id":{"type":"string","id":1},"pod_sandbox_id":{"type":"string","id":2},"metadata":{"type":"ContainerMetadata","id":3},"image":{"type":"ImageSpec","id":4},"image_ref":{"type":"string","id":5},"state":{"type":"ContainerState","id":6},"created_at":{"type":"int64","id":7},"labels":{"keyType":"string","type":"string","id":8},"annotations":{"keyType":"string","type":"string","id":9},"image_id":{"type":"string","id":10}}},"ListContainersResponse":{"fields":{"containers":{"rule":"repeated","type":"Container","id":1}}},"StreamContainersRequest":{"fields":{"filter":{"type":"ContainerFilter","id":1}}},"StreamContainersResponse":{"fields":{"containers":{"rule":"repeated","type":"Container","id":1}}},"ContainerStatusRequest":{"fields":{"container_id":{"type":"string","id":1},"verbose":{"type":"bool","id":2}}},"ContainerStatus":{"fields":{"id":{"type":"string","id":1},"metadata":{"type":"ContainerMetadata","id":2},"state":{"type":"ContainerState","id":3},"created_at":{"type":"int64","id":4},"started_at":{"type":"int64","id":5},"finished_at":{"type":"int64","id":6},"exit_code":{"type":"int32","id":7},"image":{"type":"ImageSpec","id":8},"image_ref":{"type":"string","id":9},"reason":{"type":"string","id":10},"message":{"type":"string","id":11},"labels":{"keyType":"string","type":"string","id":12},"annotations":{"keyType":"string","type":"string","id":13},"mounts":{"rule":"repeated","type":"Mount","id":14},"log_path":{"type":"string","id":15},"resources":{"type":"ContainerResources","id":16},"image_id":{"type":"string","id":17},"user":{"type":"ContainerUser","id":18},"stop_signal":{"type":"Signal","id":19}}},"ContainerStatusResponse":{"fields":{"status":{"type":"ContainerStatus","id":1},"info":{"keyType":"string","type":"string","id":2}}},"ContainerResources":{"fields":{"linux":{"type":"LinuxContainerResources","id":1},"windows":{"type":"WindowsContainerResources","id":2}}},"ContainerUser":{"fields":{"linux":{"type":"LinuxContainerUser","id":1}}},"UpdateContainerResourcesRequest":{"fields":{"container_id":{"type":"string","id":1},"linux":{"type":"LinuxContainerResources","id":2},"windows":{"type":"WindowsContainerResources","id":3},"annotations":{"keyType":"string","type":"string","id":4}}},"UpdateContainerResourcesResponse":{"fields":{}},"ExecSyncRequest":{"fields":{"container_id":{"type":"string","id":1},"cmd":{"rule":"repeated","type":"string","id":2},"timeout":{"type":"int64","id":3}}},"ExecSyncResponse":{"fields":{"stdout":{"type":"bytes","id":1},"stderr":{"type":"bytes","id":2},"exit_code":{"type":"int32","id":3}}},"ExecRequest":{"fields":{"container_id":{"type":"string","id":1},"cmd":{"rule":"repeated","type":"string","id":2},"tty":{"type":"bool","id":3},"stdin":{"type":"bool","id":4},"stdout":{"type":"bool","id":5},"stderr":{"type":"bool","id":6}}},"ExecResponse":{"fields":{"url":{"type":"string","id":1}}},"AttachRequest":{"fields":{"container_id":{"type":"string","id":1},"stdin":{"type":"bool","id":2},"tty":{"type":"bool","id":3},"stdout":{"type":"bool","id":4},"stderr":{"type":"bool","id":5}}},"AttachResponse":{"fields":{"url":{"type":"string","id":1}}},"PortForwardRequest":{"fields":{"pod_sandbox_id":{"type":"string","id":1},"port":{"rule":"repeated","type":"int32","id":2}}},"PortForwardResponse":{"fields":{"url":{"type":"string","id":1}}},"ImageFilter":{"fields":{"image":{"type":"ImageSpec","id":1}}},"ListImagesRequest":{"fields":{"filter":{"type":"ImageFilter","id":1}}},"Image":{"fields":{"id":{"type":"string","id":1},"repo_tags":{"rule":"repeated","type":"string","id":2},"repo_digests":{"rule":"repeated","type":"string","id":3},"size":{"type":"uint64","id":4},"uid":{"type":"Int64Value","id":5},"username":{"type":"string","id":6},"spec":{"type":"ImageSpec","id":7},"pinned":{"type":"bool","id":8}}},"ListImagesResponse":{"fields":{"images":{"rule":"repeated","type":"Image","id":1}}},"StreamImagesRequest":{"fields":{"filter":{"type":"ImageFilter","id":1}}},"StreamImagesResponse":{"fields":{"images":{"rule":"repeated","type":"Image","id":1}}},"ImageStatusRequest":{"fields":{"image":{"type":"ImageSpec","id":1},"verbose":{"type":"bool","id":2}}},"ImageStatusResponse":{"fields":{"image":{"type":"Image","id":1},"info":{"keyType":"string","type":"string","id":2}}},"AuthConfig":{"fields":{"username":{"type":"string","id":1},"password":{"type":"string","id":2},"auth":{"type":"string","id":3},"server_address":{"type":"string","id":4},"identity_token":{"type":"string","id":5},"registry_token":{"type":"string","id":6}}},"PullImageRequest":{"fields":{"image":{"type":"ImageSpec","id":1},"auth":{"type":"AuthConfig","id":2},"sandbox_config":{"type":"PodSandboxConfig","id":3}}},"PullImageResponse":{"fields":{"image_ref":{"type":"string","id":1}}},"RemoveImageRequest":{"fields":{"image":{"type":"ImageSpec","id":1}}},"RemoveImageResponse":{"fields":{}},"NetworkConfig":{"fields":{"pod_cidr":{"type":"string","id":1}}},"RuntimeConfig":{"fields":{"network_config":{"type":"NetworkConfig","id":1}}},"UpdateRuntimeConfigRequest":{"fields":{"runtime_config":{"type":"RuntimeConfig","id":1}}},"UpdateRuntimeConfigResponse":{"fields":{}},"RuntimeCondition":{"fields":{"type":{"type":"string","id":1},"status":{"type":"bool","id":2},"reason":{"type":"string","id":3},"message":{"type":"string","id":4}}},"RuntimeStatus":{"fields":{"conditions":{"rule":"repeated","type":"RuntimeCondition","id":1}}},"StatusRequest":{"fields":{"verbose":{"type":"bool","id":1}}},"RuntimeHandlerFeatures":{"fields":{"recursive_read_only_mounts":{"type":"bool","id":1},"user_namespaces":{"type":"bool","id":2}}},"RuntimeHandler":{"fields":{"name":{"type":"string","id":1},"features":{"type":"RuntimeHandlerFeatures","id":2}}},"RuntimeFeatures":{"fields":{"supplemental_groups_policy":{"type":"bool","id":1},"user_namespaces_host_network":{"type":"bool","id":2}}},"StatusResponse":{"fields":{"status":{"type":"RuntimeStatus","id":1},"info":{"keyType":"string","type":"string","id":2},"runtime_handlers":{"rule":"repeated","type":"RuntimeHandler","id":3},"features":{"type":"RuntimeFeatures","id":4}}},"ImageFsInfoRequest":{"fields":{}},"UInt64Value":{"fields":{"value":{"type":"uint64","id":1}}},"FilesystemIdentifier":{"fields":{"mountpoint":{"type":"string","id":1}}},"FilesystemUsage":{"fields":{"timestamp":{"type":"int64","id":1},"fs_id":{"type":"FilesystemIdentifier","id":2},"used_bytes":{"type":"UInt64Value","id":3},"inodes_used":{"type":"UInt64Value","id":4}}},"WindowsFilesystemUsage":{"fields":{"timestamp":{"type":"int64","id":1},"fs_id":{"type":"FilesystemIdentifier","id":2},"used_bytes":{"type":"UInt64Value","id":3}}},"ImageFsInfoResponse":{"fields":{"image_filesystems":{"rule":"repeated","type":"FilesystemUsage","id":1},"container_filesystems":{"rule":"repeated","type":"FilesystemUsage","id":2}}},"ContainerStatsRequest":{"fields":{"container_id":{"type":"string","id":1}}},"ContainerStatsResponse":{"fields":{"stats":{"type":"ContainerStats","id":1}}},"ListContainerStatsRequest":{"fields":{"filter":{"type":"ContainerStatsFilter","id":1}}},"ContainerStatsFilter":{"fields":{"id":{"type":"string","id":1},"pod_sandbox_id":{"type":"string","id":2},"label_selector":{"keyType":"string","type":"string","id":3}}},"ListContainerStatsResponse":{"fields":{"stats":{"rule":"repeated","type":"ContainerStats","id":1}}},"StreamContainerStatsRequest":{"fields":{"filter":{"type":"ContainerStatsFilter","id":1}}},"StreamContainerStatsResponse":{"fields":{"container_stats":{"rule":"repeated","type":"ContainerStats","id":1}}},"ContainerAttributes":{"fields":{"id":{"type":"string","id":1},"metadata":{"type":"ContainerMetadata","id":2},"labels":{"keyType":"string","type":"string","id":3},"annotations":{"keyType":"string","type":"string","id":4}}},"ContainerStats":{"fields":{"attributes":{"type":"ContainerAttributes","id":1},"cpu":{"type":"CpuUsage","id":2},"memory":{"type":"MemoryUsage","id":3},"writable_layer":{"type":"FilesystemUsage","id":4},"swap":{"type":"SwapUsage","id":5},"io":{"type":"IoUsage","id":6}}},"WindowsContainerStats":{"fields":{"attributes":{"type":"ContainerAttributes","id":1},"cpu":{"type":"WindowsCpuUsage","id":2},"memory":{"type":"WindowsMemoryUsage","id":3},"writable_layer":{"type":"WindowsFilesystemUsage","id":4}}},"PsiStats":{"fields":{"Full":{"type":"PsiData","id":1},"Some":{"type":"PsiData","id":2}}},"PsiData":{"fields":{"Total":{"type":"uint64","id":1},"Avg10":{"type":"double","id":2},"Avg60":{"type":"double","id":3},"Avg300":{"type":"double","id":4}}},"CpuUsage":{"fields":{"timestamp":{"type":"int64","id":1},"usage_core_nano_seconds":{"type":"UInt64Value","id":2},"usage_nano_cores":{"type":"UInt64Value","id":3},"psi":{"type":"PsiStats","id":4}}},"WindowsCpuUsage":{"fields":{"timestamp":{"type":"int64","id":1},"usage_core_nano_seconds":{"type":"UInt64Value","id":2},"usage_nano_cores":{"type":"UInt64Value","id":3}}},"MemoryUsage":{"fields":{"timestamp":{"type":"int64","id":1},"working_set_bytes":{"type":"UInt64Value","id":2},"available_bytes":{"type":"UInt64Value","id":3},"usage_bytes":{"type":"UInt64Value","id":4},"rss_bytes":{"type":"UInt64Value","id":5},"page_faults":{"type":"UInt64Value","id":6},"major_page_faults":{"type":"UInt64Value","id":7},"psi":{"type":"PsiStats","id":8}}},"IoUsage":{"fields":{"timestamp":{"type":"int64","id":1},"psi":{"type":"PsiStats","id":2}}},"SwapUsage":{"fields":{"timestamp":{"type":"int64","id":1},"swap_available_bytes":{"type":"UInt64Value","id":2},"swap_usage_bytes":{"type":"UInt64Value","id":3}}},"WindowsMemoryUsage":{"fields":{"timestamp":{"type":"int64","id":1},"working_set_bytes":{"type":"UInt64Value","id":2},"available_bytes":{"type":"UInt64Value","id":3},"page_faults":{"type":"UInt64Value","id":4},"commit_memory_bytes":{"type":"UInt64Value","id":5}}},"ReopenContainerLogRequest":{"fields":{"container_id":{"type":"string","id":1}}},"ReopenContainerLogResponse":{"fields":{}},"CheckpointContainerRequest":{"fields":{"container_id":{"type":"string","id":1},"location":{"type":"string","id":2},"timeout":{"type":"int64","id":3}}},"CheckpointContainerResponse":{"fields":{}},"GetEventsRequest":{"fields":{}},"ContainerEventResponse":{"fields":{"container_id":{"type":"string","id":1},"container_event_type":{"type":"ContainerEventType","id":2},"created_at":{"type":"int64","id":3},"pod_sandbox_status":{"type":"PodSandboxStatus","id":4},"containers_statuses":{"rule":"repeated","type":"ContainerStatus","id":5}}},"ListMetricDescriptorsRequest":{"fields":{}},"ListMetricDescriptorsResponse":{"fields":{"descriptors":{"rule":"repeated","type":"MetricDescriptor","id":1}}},"MetricDescriptor":{"fields":{"name":{"type":"string","id":1},"help":{"type":"string","id":2},"label_keys":{"rule":"repeated","type":"string","id":3}}},"ListPodSandboxMetricsRequest":{"fields":{}},"ListPodSandboxMetricsResponse":{"fields":{"pod_metrics":{"rule":"repeated","type":"PodSandboxMetrics","id":1}}},"StreamPodSandboxMetricsRequest":{"fields":{}},"StreamPodSandboxMetricsResponse":{"fields":{"pod_sandbox_metrics":{"rule":"repeated","type":"PodSandboxMetrics","id":1}}},"PodSandboxMetrics":{"fields":{"pod_sandbox_id":{"type":"string","id":1},"metrics":{"rule":"repeated","type":"Metric","id":2},"container_metrics":{"rule":"repeated","type":"ContainerMetrics","id":3}}},"ContainerMetrics":{"fields":{"container_id":{"type":"string","id":1},"metrics":{"rule":"repeated","type":"Metric","id":2}}},"Metric":{"fields":{"name":{"type":"string","id":1},"timestamp":{"type":"int64","id":2},"metric_type":{"type":"MetricType","id":3},"label_values":{"rule":"repeated","type":"string","id":4},"value":{"type":"UInt64Value","id":5}}},"RuntimeConfigRequest":{"fields":{}},"RuntimeConfigResponse":{"fields":{"linux":{"type":"LinuxRuntimeConfiguration","id":1}}},"LinuxRuntimeConfiguration":{"fields":{"cgroup_driver":{"type":"CgroupDriver","id":1}}},"UpdatePodSandboxResourcesRequest":{"fields":{"pod_sandbox_id":{"type":"string","id":1},"overhead":{"type":"LinuxContainerResources","id":2},"resources":{"type":"LinuxContainerResources","id":3}}},"UpdatePodSandboxResourcesResponse":{"fields":{}}}}}}}};
