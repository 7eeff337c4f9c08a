import type { Stack } from "./stack.ts";

/** What `npm start` prints once all is ready: where it is, the keys, and three lines to copy. */
export function banner(stack: Stack): string {
  const auth = `-H 'authorization: Bearer ${stack.liveKey}'`;
  return [
    "",
    `Mailsonar is ready: ${stack.url}   (reference: ${stack.url}/docs)`,
    "",
    `  live key  ${stack.liveKey}`,
    `  test key  ${stack.testKey}`,
    `  data      ${stack.dataDir}   (logs in ${stack.logDir})`,
    "",
    "Verify one address:",
    `  curl -s ${stack.url}/v1/verify ${auth} -H 'content-type: application/json' -d '{"email":"alice.smith@gmail.com"}'`,
    "",
    "Upload a list and follow it:",
    `  curl -s ${stack.url}/v1/jobs ${auth} -F file=@${stack.sampleFile} | grep -oE '"id":"[0-9a-f-]+"' | cut -d'"' -f4 | xargs -I ID curl -sN ${stack.url}/v1/jobs/ID/events ${auth}`,
    "",
    "See the webhooks that arrived (each is printed here as well):",
    `  curl -s ${stack.receiverUrl}`,
    "",
    "Ctrl-C stops everything; the data stays.",
  ].join("\n");
}
