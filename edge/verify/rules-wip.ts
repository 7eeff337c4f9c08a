export type CompiledRules = readonly unknown[];
export const compileRules = (rules: readonly unknown[]): CompiledRules => rules;
export const matchRule = (_: CompiledRules, __: object): { id: string; kind: "allow" | "block" } | null => null;
