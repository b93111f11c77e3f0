// Requirements without a test of their name in this folder: which test shows them, or why one node cannot.
export const elsewhere: Readonly<Record<string, string>> = {
  'Conformance Tests should have at least two untainted nodes': 'a cluster has one node',
};
