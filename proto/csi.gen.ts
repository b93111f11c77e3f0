// Written by scripts/gen-proto.mjs from csi.proto; do not edit.

export interface IdentityMethods {
  GetPluginInfo: { request: GetPluginInfoRequest; response: GetPluginInfoResponse; clientStream: false; serverStream: false };
  GetPluginCapabilities: { request: GetPluginCapabilitiesRequest; response: GetPluginCapabilitiesResponse; clientStream: false; serverStream: false };
  Probe: { request: ProbeRequest; response: ProbeResponse; clientStream: false; serverStream: false };
}

export interface ControllerMethods {
  CreateVolume: { request: CreateVolumeRequest; response: CreateVolumeResponse; clientStream: false; serverStream: false };
  DeleteVolume: { request: DeleteVolumeRequest; response: DeleteVolumeResponse; clientStream: false; serverStream: false };
  ControllerPublishVolume: { request: ControllerPublishVolumeRequest; response: ControllerPublishVolumeResponse; clientStream: false; serverStream: false };
  ControllerUnpublishVolume: { request: ControllerUnpublishVolumeRequest; response: ControllerUnpublishVolumeResponse; clientStream: false; serverStream: false };
  ValidateVolumeCapabilities: { request: ValidateVolumeCapabilitiesRequest; response: ValidateVolumeCapabilitiesResponse; clientStream: false; serverStream: false };
  ListVolumes: { request: ListVolumesRequest; response: ListVolumesResponse; clientStream: false; serverStream: false };
  GetCapacity: { request: GetCapacityRequest; response: GetCapacityResponse; clientStream: false; serverStream: false };
  ControllerGetCapabilities: { request: ControllerGetCapabilitiesRequest; response: ControllerGetCapabilitiesResponse; clientStream: false; serverStream: false };
  CreateSnapshot: { request: CreateSnapshotRequest; response: CreateSnapshotResponse; clientStream: false; serverStream: false };
  DeleteSnapshot: { request: DeleteSnapshotRequest; response: DeleteSnapshotResponse; clientStream: false; serverStream: false };
  ListSnapshots: { request: ListSnapshotsRequest; response: ListSnapshotsResponse; clientStream: false; serverStream: false };
  GetSnapshot: { request: GetSnapshotRequest; response: GetSnapshotResponse; clientStream: false; serverStream: false };
  ControllerExpandVolume: { request: ControllerExpandVolumeRequest; response: ControllerExpandVolumeResponse; clientStream: false; serverStream: false };
  ControllerGetVolume: { request: ControllerGetVolumeRequest; response: ControllerGetVolumeResponse; clientStream: false; serverStream: false };
  ControllerModifyVolume: { request: ControllerModifyVolumeRequest; response: ControllerModifyVolumeResponse; clientStream: false; serverStream: false };
}

export interface NodeMethods {
  NodeStageVolume: { request: NodeStageVolumeRequest; response: NodeStageVolumeResponse; clientStream: false; serverStream: false };
  NodeUnstageVolume: { request: NodeUnstageVolumeRequest; response: NodeUnstageVolumeResponse; clientStream: false; serverStream: false };
  NodePublishVolume: { request: NodePublishVolumeRequest; response: NodePublishVolumeResponse; clientStream: false; serverStream: false };
  NodeUnpublishVolume: { request: NodeUnpublishVolumeRequest; response: NodeUnpublishVolumeResponse; clientStream: false; serverStream: false };
  NodeGetVolumeStats: { request: NodeGetVolumeStatsRequest; response: NodeGetVolumeStatsResponse; clientStream: false; serverStream: false };
  NodeExpandVolume: { request: NodeExpandVolumeRequest; response: NodeExpandVolumeResponse; clientStream: false; serverStream: false };
  NodeGetCapabilities: { request: NodeGetCapabilitiesRequest; response: NodeGetCapabilitiesResponse; clientStream: false; serverStream: false };
  NodeGetInfo: { request: NodeGetInfoRequest; response: NodeGetInfoResponse; clientStream: false; serverStream: false };
}

export type GetPluginInfoRequest = Record<never, never>;

export interface GetPluginInfoResponse {
  name: string;
  vendor_version: string;
  manifest: Record<string, string>;
}

export type GetPluginCapabilitiesRequest = Record<never, never>;

export interface GetPluginCapabilitiesResponse {
  capabilities: PluginCapability[];
}

export interface PluginCapability {
  service: PluginCapabilityService | null;
  volume_expansion: PluginCapabilityVolumeExpansion | null;
}

export interface PluginCapabilityService {
  type: PluginCapabilityServiceType;
}

export type PluginCapabilityServiceType = 'UNKNOWN' | 'CONTROLLER_SERVICE' | 'VOLUME_ACCESSIBILITY_CONSTRAINTS' | 'GROUP_CONTROLLER_SERVICE' | 'SNAPSHOT_METADATA_SERVICE';

export interface PluginCapabilityVolumeExpansion {
  type: PluginCapabilityVolumeExpansionType;
}

export type PluginCapabilityVolumeExpansionType = 'UNKNOWN' | 'ONLINE' | 'OFFLINE';

export type ProbeRequest = Record<never, never>;

export interface ProbeResponse {
  ready: BoolValue | null;
}

export interface CreateVolumeRequest {
  name: string;
  capacity_range: CapacityRange | null;
  volume_capabilities: VolumeCapability[];
  parameters: Record<string, string>;
  secrets: Record<string, string>;
  volume_content_source: VolumeContentSource | null;
  accessibility_requirements: TopologyRequirement | null;
  mutable_parameters: Record<string, string>;
}

export interface CapacityRange {
  required_bytes: string;
  limit_bytes: string;
}

export interface VolumeCapability {
  block: VolumeCapabilityBlockVolume | null;
  mount: VolumeCapabilityMountVolume | null;
  access_mode: VolumeCapabilityAccessMode | null;
}

export type VolumeCapabilityBlockVolume = Record<never, never>;

export interface VolumeCapabilityMountVolume {
  fs_type: string;
  mount_flags: string[];
  volume_mount_group: string;
}

export interface VolumeCapabilityAccessMode {
  mode: VolumeCapabilityAccessModeMode;
}

export type VolumeCapabilityAccessModeMode = 'UNKNOWN' | 'SINGLE_NODE_WRITER' | 'SINGLE_NODE_READER_ONLY' | 'MULTI_NODE_READER_ONLY' | 'MULTI_NODE_SINGLE_WRITER' | 'MULTI_NODE_MULTI_WRITER' | 'SINGLE_NODE_SINGLE_WRITER' | 'SINGLE_NODE_MULTI_WRITER';

export interface VolumeContentSource {
  snapshot: VolumeContentSourceSnapshotSource | null;
  volume: VolumeContentSourceVolumeSource | null;
}

export interface VolumeContentSourceSnapshotSource {
  snapshot_id: string;
}

export interface VolumeContentSourceVolumeSource {
  volume_id: string;
}

export interface TopologyRequirement {
  requisite: Topology[];
  preferred: Topology[];
}

export interface Topology {
  segments: Record<string, string>;
}

export interface CreateVolumeResponse {
  volume: Volume | null;
}

export interface Volume {
  capacity_bytes: string;
  volume_id: string;
  volume_context: Record<string, string>;
  content_source: VolumeContentSource | null;
  accessible_topology: Topology[];
}

export interface DeleteVolumeRequest {
  volume_id: string;
  secrets: Record<string, string>;
}

export type DeleteVolumeResponse = Record<never, never>;

export interface ControllerPublishVolumeRequest {
  volume_id: string;
  node_id: string;
  volume_capability: VolumeCapability | null;
  readonly: boolean;
  secrets: Record<string, string>;
  volume_context: Record<string, string>;
}

export interface ControllerPublishVolumeResponse {
  publish_context: Record<string, string>;
}

export interface ControllerUnpublishVolumeRequest {
  volume_id: string;
  node_id: string;
  secrets: Record<string, string>;
}

export type ControllerUnpublishVolumeResponse = Record<never, never>;

export interface ValidateVolumeCapabilitiesRequest {
  volume_id: string;
  volume_context: Record<string, string>;
  volume_capabilities: VolumeCapability[];
  parameters: Record<string, string>;
  secrets: Record<string, string>;
  mutable_parameters: Record<string, string>;
}

export interface ValidateVolumeCapabilitiesResponse {
  confirmed: ValidateVolumeCapabilitiesResponseConfirmed | null;
  message: string;
}

export interface ValidateVolumeCapabilitiesResponseConfirmed {
  volume_context: Record<string, string>;
  volume_capabilities: VolumeCapability[];
  parameters: Record<string, string>;
  mutable_parameters: Record<string, string>;
}

export interface ListVolumesRequest {
  max_entries: number;
  starting_token: string;
}

export interface ListVolumesResponse {
  entries: ListVolumesResponseEntry[];
  next_token: string;
}

export interface ListVolumesResponseEntry {
  volume: Volume | null;
  status: ListVolumesResponseVolumeStatus | null;
}

export interface ListVolumesResponseVolumeStatus {
  published_node_ids: string[];
  volume_condition: VolumeCondition | null;
}

export interface VolumeCondition {
  abnormal: boolean;
  message: string;
}

export interface GetCapacityRequest {
  volume_capabilities: VolumeCapability[];
  parameters: Record<string, string>;
  accessible_topology: Topology | null;
}

export interface GetCapacityResponse {
  available_capacity: string;
  maximum_volume_size: Int64Value | null;
  minimum_volume_size: Int64Value | null;
}

export type ControllerGetCapabilitiesRequest = Record<never, never>;

export interface ControllerGetCapabilitiesResponse {
  capabilities: ControllerServiceCapability[];
}

export interface ControllerServiceCapability {
  rpc: ControllerServiceCapabilityRPC | null;
}

export interface ControllerServiceCapabilityRPC {
  type: ControllerServiceCapabilityRPCType;
}

export type ControllerServiceCapabilityRPCType = 'UNKNOWN' | 'CREATE_DELETE_VOLUME' | 'PUBLISH_UNPUBLISH_VOLUME' | 'LIST_VOLUMES' | 'GET_CAPACITY' | 'CREATE_DELETE_SNAPSHOT' | 'LIST_SNAPSHOTS' | 'CLONE_VOLUME' | 'PUBLISH_READONLY' | 'EXPAND_VOLUME' | 'LIST_VOLUMES_PUBLISHED_NODES' | 'VOLUME_CONDITION' | 'GET_VOLUME' | 'SINGLE_NODE_MULTI_WRITER' | 'MODIFY_VOLUME' | 'GET_SNAPSHOT';

export interface CreateSnapshotRequest {
  source_volume_id: string;
  name: string;
  secrets: Record<string, string>;
  parameters: Record<string, string>;
}

export interface CreateSnapshotResponse {
  snapshot: Snapshot | null;
}

export interface Snapshot {
  size_bytes: string;
  snapshot_id: string;
  source_volume_id: string;
  creation_time: Timestamp | null;
  ready_to_use: boolean;
  group_snapshot_id: string;
}

export interface DeleteSnapshotRequest {
  snapshot_id: string;
  secrets: Record<string, string>;
}

export type DeleteSnapshotResponse = Record<never, never>;

export interface ListSnapshotsRequest {
  max_entries: number;
  starting_token: string;
  source_volume_id: string;
  snapshot_id: string;
  secrets: Record<string, string>;
}

export interface ListSnapshotsResponse {
  entries: ListSnapshotsResponseEntry[];
  next_token: string;
}

export interface ListSnapshotsResponseEntry {
  snapshot: Snapshot | null;
}

export interface GetSnapshotRequest {
  snapshot_id: string;
  secrets: Record<string, string>;
}

export interface GetSnapshotResponse {
  snapshot: Snapshot | null;
}

export interface ControllerExpandVolumeRequest {
  volume_id: string;
  capacity_range: CapacityRange | null;
  secrets: Record<string, string>;
  volume_capability: VolumeCapability | null;
}

export interface ControllerExpandVolumeResponse {
  capacity_bytes: string;
  node_expansion_required: boolean;
}

export interface ControllerGetVolumeRequest {
  volume_id: string;
}

export interface ControllerGetVolumeResponse {
  volume: Volume | null;
  status: ControllerGetVolumeResponseVolumeStatus | null;
}

export interface ControllerGetVolumeResponseVolumeStatus {
  published_node_ids: string[];
  volume_condition: VolumeCondition | null;
}

export interface ControllerModifyVolumeRequest {
  volume_id: string;
  secrets: Record<string, string>;
  mutable_parameters: Record<string, string>;
}

export type ControllerModifyVolumeResponse = Record<never, never>;

export interface NodeStageVolumeRequest {
  volume_id: string;
  publish_context: Record<string, string>;
  staging_target_path: string;
  volume_capability: VolumeCapability | null;
  secrets: Record<string, string>;
  volume_context: Record<string, string>;
}

export type NodeStageVolumeResponse = Record<never, never>;

export interface NodeUnstageVolumeRequest {
  volume_id: string;
  staging_target_path: string;
}

export type NodeUnstageVolumeResponse = Record<never, never>;

export interface NodePublishVolumeRequest {
  volume_id: string;
  publish_context: Record<string, string>;
  staging_target_path: string;
  target_path: string;
  volume_capability: VolumeCapability | null;
  readonly: boolean;
  secrets: Record<string, string>;
  volume_context: Record<string, string>;
}

export type NodePublishVolumeResponse = Record<never, never>;

export interface NodeUnpublishVolumeRequest {
  volume_id: string;
  target_path: string;
}

export type NodeUnpublishVolumeResponse = Record<never, never>;

export interface NodeGetVolumeStatsRequest {
  volume_id: string;
  volume_path: string;
  staging_target_path: string;
}

export interface NodeGetVolumeStatsResponse {
  usage: VolumeUsage[];
  volume_condition: VolumeCondition | null;
}

export interface VolumeUsage {
  available: string;
  total: string;
  used: string;
  unit: VolumeUsageUnit;
}

export type VolumeUsageUnit = 'UNKNOWN' | 'BYTES' | 'INODES';

export interface NodeExpandVolumeRequest {
  volume_id: string;
  volume_path: string;
  capacity_range: CapacityRange | null;
  staging_target_path: string;
  volume_capability: VolumeCapability | null;
  secrets: Record<string, string>;
}

export interface NodeExpandVolumeResponse {
  capacity_bytes: string;
}

export type NodeGetCapabilitiesRequest = Record<never, never>;

export interface NodeGetCapabilitiesResponse {
  capabilities: NodeServiceCapability[];
}

export interface NodeServiceCapability {
  rpc: NodeServiceCapabilityRPC | null;
}

export interface NodeServiceCapabilityRPC {
  type: NodeServiceCapabilityRPCType;
}

export type NodeServiceCapabilityRPCType = 'UNKNOWN' | 'STAGE_UNSTAGE_VOLUME' | 'GET_VOLUME_STATS' | 'EXPAND_VOLUME' | 'VOLUME_CONDITION' | 'SINGLE_NODE_MULTI_WRITER' | 'VOLUME_MOUNT_GROUP';

export type NodeGetInfoRequest = Record<never, never>;

export interface NodeGetInfoResponse {
  node_id: string;
  max_volumes_per_node: string;
  accessible_topology: Topology | null;
}

/** As google.protobuf.Timestamp goes over the wire. */
export interface Timestamp {
  seconds: string;
  nanos: number;
}

/** As google.protobuf.BoolValue goes over the wire. */
export interface BoolValue {
  value: boolean;
}

/** As google.protobuf.Int64Value goes over the wire. */
export interface Int64Value {
  value: string;
}

/** The descriptor, as protobufjs reads it. */
export const descriptor = {"nested":{"csi":{"nested":{"v1":{"nested":{"Identity":{"methods":{"GetPluginInfo":{"requestType":"GetPluginInfoRequest","responseType":"GetPluginInfoResponse"},"GetPluginCapabilities":{"requestType":"GetPluginCapabilitiesRequest","responseType":"GetPluginCapabilitiesResponse"},"Probe":{"requestType":"ProbeRequest","responseType":"ProbeResponse"}}},"Controller":{"methods":{"CreateVolume":{"requestType":"CreateVolumeRequest","responseType":"CreateVolumeResponse"},"DeleteVolume":{"requestType":"DeleteVolumeRequest","responseType":"DeleteVolumeResponse"},"ControllerPublishVolume":{"requestType":"ControllerPublishVolumeRequest","responseType":"ControllerPublishVolumeResponse"},"ControllerUnpublishVolume":{"requestType":"ControllerUnpublishVolumeRequest","responseType":"ControllerUnpublishVolumeResponse"},"ValidateVolumeCapabilities":{"requestType":"ValidateVolumeCapabilitiesRequest","responseType":"ValidateVolumeCapabilitiesResponse"},"ListVolumes":{"requestType":"ListVolumesRequest","responseType":"ListVolumesResponse"},"GetCapacity":{"requestType":"GetCapacityRequest","responseType":"GetCapacityResponse"},"ControllerGetCapabilities":{"requestType":"ControllerGetCapabilitiesRequest","responseType":"ControllerGetCapabilitiesResponse"},"CreateSnapshot":{"requestType":"CreateSnapshotRequest","responseType":"CreateSnapshotResponse"},"DeleteSnapshot":{"requestType":"DeleteSnapshotRequest","responseType":"DeleteSnapshotResponse"},"ListSnapshots":{"requestType":"ListSnapshotsRequest","responseType":"ListSnapshotsResponse"},"GetSnapshot":{"requestType":"GetSnapshotRequest","responseType":"GetSnapshotResponse"},"ControllerExpandVolume":{"requestType":"ControllerExpandVolumeRequest","responseType":"ControllerExpandVolumeResponse"},"ControllerGetVolume":{"requestType":"ControllerGetVolumeRequest","responseType":"ControllerGetVolumeResponse"},"ControllerModifyVolume":{"requestType":"ControllerModifyVolumeRequest","responseType":"ControllerModifyVolumeResponse"}}},"Node":{"methods":{"NodeStageVolume":{"requestType":"NodeStageVolumeRequest","responseType":"NodeStageVolumeResponse"},"NodeUnstageVolume":{"requestType":"NodeUnstageVolumeRequest","responseType":"NodeUnstageVolumeResponse"},"NodePublishVolume":{"requestType":"NodePublishVolumeRequest","responseType":"NodePublishVolumeResponse"},"NodeUnpublishVolume":{"requestType":"NodeUnpublishVolumeRequest","responseType":"NodeUnpublishVolumeResponse"},"NodeGetVolumeStats":{"requestType":"NodeGetVolumeStatsRequest","responseType":"NodeGetVolumeStatsResponse"},"NodeExpandVolume":{"requestType":"NodeExpandVolumeRequest","responseType":"NodeExpandVolumeResponse"},"NodeGetCapabilities":{"requestType":"NodeGetCapabilitiesRequest","responseType":"NodeGetCapabilitiesResponse"},"NodeGetInfo":{"requestType":"NodeGetInfoRequest","responseType":"NodeGetInfoResponse"}}},"GetPluginInfoRequest":{"fields":{}},"GetPluginInfoResponse":{"fields":{"name":{"type":"string","id":1},"vendor_version":{"type":"string","id":2},"manifest":{"keyType":"string","type":"string","id":3}}},"GetPluginCapabilitiesRequest":{"fields":{}},"GetPluginCapabilitiesResponse":{"fields":{"capabilities":{"rule":"repeated","type":"PluginCapability","id":1}}},"PluginCapability":{"oneofs":{"type":{"oneof":["service","volume_expansion"]}},"fields":{"service":{"type":"Service","id":1},"volume_expansion":{"type":"VolumeExpansion","id":2}},"nested":{"Service":{"fields":{"type":{"type":"Type","id":1}},"nested":{"Type":{"values":{"UNKNOWN":0,"CONTROLLER_SERVICE":1,"VOLUME_ACCESSIBILITY_CONSTRAINTS":2,"GROUP_CONTROLLER_SERVICE":3,"SNAPSHOT_METADATA_SERVICE":4}}}},"VolumeExpansion":{"fields":{"type":{"type":"Type","id":1}},"nested":{"Type":{"values":{"UNKNOWN":0,"ONLINE":1,"OFFLINE":2}}}}}},"ProbeRequest":{"fields":{}},"ProbeResponse":{"fields":{"ready":{"type":"BoolValue","id":1}}},"CreateVolumeRequest":{"fields":{"name":{"type":"string","id":1},"capacity_range":{"type":"CapacityRange","id":2},"volume_capabilities":{"rule":"repeated","type":"VolumeCapability","id":3},"parameters":{"keyType":"string","type":"string","id":4},"secrets":{"keyType":"string","type":"string","id":5},"volume_content_source":{"type":"VolumeContentSource","id":6},"accessibility_requirements":{"type":"TopologyRequirement","id":7},"mutable_parameters":{"keyType":"string","type":"string","id":8}}},"CapacityRange":{"fields":{"required_bytes":{"type":"int64","id":1},"limit_bytes":{"type":"int64","id":2}}},"VolumeCapability":{"oneofs":{"access_type":{"oneof":["block","mount"]}},"fields":{"block":{"type":"BlockVolume","id":1},"mount":{"type":"MountVolume","id":2},"access_mode":{"type":"AccessMode","id":3}},"nested":{"BlockVolume":{"fields":{}},"MountVolume":{"fields":{"fs_type":{"type":"string","id":1},"mount_flags":{"rule":"repeated","type":"string","id":2},"volume_mount_group":{"type":"string","id":3}}},"AccessMode":{"fields":{"mode":{"type":"Mode","id":1}},"nested":{"Mode":{"values":{"UNKNOWN":0,"SINGLE_NODE_WRITER":1,"SINGLE_NODE_READER_ONLY":2,"MULTI_NODE_READER_ONLY":3,"MULTI_NODE_SINGLE_WRITER":4,"MULTI_NODE_MULTI_WRITER":5,"SINGLE_NODE_SINGLE_WRITER":6,"SINGLE_NODE_MULTI_WRITER":7}}}}}},"VolumeContentSource":{"oneofs":{"type":{"oneof":["snapshot","volume"]}},"fields":{"snapshot":{"type":"SnapshotSource","id":1},"volume":{"type":"VolumeSource","id":2}},"nested":{"SnapshotSource":{"fields":{"snapshot_id":{"type":"string","id":1}}},"VolumeSource":{"fields":{"volume_id":{"type":"string","id":1}}}}},"TopologyRequirement":{"fields":{"requisite":{"rule":"repeated","type":"Topology","id":1},"preferred":{"rule":"repeated","type":"Topology","id":2}}},"Topology":{"fields":{"segments":{"keyType":"string","type":"string","id":1}}},"CreateVolumeResponse":{"fields":{"volume":{"type":"Volume","id":1}}},"Volume":{"fields":{"capacity_bytes":{"type":"int64","id":1},"volume_id":{"type":"string","id":2},"volume_context":{"keyType":"string","type":"string","id":3},"content_source":{"type":"VolumeContentSource","id":4},"accessible_topology":{"rule":"repeated","type":"Topology","id":5}}},"DeleteVolumeRequest":{"fields":{"volume_id":{"type":"string","id":1},"secrets":{"keyType":"string","type":"string","id":2}}},"DeleteVolumeResponse":{"fields":{}},"ControllerPublishVolumeRequest":{"fields":{"volume_id":{"type":"string","id":1},"node_id":{"type":"string","id":2},"volume_capability":{"type":"VolumeCapability","id":3},"readonly":{"type":"bool","id":4},"secrets":{"keyType":"string","type":"string","id":5},"volume_context":{"keyType":"string","type":"string","id":6}}},"ControllerPublishVolumeResponse":{"fields":{"publish_context":{"keyType":"string","type":"string","id":1}}},"ControllerUnpublishVolumeRequest":{"fields":{"volume_id":{"type":"string","id":1},"node_id":{"type":"string","id":2},"secrets":{"keyType":"string","type":"string","id":3}}},"ControllerUnpublishVolumeResponse":{"fields":{}},"ValidateVolumeCapabilitiesRequest":{"fields":{"volume_id":{"type":"string","id":1},"volume_context":{"keyType":"string","type":"string","id":2},"volume_capabilities":{"rule":"repeated","type":"VolumeCapability","id":3},"parameters":{"keyType":"string","type":"string","id":4},"secrets":{"keyType":"string","type":"string","id":5},"mutable_parameters":{"keyType":"string","type":"string","id":6}}},"ValidateVolumeCapabilitiesResponse":{"fields":{"confirmed":{"type":"Confirmed","id":1},"message":{"type":"string","id":2}},"nested":{"Confirmed":{"fields":{"volume_context":{"keyType":"string","type":"string","id":1},"volume_capabilities":{"rule":"repeated","type":"VolumeCapability","id":2},"parameters":{"keyType":"string","type":"string","id":3},"mutable_parameters":{"keyType":"string","type":"string","id":4}}}}},"ListVolumesRequest":{"fields":{"max_entries":{"type":"int32","id":1},"starting_token":{"type":"string","id":2}}},"ListVolumesResponse":{"fields":{"entries":{"rule":"repeated","type":"Entry","id":1},"next_token":{"type":"string","id":2}},"nested":{"Entry":{"fields":{"volume":{"type":"Volume","id":1},"status":{"type":"VolumeStatus","id":2}}},"VolumeStatus":{"fields":{"published_node_ids":{"rule":"repeated","type":"string","id":1},"volume_condition":{"type":"VolumeCondition","id":2}}}}},"VolumeCondition":{"fields":{"abnormal":{"type":"bool","id":1},"message":{"type":"string","id":2}}},"GetCapacityRequest":{"fields":{"volume_capabilities":{"rule":"repeated","type":"VolumeCapability","id":1},"parameters":{"keyType":"string","type":"string","id":2},"accessible_topology":{"type":"Topology","id":3}}},"GetCapacityResponse":{"fields":{"available_capacity":{"type":"int64","id":1},"maximum_volume_size":{"type":"Int64Value","id":2},"minimum_volume_size":{"type":"Int64Value","id":3}}},"ControllerGetCapabilitiesRequest":{"fields":{}},"ControllerGetCapabilitiesResponse":{"fields":{"capabilities":{"rule":"repeated","type":"ControllerServiceCapability","id":1}}},"ControllerServiceCapability":{"oneofs":{"type":{"oneof":["rpc"]}},"fields":{"rpc":{"type":"RPC","id":1}},"nested":{"RPC":{"fields":{"type":{"type":"Type","id":1}},"nested":{"Type":{"values":{"UNKNOWN":0,"CREATE_DELETE_VOLUME":1,"PUBLISH_UNPUBLISH_VOLUME":2,"LIST_VOLUMES":3,"GET_CAPACITY":4,"CREATE_DELETE_SNAPSHOT":5,"LIST_SNAPSHOTS":6,"CLONE_VOLUME":7,"PUBLISH_READONLY":8,"EXPAND_VOLUME":9,"LIST_VOLUMES_PUBLISHED_NODES":10,"VOLUME_CONDITION":11,"GET_VOLUME":12,"SINGLE_NODE_MULTI_WRITER":13,"MODIFY_VOLUME":14,"GET_SNAPSHOT":15}}}}}},"CreateSnapshotRequest":{"fields":{"source_volume_id":{"type":"string","id":1},"name":{"type":"string","id":2},"secrets":{"keyType":"string","type":"string","id":3},"parameters":{"keyType":"string","type":"string","id":4}}},"CreateSnapshotResponse":{"fields":{"snapshot":{"type":"Snapshot","id":1}}},"Snapshot":{"fields":{"size_bytes":{"type":"int64","id":1},"snapshot_id":{"type":"string","id":2},"source_volume_id":{"type":"string","id":3},"creation_time":{"type":"Timestamp","id":4},"ready_to_use":{"type":"bool","id":5},"group_snapshot_id":{"type":"string","id":6}}},"DeleteSnapshotRequest":{"fields":{"snapshot_id":{"type":"string","id":1},"secrets":{"keyType":"string","type":"string","id":2}}},"DeleteSnapshotResponse":{"fields":{}},"ListSnapshotsRequest":{"fields":{"max_entries":{"type":"int32","id":1},"starting_token":{"type":"string","id":2},"source_volume_id":{"type":"string","id":3},"snapshot_id":{"type":"string","id":4},"secrets":{"keyType":"string","type":"string","id":5}}},"ListSnapshotsResponse":{"fields":{"entries":{"rule":"repeated","type":"Entry","id":1},"next_token":{"type":"string","id":2}},"nested":{"Entry":{"fields":{"snapshot":{"type":"Snapshot","id":1}}}}},"GetSnapshotRequest":{"fields":{"snapshot_id":{"type":"string","id":1},"secrets":{"keyType":"string","type":"string","id":2}}},"GetSnapshotResponse":{"fields":{"snapshot":{"type":"Snapshot","id":1}}},"ControllerExpandVolumeRequest":{"fields":{"volume_id":{"type":"string","id":1},"capacity_range":{"type":"CapacityRange","id":2},"secrets":{"keyType":"string","type":"string","id":3},"volume_capability":{"type":"VolumeCapability","id":4}}},"ControllerExpandVolumeResponse":{"fields":{"capacity_bytes":{"type":"int64","id":1},"node_expansion_required":{"type":"bool","id":2}}},"ControllerGetVolumeRequest":{"fields":{"volume_id":{"type":"string","id":1}}},"ControllerGetVolumeResponse":{"fields":{"volume":{"type":"Volume","id":1},"status":{"type":"VolumeStatus","id":2}},"nested":{"VolumeStatus":{"fields":{"published_node_ids":{"rule":"repeated","type":"string","id":1},"volume_condition":{"type":"VolumeCondition","id":2}}}}},"ControllerModifyVolumeRequest":{"fields":{"volume_id":{"type":"string","id":1},"secrets":{"keyType":"string","type":"string","id":2},"mutable_parameters":{"keyType":"string","type":"string","id":3}}},"ControllerModifyVolumeResponse":{"fields":{}},"NodeStageVolumeRequest":{"fields":{"volume_id":{"type":"string","id":1},"publish_context":{"keyType":"string","type":"string","id":2},"staging_target_path":{"type":"string","id":3},"volume_capability":{"type":"VolumeCapability","id":4},"secrets":{"keyType":"string","type":"string","id":5},"volume_context":{"keyType":"string","type":"string","id":6}}},"NodeStageVolumeResponse":{"fields":{}},"NodeUnstageVolumeRequest":{"fields":{"volume_id":{"type":"string","id":1},"staging_target_path":{"type":"string","id":2}}},"NodeUnstageVolumeResponse":{"fields":{}},"NodePublishVolumeRequest":{"fields":{"volume_id":{"type":"string","id":1},"publish_context":{"keyType":"string","type":"string","id":2},"staging_target_path":{"type":"string","id":3},"target_path":{"type":"string","id":4},"volume_capability":{"type":"VolumeCapability","id":5},"readonly":{"type":"bool","id":6},"secrets":{"keyType":"string","type":"string","id":7},"volume_context":{"keyType":"string","type":"string","id":8}}},"NodePublishVolumeResponse":{"fields":{}},"NodeUnpublishVolumeRequest":{"fields":{"volume_id":{"type":"string","id":1},"target_path":{"type":"string","id":2}}},"NodeUnpublishVolumeResponse":{"fields":{}},"NodeGetVolumeStatsRequest":{"fields":{"volume_id":{"type":"string","id":1},"volume_path":{"type":"string","id":2},"staging_target_path":{"type":"string","id":3}}},"NodeGetVolumeStatsResponse":{"fields":{"usage":{"rule":"repeated","type":"VolumeUsage","id":1},"volume_condition":{"type":"VolumeCondition","id":2}}},"VolumeUsage":{"fields":{"available":{"type":"int64","id":1},"total":{"type":"int64","id":2},"used":{"type":"int64","id":3},"unit":{"type":"Unit","id":4}},"nested":{"Unit":{"values":{"UNKNOWN":0,"BYTES":1,"INODES":2}}}},"NodeExpandVolumeRequest":{"fields":{"volume_id":{"type":"string","id":1},"volume_path":{"type":"string","id":2},"capacity_range":{"type":"CapacityRange","id":3},"staging_target_path":{"type":"string","id":4},"volume_capability":{"type":"VolumeCapability","id":5},"secrets":{"keyType":"string","type":"string","id":6}}},"NodeExpandVolumeResponse":{"fields":{"capacity_bytes":{"type":"int64","id":1}}},"NodeGetCapabilitiesRequest":{"fields":{}},"NodeGetCapabilitiesResponse":{"fields":{"capabilities":{"rule":"repeated","type":"NodeServiceCapability","id":1}}},"NodeServiceCapability":{"oneofs":{"type":{"oneof":["rpc"]}},"fields":{"rpc":{"type":"RPC","id":1}},"nested":{"RPC":{"fields":{"type":{"type":"Type","id":1}},"nested":{"Type":{"values":{"UNKNOWN":0,"STAGE_UNSTAGE_VOLUME":1,"GET_VOLUME_STATS":2,"EXPAND_VOLUME":3,"VOLUME_CONDITION":4,"SINGLE_NODE_MULTI_WRITER":5,"VOLUME_MOUNT_GROUP":6}}}}}},"NodeGetInfoRequest":{"fields":{}},"NodeGetInfoResponse":{"fields":{"node_id":{"type":"string","id":1},"max_volumes_per_node":{"type":"int64","id":2},"accessible_topology":{"type":"Topology","id":3}}},"Timestamp":{"fields":{"seconds":{"type":"int64","id":1},"nanos":{"type":"int32","id":2}}},"BoolValue":{"fields":{"value":{"type":"bool","id":1}}},"Int64Value":{"fields":{"value":{"type":"int64","id":1}}}}}}}}};
