declare module "psl" {
  /** The registrable domain, or null for a public suffix. */
  const psl: { get(domain: string): string | null };
  export = psl;
}
