/** One reply, taken apart. `text` is without codes, its lines joined by a space. */
export type ParsedReply = { readonly code: number; readonly enhanced: string | null; readonly text: string };

/** RFC 5321 4.2: three digits, then a hyphen on all lines but the last. Some servers leave the blank out. */
const LINE = /^([2-5]\d\d)(?:[ :_-]|$)(.*)$/;
/** Line ends, also as Exim writes them into its log: a backslash and an n. */
const LINE_END = /\r\n|\r|\n|\\n(?=[2-5]\d\d[ -])/;
/**
 * What stands before the reply in logs and bounces: `smtp; 550 ...` (RFC 3464 2.3.6), `host said: 550 ...`, Exim's
 * `SMTP error from remote mail server after RCPT TO:<a@b>: host ...: 550 ...`, Sendmail's `<<< 550 ...`, Exchange's
 * `returned '550 ...`, Courier's `error (554): ...`. The first one counts: what that server quotes of others is its own
 * reply's text.
 */
const INTRODUCTION = /(?:[:;>'"([]|<<<|^|\bwas)\s*(?=#?[45][0-5]\d(?:[ -](?:[45]\.\d|[45]\d\d[ -]|[^\d\s])|\)))#?/i;
/** Cisco's gateways put their own reading first: `5.1.0 - Unknown address error 550-'5.7.1 Access denied'`. */
const SECOND_HAND = /^[245]\.\d\.\d - [^']{0,80}?\berror (?=[2-5]\d\d[ -]')/i;
/**
 * What a server says to the commands behind a refused RCPT, as logs glue it to the refusal: `503 need RCPT command`,
 * Postfix's `554 5.5.1 Error: no valid recipients`. It adds nothing and would speak of the dialogue.
 */
const AFTERMATH =
  /\s(?:503[ -](?:5\.\d\.\d )?(?:error: |valid )?(?:need )?rcpt\b|554[ -](?:5\.5\.1 )?(?:error: )?no valid recipients).*$/i;
/** The same in the middle of a line, when the log kept the replies of a whole transaction in another order. */
const NEED_RCPT = /\b503[ -](?:5\.\d\.\d )?(?:error: |valid )?need rcpt\b/i;
/** A refusal further in on such a line. */
const REFUSAL_WITHIN = /\s(?=55[0-4][ -](?:5\.\d|[a-z<]))/i;
/** RFC 2034: class, subject, detail at the head of the text; some servers put "#" or a bracket before it. */
const ENHANCED = /^[#([']{0,2}([245]\.\d{1,3}\.\d{1,3})(?![.\d])[\])']?:?\s*/;
/** The same anywhere in the text, as qmail's "(#5.1.1)": not inside an IP address. */
const EMBEDDED = /(?:^|[^\d.])([245]\.\d{1,3}\.\d{1,3})(?![.\d])/;
/** Between brackets, where no plain code was kept at all: `User unknown (#5.1.1)`. */
const BRACKETED = /[([]#?([45]\.[0-7]\.\d{1,3})[\])]/;
/** Postfix notes in its log which command a reply answered; the command's name is none of the server's words. */
const LOG_NOTE = /\(in reply to ([a-z ]{1,40}) command\)/gi;
/** A soft line break of quoted-printable (RFC 2045 6.7), where a bounce was stored undecoded. */
const SOFT_BREAK = /=\r?\n(?![2-5]\d\d[ -])/g;

const DEFAULT_CODE: Readonly<Record<string, number>> = { "2": 250, "4": 450, "5": 550 };

/**
 * The enhanced status code (RFC 3463) that belongs to a reply code: at the head of the text or, failing that, the
 * first inside it. One whose class contradicts the code is not trusted: null.
 */
export const enhancedOf = (code: number, text: string): string | null => {
  const found = ENHANCED.exec(text) ?? EMBEDDED.exec(text);
  const enhanced = found?.[1];
  return enhanced !== undefined && enhanced.charCodeAt(0) - 48 === Math.floor(code / 100) ? enhanced : null;
};

/** A reply's words without the enhanced code at their head. */
export const withoutStatus = (text: string): string => text.replace(ENHANCED, "");

/**
 * The refusal of the recipient on a line that also keeps the answers to other commands, told by a `503 need RCPT`
 * among them; other lines stay as they are.
 */
const ofTransaction = (text: string): string => {
  const found = NEED_RCPT.exec(text);
  if (found === null) return text;
  const before = text.slice(0, found.index);
  // A lasting refusal stands for itself; behind a temporary one the next host's may follow.
  if (/^\s*5\d\d/.test(before)) return text;
  const part = REFUSAL_WITHIN.test(before) ? before : text.slice(found.index);
  const refusal = REFUSAL_WITHIN.exec(part);
  return refusal === null ? text : part.slice(refusal.index + 1);
};

/** Which command a log says that a reply answered: `mail from`, `rcpt to`, `end of data`; null where it says nothing. */
export const commandNoted = (text: string): string | null => {
  const found = /\(in reply to ([a-z ]{1,40}) command\)/i.exec(text);
  return found?.[1]?.toLowerCase() ?? null;
};

/** A line without whatever a log put before the reply; unchanged when it begins with a code of its own. */
const withoutIntroduction = (raw: string): string => {
  const line = raw.trim().replace(SECOND_HAND, "");
  if (LINE.test(line) || ENHANCED.test(line)) return line;
  const introduction = INTRODUCTION.exec(line);
  if (introduction === null) return line;
  return line.slice(introduction.index + introduction[0].length).replace(/^(\d{3})\):? ?/, "$1 ");
};

/**
 * Reads one server reply, possibly of several lines, as kept in logs and bounces. Lenient: a reply that begins with
 * an enhanced code alone gets the plain code of its class. Null when there is no code at all.
 */
export const parseReplyText = (text: string): ParsedReply | null => {
  let code = 0;
  let enhanced: string | null = null;
  const parts: string[] = [];
  for (const raw of ofTransaction(text.replace(SOFT_BREAK, "")).split(LINE_END)) {
    let line = code === 0 ? withoutIntroduction(raw) : raw.trim();
    const head = LINE.exec(line);
    if (head !== null && (code === 0 || Number(head[1]) === code)) {
      // What stood on the lines before is the log's.
      if (code === 0) parts.length = 0;
      code = Number(head[1]);
      line = (head[2] ?? "").trim();
    }
    const status = ENHANCED.exec(line);
    if (status?.[1] !== undefined) {
      const digit = status[1].charAt(0);
      if (code === 0) code = DEFAULT_CODE[digit] ?? 0;
      if (digit === String(code).charAt(0)) {
        enhanced ??= status[1];
        line = line.slice(status[0].length);
      }
    }
    if (line !== "") parts.push(line);
  }
  const joined = parts.join(" ").replace(AFTERMATH, "").replace(LOG_NOTE, "").trimEnd();
  if (code === 0) {
    enhanced = BRACKETED.exec(joined)?.[1] ?? null;
    code = DEFAULT_CODE[enhanced?.charAt(0) ?? ""] ?? 0;
  }
  return code === 0 ? null : { code, enhanced: enhanced ?? enhancedOf(code, joined), text: joined };
};
