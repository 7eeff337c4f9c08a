import { expect, test } from "vitest";
import { createLog } from "../../probe/log.ts";

/** The lines that a log writes, parsed. */
function logged(write: (log: ReturnType<typeof createLog>) => void) {
  const lines: string[] = [];
  write(createLog({ probe: "p1" }, "info", { write: (line) => lines.push(line) }));
  return lines;
}

test("a line is JSON with level, time and the fields of the call", () => {
  const [line = ""] = logged((log) => log.info({ trace_id: "4bf92f3577b34da6a3ce929d0e0e4736" }, "chunk"));
  expect(JSON.parse(line)).toMatchObject({
    level: "info",
    probe: "p1",
    trace_id: "4bf92f3577b34da6a3ce929d0e0e4736",
    msg: "chunk",
  });
  expect(JSON.parse(line).time).toMatch(/^\d{4}-\d\d-\d\dT.*Z$/);
});

test("addresses, tokens, keys and passwords are taken out wherever they stand", () => {
  const [line = ""] = logged((log) =>
    log.warn(
      {
        error: new Error("550 <someone@example.net> unknown"),
        url: "postgres://probe:hunter22@db/x",
        deep: { key: "ev_live_abc_0123456789" },
      },
      "token pt_p1_0123456789abcdef of someone@example.net",
    ),
  );
  expect(() => JSON.parse(line)).not.toThrow();
  for (const secret of ["someone", "hunter22", "0123456789"]) expect(line).not.toContain(secret);
});
