import type { Page } from "../serve.ts";

/** Who runs a probe, for the page that explains it. */
export type Operator = {
  /** Name of the person or company. */
  readonly name: string;
  /** Mail address or URL to complain to. */
  readonly abuseContact: string;
  /** HELO names of this host. */
  readonly names: readonly string[];
};

/**
 * The page that every probe shows to whoever looks up its address (MAIL.md 7, E1): purpose, operator, opt-out, abuse
 * contact. Plain HTML that reads without anything else.
 */
export function identityPage(operator: Operator): Page {
  const contact = /^https?:/.test(operator.abuseContact) ? operator.abuseContact : `mailto:${operator.abuseContact}`;
  const name = htmlText(operator.name);
  const body = `<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>${htmlText(operator.names[0] ?? "A mail address verifier")}</title>
<style>body{font:1rem/1.5 system-ui,sans-serif;max-width:42rem;margin:3rem auto;padding:0 1rem}code{background:#eee;padding:.1em .3em}</style>
<h1>${htmlText(operator.names.join(", "))}</h1>
<p>This host belongs to a mail address verifier that ${name} operates.</p>
<h2>What it does</h2>
<p>For people who are about to write to an address, it asks the address's mail server whether it would take mail for it:
EHLO, MAIL FROM, RCPT TO, then QUIT. It never sends a message: DATA is not part of what it can say. It holds to pauses
between questions, remembers answers, and stops asking where it is told to.</p>
<h2>How to opt out</h2>
<p>Publish a DNS record for your domain, and addresses of that domain are asked no more, by any of our hosts, within an
hour:</p>
<p><code>_mailsonar.example.com. TXT "probe=no"</code></p>
<p>A mail from your postmaster address to the contact below does the same.</p>
<h2>Abuse</h2>
<p>Please write to <a href="${htmlText(contact)}">${htmlText(operator.abuseContact)}</a>, with the time (UTC) and the address
that connected. Somebody reads it.</p>
</html>
`;
  return { status: 200, type: "text/html; charset=utf-8", body };
}

const htmlText = (text: string): string =>
  text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;").replaceAll('"', "&quot;");
