// /configz: what this process runs with, under the names of upstream's KubeControllerManagerConfiguration; what we have
// nothing like is left out. https://kubernetes.io/docs/reference/config-api/kube-controller-manager-config.v1alpha1/
import type { Options } from './flags.ts';

export function describeConfig(flags: Options): Record<string, object> {
  const config = {
    Generic: {
      Address: flags['bind-address'],
      ClientConnection: { Kubeconfig: flags.kubeconfig },
      Controllers: flags.controllers,
      LeaderElection: {
        LeaderElect: flags['leader-elect'],
        LeaseDuration: flags['leader-elect-lease-duration'],
        RenewDeadline: flags['leader-elect-renew-deadline'],
        RetryPeriod: flags['leader-elect-retry-period'],
        ResourceLock: 'leases',
        ResourceName: flags['leader-elect-resource-name'],
        ResourceNamespace: flags['leader-elect-resource-namespace'],
      },
    },
    KubeCloudShared: {
      UseServiceAccountCredentials: flags['use-service-account-credentials'],
      AllocateNodeCIDRs: flags['cluster-cidr'] !== undefined,
      ClusterCIDR: flags['cluster-cidr'] ?? '',
    },
    CSRSigningController: {
      ClusterSigningCertFile: flags['cluster-signing-cert-file'] ?? '',
      ClusterSigningKeyFile: flags['cluster-signing-key-file'] ?? '',
      ClusterSigningDuration: flags['cluster-signing-duration'],
    },
    NodeIPAMController: {
      ServiceCIDR: flags['service-cluster-ip-range'] ?? '',
      NodeCIDRMaskSize: flags['node-cidr-mask-size'],
    },
    NodeLifecycleController: {
      NodeEvictionRate: flags['node-eviction-rate'],
      SecondaryNodeEvictionRate: flags['secondary-node-eviction-rate'],
      NodeStartupGracePeriod: flags['node-startup-grace-period'],
      NodeMonitorGracePeriod: flags['node-monitor-grace-period'],
      LargeClusterSizeThreshold: flags['large-cluster-size-threshold'],
      UnhealthyZoneThreshold: flags['unhealthy-zone-threshold'],
    },
    PodGCController: { TerminatedPodGCThreshold: flags['terminated-pod-gc-threshold'] },
    LegacySATokenCleaner: { CleanUpPeriod: flags['legacy-service-account-token-clean-up-period'] },
    SAController: {
      ServiceAccountKeyFile: flags['service-account-private-key-file'] ?? '',
      RootCAFile: flags['root-ca-file'] ?? '',
    },
  };
  return { 'kubecontrollermanager.config.k8s.io': config };
}
