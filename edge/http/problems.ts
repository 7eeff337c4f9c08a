/** Every problem the API answers with: RFC 9457, the type being `/problems/<slug>`, which the Worker serves as a page. */
export const PROBLEMS = {
  missing_key: [401, "No API key", "Send a key as `Authorization: Bearer ev_live_…` or as `X-API-Key`."],
  malformed_key: [401, "Malformed API key", "The text is not a key: characters were lost or changed on the way."],
  unknown_key: [401, "Unknown API key", "No key like this exists. Keys are shown once, when they are made."],
  revoked_key: [401, "Revoked API key", "The key was revoked. Use another one of the account."],
  expired_key: [401, "Expired API key", "The key's time is over. Make a new one or rotate it before it ends."],
  account_closed: [403, "Account closed", "The account of this key was closed."],
  insufficient_scope: [403, "Not allowed with this key", "The key lacks the scope that this call needs."],
  ip_not_allowed: [403, "Not allowed from here", "The key may be used from listed addresses only."],
  join_refused: [401, "Not admitted to the fleet", "The join token is malformed, unknown, expired or used already."],
  malformed_json: [400, "Malformed JSON", "The body must be one JSON object, UTF-8."],
  malformed_upload: [
    400,
    "Malformed upload",
    "The body must be multipart/form-data with the list in the field `file`.",
  ],
  invalid_request: [422, "Invalid request", "One or more fields are not what the call expects; `errors` names each."],
  sandbox_only: [
    422,
    "Test keys check sandbox addresses only",
    "Use addresses such as mailbox-not-found@sandbox.test, or a live key.",
  ],
  list_unreadable: [
    422,
    "Unreadable list",
    "The file is not a list that can be read: CSV, plain text, JSON, NDJSON and .xlsx are, also packed with gzip.",
  ],
  no_address_column: [
    422,
    "No e-mail column",
    "No column of the file looks like e-mail addresses; name it in the field `column`.",
  ],
  list_too_large: [422, "List too large", "The list has more rows, columns or text than one job takes; split it."],
  upload_incomplete: [
    409,
    "Upload not complete",
    "Parts of the upload are missing; `missing` names the first of them.",
  ],
  upload_used: [409, "Upload used already", "A job was made of this upload; upload the list again for another one."],
  empty_list: [422, "Empty list", "The list holds no addresses."],
  invalid_rule: [422, "Invalid rule", "The rule cannot be used as it stands."],
  invalid_webhook_url: [422, "Invalid webhook URL", "Webhooks go to public http and https URLs without credentials."],
  invalid_idempotency_key: [400, "Invalid Idempotency-Key", "The header takes 1 to 255 printable ASCII characters."],
  idempotency_in_progress: [
    409,
    "The same call is being answered",
    "A call with this Idempotency-Key has not ended yet. Try again after the time in Retry-After.",
  ],
  idempotency_mismatch: [
    422,
    "Idempotency-Key used for another call",
    "The key came with another body or at another route within the last day. Use a new key.",
  ],
  wrong_state: [409, "Not possible now", "The job is in a state in which this cannot be done; `state` names it."],
  duplicate: [409, "Exists already", "The same thing exists already."],
  unsupported_media_type: [415, "Unsupported content type", "The call takes another content type."],
  body_too_large: [413, "Body too large", "The body exceeds the limit of this call."],
  not_found: [404, "Not found", "There is nothing here, or nothing that this key may see."],
  method_not_allowed: [405, "Method not allowed", "The Allow header names the methods of this address."],
  unavailable: [
    503,
    "Temporarily unavailable",
    "A part of the service is away. Try again after the time in Retry-After.",
  ],
  internal: [500, "Internal error", "A fault of ours. It was logged under the trace id."],
} as const satisfies Record<string, readonly [status: number, title: string, help: string]>;

export type ProblemSlug = keyof typeof PROBLEMS;

/** One fault of a request: `pointer` is a JSON pointer into the body (RFC 6901), `parameter` the name of a parameter. */
export type FieldFault =
  | { readonly pointer: string; readonly detail: string }
  | { readonly parameter: string; readonly detail: string };

/** An expected failure of a call, on its way to becoming a problem document. */
export type Problem = {
  readonly slug: ProblemSlug;
  /** What went wrong this time, in a sentence. */
  readonly detail?: string;
  readonly errors?: readonly FieldFault[];
  readonly headers?: Readonly<Record<string, string>>;
  /** Further members of the document. */
  readonly extra?: Readonly<Record<string, unknown>>;
};

/** The problem document as an answer. */
export function problemResponse(problem: Problem, traceId: string): Response {
  const [status, title, help] = PROBLEMS[problem.slug];
  const document = {
    type: `/problems/${problem.slug}`,
    title,
    status,
    detail: problem.detail ?? help,
    trace_id: traceId,
    ...(problem.errors === undefined ? {} : { errors: problem.errors }),
    ...problem.extra,
  };
  const headers = new Headers(problem.headers);
  headers.set("content-type", "application/problem+json");
  if (status === 401) headers.set("www-authenticate", "Bearer");
  return new Response(JSON.stringify(document), { status, headers });
}
