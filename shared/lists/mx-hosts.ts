/**
 * Mail hosts shared by many disposable domains: a second net for domains that no list knows yet.
 * Each stands for itself and all names below it. Seen in the MX records of listed domains, or named by the service.
 */
const DISPOSABLE_HOSTS = new Set(
  `mailinator.com mail.mailinator.com mail2.mailinator.com
  guerrillamail.com mail.guerrillamail.com sharklasers.com
  yopmail.com mx.yopmail.com mx.yopmail.net smtp.yopmail.com
  10minutemail.com mail.10minutemail.com
  temp-mail.org mx.temp-mail.org tempmail.io mx.tempmail.io temp-mail.io
  mail.tm mx.mail.tm mail.gw in.mail.tm in.mail.gw
  1secmail.com mx.1secmail.com mx.1secmail.net
  mailnesia.com mail.mailnesia.com
  maildrop.cc mx.maildrop.cc
  trashmail.com mx.trashmail.com trash-mail.com wegwerfemail.de mail.wegwerfemail.de byom.de mail.byom.de
  dropmail.me mx.dropmail.me
  getnada.com mx.getnada.com inboxes.com mail.inboxes.com
  emailfake.com generator.email mail.generator.email mx.generator.email
  mohmal.com mail.mohmal.com
  moakt.com mx.moakt.com mail.moakt.com
  fakemail.net fakemailgenerator.com mail.fakemailgenerator.com
  throwawaymail.com mx.throwawaymail.com
  tempr.email mx.tempr.email discard.email mx.discard.email
  mytemp.email mx.mytemp.email
  spamgourmet.com gourmet7.spamgourmet.com
  mailcatch.com mx.mailcatch.com
  mintemail.com incognitomail.org
  erinn.biz emltmp.com
  mail-temp.com mx.mail-temp.com tempm.com
  tempmail.plus mx.tempmail.plus mail.tempmail.plus
  tempmailo.com mail.tempmailo.com
  disposable.email mx.disposable.email
  burnermail.io mx.burnermail.io
  anonbox.net mail.anonbox.net
  inboxkitten.com mail.inboxkitten.com
  tempinbox.com mail.tempinbox.com
  muellmail.com mx.muellmail.com
  mailsac.com mx.mailsac.com
  33mail.com mx.33mail.com`.split(/\s+/),
);

/**
 * Mail hosts and name servers of parking operators: the domain belongs to someone who does not use it.
 * Sources: the operators' own set-up pages. Names below them count too.
 */
const PARKING_HOSTS = new Set(
  `sedoparking.com parkingcrew.net bodis.com above.com abovedomains.com parklogic.com dan.com undeveloped.com
  afternic.com parkpage.foundationapi.com uniregistrymarket.link uniregistry.net voodoo.com smartname.com
  domaincontrol-parking.com cashparking.com dsredirection.com fabulous.com trafficz.com namedrive.com
  parkingspa.com hugedomains.com buydomains.com rookdns.com internettraffic.com fastpark.net
  mx.nickstel.com h-email.net park-mx.above.com mail.h-email.net nullmx.domainmanager.com
  parked.com domainparking.ru parking.reg.ru expired.reg.ru park.nic.ru namebrightdns.com namefind.com
  dnsowl.com nsone-parking.net torresdns.com ztomy.com sav.com mytrafficmanagement.com`.split(/\s+/),
);

/** Parking operators that are known by their name servers alone. */
const PARKING_NAME_SERVERS = new Set("eftydns.com brandbucket.com giantpanda.com skenzo.com rookmedia.net".split(" "));

/** Name servers that a registrar gives to every customer: those who use their domain have them as well. */
const REGISTRAR_NAME_SERVERS = new Set("dnsowl.com namebrightdns.com uniregistry.net sav.com".split(" "));

/** Whether an MX host belongs to a disposable mail service. Any case, a final dot allowed. */
export const isDisposableMxHost = (host: string): boolean => hostOrParent(DISPOSABLE_HOSTS, host);

/** Whether an MX host belongs to a parking operator. Any case, a final dot allowed. */
export const isParkingHost = (host: string): boolean => hostOrParent(PARKING_HOSTS, host);

/** Whether a name server belongs to a parking operator, and to nothing else. Any case, a final dot allowed. */
export const isParkingNameServer = (host: string): boolean =>
  (hostOrParent(PARKING_HOSTS, host) || hostOrParent(PARKING_NAME_SERVERS, host)) &&
  !hostOrParent(REGISTRAR_NAME_SERVERS, host);

function hostOrParent(hosts: ReadonlySet<string>, host: string): boolean {
  let name = host.toLowerCase();
  if (name.endsWith(".")) name = name.slice(0, -1);
  while (name !== "") {
    if (hosts.has(name)) return true;
    const dot = name.indexOf(".");
    name = dot < 0 ? "" : name.slice(dot + 1);
  }
  return false;
}
