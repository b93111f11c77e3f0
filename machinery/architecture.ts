/** What Kubernetes, Go and OCI call an architecture that Node has its own name for (`os.arch()`). */
export const goArchitecture = (nodeArch: string): string =>
  ({ x64: 'amd64', ia32: '386', ppc64: 'ppc64le' })[nodeArch] ?? nodeArch;
