/** A process that writes one state file over and over until it is killed: `node writer.ts FILE NAME`. */
import { writeState } from "../../../probe/pace/state-file.ts";

const [file = "", name = ""] = process.argv.slice(2);
for (let i = 0; ; i += 1) {
  await writeState(file, JSON.stringify({ name, i, filling: name.repeat(50_000), end: i }));
  if (i === 0) process.stdout.write("writing\n");
}
