import { isUuid } from "../ids.ts";

/** Where a page of a list ended, as an opaque text. */
export const cursorOf = (id: string): string => btoa(id).replaceAll("=", "");

/** The id in a cursor; null when the text is none. */
export function idIn(cursor: string): string | null {
  try {
    const id = atob(cursor);
    return isUuid(id) ? id : null;
  } catch {
    return null;
  }
}
