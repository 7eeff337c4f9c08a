/** One reply, taken apart. `text` is without codes, its lines joined by a space. */
export type ParsedReply = { readonly code: number; readonly enhanced: string | null; readonly text: string };

/** RFC 5321 4.2: three digits, then a hyphen on all lines but the last. Some servers leave the blank out. */
const LINE = /^([2-5]\d\d)(?:[ :-]|$)(.*)$/;
/**
 * How logs and bounces introduce a reply: `smtp; 550 ...` (RFC 3464 2.3.6), `host said: 550 ...`, Exim's `SMTP error
 * from remote mail server after RCPT TO:<a@b>: 550 ...`, Sendmail's `<<< 550 ...`, Exchange's `returned '550 ...`.
 */
const INTRODUCTION = /(?:smtp;|said:|>:|after [\w ]{1,40}:|\]:|<<<|returned ['"]|^['"])\s*(?=#?[2-5]\d\d[ -])#?/i;
/** Cisco's gateways put their own reading first: `5.1.0 - Unknown address error 550-'5.7.1 Access denied'`. */
const SECOND_HAND = /^[245]\.\d\.\d - [^']{0,80}?\berror (?=[2-5]\d\d[ -]')/i;
/**
 * What a server says to the commands behind a refused RCPT, as logs glue it to the refusal: `503 need RCPT command`,
 * Postfix's `554 5.5.1 Error: no valid recipients`. It adds nothing and would speak of the dialogue.
 */
const AFTERMATH =
  /\s(?:503[ -](?:5\.\d\.\d )?(?:error: |valid )?(?:need )?rcpt\b|554[ -](?:5\.5\.1 )?(?:error: )?no valid recipients).*$/i;
/** RFC 2034: class, subject, detail at the head of the text; some servers put "#" or a bracket before it. */
const ENHANCED = /^[#([']{0,2}([245]\.\d{1,3}\.\d{1,3})(?![.\d])[\])']?:?\s*/;
/** The same anywhere in the text, as qmail's "(#5.1.1)": not inside an IP address. */
const EMBEDDED = /(?:^|[^\d.])([245]\.\d{1,3}\.\d{1,3})(?![.\d])/;
/** Postfix notes in its log which command a reply answered; the command's name is none of the server's words. */
const LOG_NOTE = /\(in reply to [a-z ]{1,40} command\)/gi;
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

/**
 * Reads one server reply, possibly of several lines, as kept in logs and bounces. Lenient: a reply that begins with
 * an enhanced code alone gets the plain code of its class. Null when there is no code at all.
 */
export const parseReplyText = (text: string): ParsedReply | null => {
  let code = 0;
  let enhanced: string | null = null;
  const parts: string[] = [];
  for (const raw of text.replace(SOFT_BREAK, "").split(/\r\n|\r|\n/)) {
    let line = raw.trim();
    if (code === 0) line = line.replace(SECOND_HAND, "");
    const introduction = code === 0 && !LINE.test(line) && !ENHANCED.test(line) ? INTRODUCTION.exec(line) : null;
    if (introduction !== null) line = line.slice(introduction.index + introduction[0].length);
    const head = LINE.exec(line);
    if (head !== null && (code === 0 || Number(head[1]) === code)) {
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
  if (code === 0) return null;
  const joined = parts.join(" ").replace(AFTERMATH, "").replace(LOG_NOTE, "").trimEnd();
  return { code, enhanced: enhanced ?? enhancedOf(code, joined), text: joined };
};
