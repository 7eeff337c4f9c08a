/** `npm start`: the whole product on one machine. What it starts and stops is in stack/; this file is its face. */
import { banner } from "./stack/banner.ts";
import { readSettings } from "./stack/settings.ts";
import { type Stack, startStack } from "./stack/stack.ts";

const say = (line: string): void => void process.stdout.write(`${line}\n`);
const complain = (line: string): void => void process.stderr.write(`mailsonar: ${line}\n`);
const oneLine = (error: unknown): string =>
  (error instanceof Error ? error.message : String(error)).split("\n", 1)[0] ?? "unknown error";

/** Resolves at the first Ctrl-C or SIGTERM; a second one ends the process at once. */
function askedToStop(): Promise<"asked"> {
  return new Promise((resolve) => {
    let times = 0;
    const onSignal = (): void => {
      times += 1;
      if (times === 1) resolve("asked");
      else process.exit(130);
    };
    process.on("SIGINT", onSignal);
    process.on("SIGTERM", onSignal);
    process.on("SIGHUP", onSignal);
  });
}

async function main(): Promise<number> {
  const settings = readSettings(process.env);
  if (!settings.ok) {
    complain(settings.error);
    return 2;
  }
  const asked = askedToStop();
  let stack: Stack;
  try {
    const starting = startStack(settings.value, { say, complain });
    const first = await Promise.race([starting, asked]);
    stack = await starting;
    if (first === "asked") {
      await stack.stop();
      return 0;
    }
  } catch (error) {
    complain(oneLine(error));
    return 1;
  }
  say(banner(stack));
  const why = await Promise.race([asked, stack.broken]);
  if (why !== "asked") complain(why);
  else say("stopping…");
  await stack.stop();
  return why === "asked" ? 0 : 1;
}

process.exitCode = await main();
