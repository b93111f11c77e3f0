// The bounds of an expression: of its text, of its estimated cost when it is written, of its cost while it runs.
// A unit of cost is about 100 ns on the machine that Kubernetes' authors measured. Upstream: apiserver/pkg/apis/cel,
// apiextensions' validation (static limits), cel-go's parser options.

/** Code points of an expression. */
export const maxExpressionLength = 100_000;
/** Levels of nesting of an expression, as it is written and, of what counts, as a tree. */
export const maxExpressionDepth = 250;
/** Levels of the whole tree: nobody writes as many, and everything that recurses over it has stack enough. */
export const maxTreeHeight = 600;

/** The largest estimated cost of one expression. */
export const staticCostLimit = 10_000_000;
/** The largest sum of estimated costs of the rules of one CustomResourceDefinition. */
export const staticCrdCostLimit = 100_000_000;

/** The cost one evaluation may have. */
export const perCallCostLimit = 1_000_000;
/** The cost that all rules of a custom resource, or a policy's binding, may have for one request. */
export const runtimeCostBudget = 10_000_000;
/** The same for the match conditions of one webhook or policy. */
export const matchConditionsCostBudget = 2_500_000;
/** Bytes of what a messageExpression may return. */
export const maxMessageExpressionBytes = 5 * 1024;

/** The largest request: what bounds strings, lists and maps without a bound of their own. */
export const maxRequestBytes = 3 * 1024 * 1024;

// What one step costs. Upstream: cel-go's common/cost.go.
export const selectCost = 1;
export const listCreateCost = 10;
export const mapCreateCost = 30;
export const structCreateCost = 40;
export const stringTraversalFactor = 0.1;
export const regexLengthFactor = 0.25;
