/**
 * Services that give a person an alias which forwards to their real mailbox: wanted mail arrives, so they are
 * not disposable. Names below these count too: alias@user.anonaddy.com. Sources: the services' own help pages.
 */
const RELAY_DOMAINS = new Set(
  `duck.com
  privaterelay.appleid.com
  mozmail.com relay.firefox.com
  simplelogin.com simplelogin.co simplelogin.io simplelogin.fr slmail.me slmails.com aleeas.com 8alias.com 8shield.net
  dralias.com silomails.com passmail.net passmail.com passinbox.com passfwd.com
  addy.io anonaddy.com anonaddy.me addymail.com mailer.me 4wrd.cc wrd.cc
  cloaked.id cloaked.com myclkd.com clkdmail.com sl.cloaked.id
  opayq.com ironvest.com blurmail.net
  mailx.net irelay.app
  erine.email
  forwardemail.net
  maskme.com
  alias.proton.me
  startmail.me
  relay.craigslist.org reply.craigslist.org sale.craigslist.org hous.craigslist.org serv.craigslist.org
  job.craigslist.org comm.craigslist.org
  guest.airbnb.com host.airbnb.com user.airbnb.com
  guest.booking.com property.booking.com
  marketplace.amazon.com marketplace.amazon.co.uk marketplace.amazon.de marketplace.amazon.fr marketplace.amazon.it
  marketplace.amazon.es marketplace.amazon.ca marketplace.amazon.co.jp
  members.ebay.com members.ebay.de members.ebay.co.uk
  proxymail.facebook.com
  users.noreply.github.com users.noreply.gitlab.com`.split(/\s+/),
);

/** Whether mail to this domain is forwarded to a person's hidden mailbox. Parents are looked up too. */
export function isPrivacyRelay(domain: string): boolean {
  if (RELAY_DOMAINS.has(domain)) return true;
  for (let dot = domain.indexOf("."); dot >= 0; dot = domain.indexOf(".", dot + 1)) {
    if (domain.indexOf(".", dot + 1) < 0) return false;
    if (RELAY_DOMAINS.has(domain.slice(dot + 1))) return true;
  }
  return false;
}
