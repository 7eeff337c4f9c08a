/** The least that a Worker can do: what every figure of the edge is compared with. */
const worker = { fetch: (): Response => new Response("{}", { headers: { "content-type": "application/json" } }) };
// biome-ignore lint/style/noDefaultExport: a Worker's handlers are its default export
export default worker;
