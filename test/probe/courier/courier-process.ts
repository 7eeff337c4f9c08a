/** A courier in a process of its own, to be killed: BED holds its configuration, QUICK its timing. */
import { startCourier } from "../../../probe/courier/courier.ts";

const log = { info: () => {}, warn: () => {}, error: () => {} };
startCourier(JSON.parse(process.env.BED ?? "{}"), { log, timing: JSON.parse(process.env.QUICK ?? "{}") });
