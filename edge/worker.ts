import { createApp } from "./http/app.ts";
import { buryIngest, consumeIngest, consumeWork } from "./jobs/advance.ts";
import { sweep } from "./jobs/sweep.ts";
import { consumeResults } from "./results/consumer.ts";
import { consumeDead } from "./results/dead.ts";
import { servicesOf } from "./services.ts";

export { ProbeHub } from "./hub/object.ts";
export { Meter } from "./meter/object.ts";

const app = createApp();

/** The Worker: calls, queue batches and cron ticks. */
export default {
  fetch: app.fetch,
  async queue(batch, raw) {
    const services = servicesOf(raw);
    if (batch.queue === "results") await consumeResults(batch, services);
    else if (batch.queue === "ingest") await consumeIngest(batch, services);
    else if (batch.queue === "work") await consumeWork(batch, services);
    else if (batch.queue === "ingest-dead")
      await consumeDead(batch, services.env, (body) => buryIngest(services, body));
    // What dies in `work` the sweep finds in Postgres, and what dies in `results` an operator replays.
    else await consumeDead(batch, services.env, async () => undefined);
  },
  async scheduled(_event, raw) {
    await sweep(servicesOf(raw));
  },
} satisfies ExportedHandler<Cloudflare.Env>;
