// The ordered registry of controllers. One that is not listed here does not run.
import { type Loop, toLoop } from '../client/controller.ts';
import { validatingAdmissionPolicyStatusController } from './admission-policy/status.ts';
import { attachDetachController } from './attach-detach/attach-detach.ts';
import { bootstrapSignerController } from './bootstrap-signer.ts';
import { certificateApprovingController } from './certificates/approving.ts';
import { certificateCleanerController } from './certificates/cleaner.ts';
import { certificateSigningController, type SigningOptions } from './certificates/signing.ts';
import { clusterRoleAggregationController } from './cluster-role-aggregation.ts';
import { cronJobController } from './cronjob/cronjob.ts';
import { daemonSetController } from './daemonset/daemonset.ts';
import { deploymentController } from './deployment/deployment.ts';
import { disruptionController } from './disruption/disruption.ts';
import { staleDisruptionController } from './disruption/stale-condition.ts';
import { endpointsController } from './endpoints/endpoints.ts';
import { endpointSliceController } from './endpoints/endpointslice.ts';
import { endpointSliceMirroringController } from './endpoints/mirroring.ts';
import { ephemeralVolumeController } from './ephemeral-volume.ts';
import { garbageCollector } from './garbage-collector/garbage-collector.ts';
import { horizontalPodAutoscalerController } from './horizontal-pod-autoscaler/horizontal-pod-autoscaler.ts';
import { jobController } from './job/job.ts';
import { jobOrphanPodController } from './job/orphan-pods.ts';
import { legacyTokenCleaner } from './legacy-token-cleaner.ts';
import { type MetricsServerOptions, metricsServer } from './metrics-server/metrics-server.ts';
import { namespaceController } from './namespace/namespace.ts';
import { nodeIpamController } from './node/node-ipam.ts';
import { type NodeLifecycleOptions, nodeLifecycleController } from './node/node-lifecycle.ts';
import type { NodeRangeOptions } from './node/node-ranges.ts';
import { nodeTtlController } from './node/node-ttl.ts';
import { podGarbageCollector } from './node/pod-garbage-collector.ts';
import { taintEvictionController } from './node/taint-eviction.ts';
import { persistentVolumeBinder } from './persistent-volumes/binder.ts';
import { replicaSetController } from './replicaset.ts';
import { replicationController } from './replicationcontroller.ts';
import { resourceQuotaController } from './resource-quota.ts';
import { rootCaPublisher } from './root-ca-publisher.ts';
import { serviceAccountController } from './service-account.ts';
import { serviceAccountTokenController, type TokenOptions } from './service-account-token.ts';
import { serviceCIDRController } from './service-cidr.ts';
import { statefulSetController } from './statefulset/statefulset.ts';
import {
  attributesClassProtectionController,
  claimProtectionController,
  volumeProtectionController,
} from './storage-protection.ts';
import { tokenCleanerController } from './token-cleaner.ts';
import { ttlAfterFinishedController } from './ttl-after-finished.ts';
import { volumeExpandController } from './volume-expansion.ts';
import { volumeSnapshotController } from './volume-snapshot/volume-snapshot.ts';

export interface ControllerOptions {
  /** The CA that pods are to trust the API server by (PEM); none is published without it. */
  rootCaPem?: string;
  /** Whence nodes get the addresses of their pods; they get none without it. */
  nodeRanges?: NodeRangeOptions;
  /** When nodes are lost, and how fast pods are taken from them; as Kubernetes does it without. */
  nodeLifecycle?: NodeLifecycleOptions;
  /** The CA that signs certificates; none are signed without it. */
  signing?: SigningOptions;
  /** What Secrets with tokens are filled with; they stay empty without it. */
  tokens?: TokenOptions;
  /** So long a token in a Secret that was made without being asked for may go unused. */
  legacyTokenPeriodMs?: number;
  /** Ended pods that stay; 0: all of them. */
  terminatedPods?: number;
  /** Where metrics are served; they are not without it. */
  metrics?: MetricsServerOptions;
}

/** Every controller, in the order in which they start: what new pods need comes first. */
export function createControllers(options: ControllerOptions): readonly Loop[] {
  const { rootCaPem, nodeRanges, signing, tokens, metrics, terminatedPods, legacyTokenPeriodMs } = options;
  return [
    toLoop(serviceAccountController),
    ...(tokens === undefined ? [] : [toLoop(serviceAccountTokenController(tokens))]),
    ...(rootCaPem === undefined ? [] : [toLoop(rootCaPublisher(rootCaPem))]),
    ...(nodeRanges === undefined ? [] : [toLoop(nodeIpamController(nodeRanges))]),
    toLoop(nodeLifecycleController(options.nodeLifecycle)),
    toLoop(nodeTtlController),
    toLoop(namespaceController),
    toLoop(resourceQuotaController),
    toLoop(replicaSetController),
    toLoop(replicationController),
    toLoop(deploymentController),
    toLoop(daemonSetController),
    toLoop(statefulSetController),
    toLoop(jobController),
    toLoop(jobOrphanPodController),
    toLoop(cronJobController),
    toLoop(horizontalPodAutoscalerController),
    toLoop(disruptionController),
    toLoop(staleDisruptionController),
    toLoop(endpointsController),
    toLoop(endpointSliceController),
    toLoop(endpointSliceMirroringController),
    toLoop(taintEvictionController),
    toLoop(serviceCIDRController),
    toLoop(podGarbageCollector(terminatedPods)),
    persistentVolumeBinder,
    toLoop(ephemeralVolumeController),
    toLoop(attachDetachController),
    volumeSnapshotController,
    toLoop(volumeExpandController),
    toLoop(claimProtectionController),
    toLoop(volumeProtectionController),
    toLoop(attributesClassProtectionController),
    toLoop(ttlAfterFinishedController),
    toLoop(clusterRoleAggregationController),
    toLoop(certificateApprovingController),
    ...(signing === undefined ? [] : [toLoop(certificateSigningController(signing))]),
    toLoop(certificateCleanerController),
    toLoop(bootstrapSignerController),
    toLoop(tokenCleanerController),
    toLoop(legacyTokenCleaner(legacyTokenPeriodMs)),
    toLoop(validatingAdmissionPolicyStatusController),
    garbageCollector,
    ...(metrics === undefined ? [] : [metricsServer(metrics)]),
  ];
}
