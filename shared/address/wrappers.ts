import { err, ok, type Result } from "../result.ts";
import { type AddressError, addressError } from "./errors.ts";

/**
 * Finds the mailbox in `Name <mailbox>`, where the name is free text or quoted (RFC 5322 3.4).
 * @returns the span between the last pair of angle brackets.
 */
export function unwrapDisplayName(text: string): Result<{ start: number; end: number }, AddressError> {
  const end = text.length - 1;
  // The last "<": one inside a quoted name is not meant, and none can stand unquoted in a mailbox.
  const open = text.lastIndexOf("<", end);
  if (open < 0) return err(addressError("display-name", end, "There is a > without a < before it."));
  const name = text.slice(0, open).trim();
  const bad = /[<>@,;]/.exec(name.startsWith('"') && name.endsWith('"') && name.length > 1 ? "" : name);
  if (bad !== null) {
    return err(addressError("display-name", bad.index, `"${bad[0]}" cannot stand unquoted in a display name.`));
  }
  return ok({ start: open + 1, end });
}

/** Takes the one recipient out of a mailto URI (RFC 6068): headers dropped, percent escapes decoded. */
export function unwrapMailto(text: string): Result<string, AddressError> {
  const query = text.indexOf("?");
  const encoded = text.slice("mailto:".length, query < 0 ? text.length : query);
  const malformed = addressError("mailto", "mailto:".length, "The mailto link holds a broken percent escape.");
  if (/%(?![0-9a-f]{2})/i.test(encoded)) return err(malformed);
  try {
    return ok(decodeURIComponent(encoded).trim());
  } catch {
    // Escapes that are not UTF-8: the only way to learn it without decoding by hand.
    return err(malformed);
  }
}
