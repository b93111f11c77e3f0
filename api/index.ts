// The ordered registry of built-in kinds. A kind that is not listed here is not served.
// The order is that of discovery: the core group, then the others by name within their age.
import type { Kind } from '../machinery/kind.ts';
import { MutatingAdmissionPolicyKind } from './admissionregistration/mutatingadmissionpolicy.ts';
import { MutatingAdmissionPolicyBindingKind } from './admissionregistration/mutatingadmissionpolicybinding.ts';
import { MutatingWebhookConfigurationKind } from './admissionregistration/mutatingwebhookconfiguration.ts';
import { ValidatingAdmissionPolicyKind } from './admissionregistration/validatingadmissionpolicy.ts';
import { ValidatingAdmissionPolicyBindingKind } from './admissionregistration/validatingadmissionpolicybinding.ts';
import { ValidatingWebhookConfigurationKind } from './admissionregistration/validatingwebhookconfiguration.ts';
import { CustomResourceDefinitionKind } from './apiextensions/customresourcedefinition.ts';
import { APIServiceKind } from './apiregistration/apiservice.ts';
import { ControllerRevisionKind } from './apps/controllerrevision.ts';
import { DaemonSetKind } from './apps/daemonset.ts';
import { DeploymentKind } from './apps/deployment.ts';
import { ReplicaSetKind } from './apps/replicaset.ts';
import { StatefulSetKind } from './apps/statefulset.ts';
import { SelfSubjectReviewKind } from './authentication/selfsubjectreview.ts';
import { TokenRequestKind } from './authentication/tokenrequest.ts';
import { TokenReviewKind } from './authentication/tokenreview.ts';
import { LocalSubjectAccessReviewKind } from './authorization/localsubjectaccessreview.ts';
import { SelfSubjectAccessReviewKind } from './authorization/selfsubjectaccessreview.ts';
import { SelfSubjectRulesReviewKind } from './authorization/selfsubjectrulesreview.ts';
import { SubjectAccessReviewKind } from './authorization/subjectaccessreview.ts';
import { HorizontalPodAutoscalerKind } from './autoscaling/horizontalpodautoscaler.ts';
import { ScaleKind } from './autoscaling/scale.ts';
import { CronJobKind } from './batch/cronjob.ts';
import { JobKind } from './batch/job.ts';
import { CertificateSigningRequestKind } from './certificates/certificatesigningrequest.ts';
import { LeaseKind } from './coordination/lease.ts';
import { BindingKind } from './core/binding.ts';
import { ComponentStatusKind } from './core/componentstatus.ts';
import { ConfigMapKind } from './core/configmap.ts';
import { EndpointsKind } from './core/endpoints.ts';
import { EventKind } from './core/event.ts';
import { LimitRangeKind } from './core/limitrange.ts';
import { NamespaceKind } from './core/namespace.ts';
import { NodeKind } from './core/node.ts';
import { PersistentVolumeKind } from './core/persistentvolume.ts';
import { PersistentVolumeClaimKind } from './core/persistentvolumeclaim.ts';
import { PodKind } from './core/pod.ts';
import { PodTemplateKind } from './core/podtemplate.ts';
import { ReplicationControllerKind } from './core/replicationcontroller.ts';
import { ResourceQuotaKind } from './core/resourcequota.ts';
import { SecretKind } from './core/secret.ts';
import { ServiceKind } from './core/service.ts';
import { ServiceAccountKind } from './core/serviceaccount.ts';
import { EndpointSliceKind } from './discovery/endpointslice.ts';
import { FlowSchemaKind } from './flowcontrol/flowschema.ts';
import { PriorityLevelConfigurationKind } from './flowcontrol/prioritylevelconfiguration.ts';
import { IngressKind } from './networking/ingress.ts';
import { IngressClassKind } from './networking/ingressclass.ts';
import { IPAddressKind } from './networking/ipaddress.ts';
import { NetworkPolicyKind } from './networking/networkpolicy.ts';
import { ServiceCIDRKind } from './networking/servicecidr.ts';
import { RuntimeClassKind } from './node/runtimeclass.ts';
import { EvictionKind } from './policy/eviction.ts';
import { PodDisruptionBudgetKind } from './policy/poddisruptionbudget.ts';
import { ClusterRoleKind } from './rbac/clusterrole.ts';
import { ClusterRoleBindingKind } from './rbac/clusterrolebinding.ts';
import { RoleKind } from './rbac/role.ts';
import { RoleBindingKind } from './rbac/rolebinding.ts';
import { DeviceClassKind } from './resource/deviceclass.ts';
import { ResourceClaimKind } from './resource/resourceclaim.ts';
import { ResourceClaimTemplateKind } from './resource/resourceclaimtemplate.ts';
import { ResourceSliceKind } from './resource/resourceslice.ts';
import { PriorityClassKind } from './scheduling/priorityclass.ts';
import { CSIDriverKind } from './storage/csidriver.ts';
import { CSINodeKind } from './storage/csinode.ts';
import { CSIStorageCapacityKind } from './storage/csistoragecapacity.ts';
import { StorageClassKind } from './storage/storageclass.ts';
import { VolumeAttachmentKind } from './storage/volumeattachment.ts';
import { VolumeAttributesClassKind } from './storage/volumeattributesclass.ts';

/** Kinds with a resource of their own. */
export const kinds: readonly Kind[] = [
  BindingKind,
  ComponentStatusKind,
  ConfigMapKind,
  EndpointsKind,
  EventKind,
  LimitRangeKind,
  NamespaceKind,
  NodeKind,
  PersistentVolumeClaimKind,
  PersistentVolumeKind,
  PodKind,
  PodTemplateKind,
  ReplicationControllerKind,
  ResourceQuotaKind,
  SecretKind,
  ServiceKind,
  ServiceAccountKind,
  APIServiceKind,
  ControllerRevisionKind,
  DaemonSetKind,
  DeploymentKind,
  ReplicaSetKind,
  StatefulSetKind,
  HorizontalPodAutoscalerKind,
  CronJobKind,
  JobKind,
  SelfSubjectReviewKind,
  TokenReviewKind,
  LocalSubjectAccessReviewKind,
  SelfSubjectAccessReviewKind,
  SelfSubjectRulesReviewKind,
  SubjectAccessReviewKind,
  CertificateSigningRequestKind,
  LeaseKind,
  EndpointSliceKind,
  IngressKind,
  IngressClassKind,
  IPAddressKind,
  NetworkPolicyKind,
  ServiceCIDRKind,
  RuntimeClassKind,
  PodDisruptionBudgetKind,
  ClusterRoleKind,
  ClusterRoleBindingKind,
  RoleKind,
  RoleBindingKind,
  MutatingAdmissionPolicyKind,
  MutatingAdmissionPolicyBindingKind,
  MutatingWebhookConfigurationKind,
  ValidatingAdmissionPolicyKind,
  ValidatingAdmissionPolicyBindingKind,
  ValidatingWebhookConfigurationKind,
  CustomResourceDefinitionKind,
  PriorityClassKind,
  FlowSchemaKind,
  PriorityLevelConfigurationKind,
  CSIDriverKind,
  CSINodeKind,
  CSIStorageCapacityKind,
  StorageClassKind,
  VolumeAttachmentKind,
  VolumeAttributesClassKind,
  DeviceClassKind,
  ResourceClaimKind,
  ResourceClaimTemplateKind,
  ResourceSliceKind,
];

/** Kinds that only subresources speak: pods/eviction, serviceaccounts/token, deployments/scale. */
export const subresourceKinds: readonly Kind[] = [TokenRequestKind, ScaleKind, EvictionKind];
