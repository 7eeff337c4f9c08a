/**
 * Free and consumer mail providers by name, with the domains on which they give mailboxes to the public.
 * Sources: each provider's own sign-up or help pages. Names are the keys of provider tables elsewhere.
 */
const DOMAINS_BY_PROVIDER = {
  gmail: "gmail.com googlemail.com",
  outlook: `outlook.com hotmail.com live.com msn.com passport.com windowslive.com
    outlook.at outlook.be outlook.bg outlook.cl outlook.co.id outlook.co.il outlook.co.nz
    outlook.co.th outlook.com.ar outlook.com.au outlook.com.br outlook.com.es outlook.com.gr outlook.com.hr
    outlook.com.pe outlook.com.tr outlook.com.vn outlook.cz outlook.de outlook.dk outlook.ec outlook.es outlook.fr
    outlook.hu outlook.ie outlook.in outlook.it outlook.jp outlook.kr outlook.lv outlook.my outlook.ph outlook.pt
    outlook.sa outlook.sg outlook.sk
    hotmail.be hotmail.bg hotmail.ca hotmail.ch hotmail.cl hotmail.co.id hotmail.co.il hotmail.co.in
    hotmail.co.jp hotmail.co.kr hotmail.co.nz hotmail.co.th hotmail.co.uk hotmail.co.ve hotmail.co.za
    hotmail.com.ar hotmail.com.au hotmail.com.bo hotmail.com.br hotmail.com.hk hotmail.com.mx hotmail.com.my
    hotmail.com.ph hotmail.com.sg hotmail.com.tr hotmail.com.tw hotmail.com.ve hotmail.com.vn hotmail.cz hotmail.de
    hotmail.dk hotmail.es hotmail.fi hotmail.fr hotmail.gr hotmail.hu hotmail.it hotmail.jp hotmail.kz hotmail.lt
    hotmail.lu hotmail.lv hotmail.my hotmail.nl hotmail.no hotmail.ph hotmail.rs hotmail.ru hotmail.se hotmail.sg
    hotmail.sk
    live.at live.be live.ca live.cl live.cn live.co.in live.co.kr live.co.uk live.co.za live.com.ar
    live.com.au live.com.br live.com.co live.com.mx live.com.my live.com.pe live.com.ph live.com.pk live.com.pt
    live.com.sg live.com.ve live.cz live.de live.dk live.fi live.fr live.hk live.hu live.ie live.in live.it live.jp
    live.lu live.nl live.no live.ph live.pt live.ru live.se live.unam.mx livemail.tw webtv.com webtv.net msn.co.jp`,
  yahoo: `yahoo.com ymail.com rocketmail.com myyahoo.com y7mail.com yahoo.ae yahoo.at yahoo.be yahoo.bg yahoo.ca
    yahoo.ch yahoo.cl yahoo.cn yahoo.co.id yahoo.co.il yahoo.co.in yahoo.co.kr yahoo.co.nz
    yahoo.co.th yahoo.co.uk yahoo.co.za yahoo.com.ar yahoo.com.au yahoo.com.br yahoo.com.cn yahoo.com.co
    yahoo.com.hk yahoo.com.hr yahoo.com.kr yahoo.com.mx yahoo.com.my yahoo.com.pe yahoo.com.ph yahoo.com.sg
    yahoo.com.tr yahoo.com.tw yahoo.com.ua yahoo.com.ve yahoo.com.vn yahoo.cz yahoo.de yahoo.dk yahoo.ee yahoo.es
    yahoo.fi yahoo.fr yahoo.gr yahoo.hu yahoo.ie yahoo.in yahoo.it yahoo.lt yahoo.lv yahoo.nl yahoo.no yahoo.pl
    yahoo.pt yahoo.ro yahoo.rs yahoo.ru yahoo.se yahoo.sk yahoo.ua yahoo.vn yahoomail.com kimo.com geocities.com`,
  bt: "btinternet.com btopenworld.com talk21.com",
  sky: "sky.com",
  rogers: "rogers.com",
  "xtra.co.nz": "xtra.co.nz",
  "yahoo-japan": "yahoo.co.jp ybb.ne.jp",
  aol: `aol.com aim.com love.com ygm.com games.com wow.com netscape.net netscape.com cs.com compuserve.com
    aol.co.uk aol.de aol.fr aol.it aol.es aol.se aol.nl aol.be aol.at aol.ch aol.cl aol.in aol.jp aol.ru aol.fi aol.dk
    aol.cz aol.hk aol.kr aol.pl aol.tw aol.com.ar aol.com.au aol.com.br aol.com.co aol.com.mx aol.com.tr aol.com.ve
    aol.co.nz luckymail.com`,
  verizon: "verizon.net",
  att: `att.net sbcglobal.net bellsouth.net pacbell.net ameritech.net swbell.net flash.net nvbell.net prodigy.net
    snet.net wans.net currently.com worldnet.att.net`,
  icloud: "icloud.com me.com mac.com",
  proton: "proton.me protonmail.com protonmail.ch pm.me",
  tuta: "tuta.com tuta.io tutanota.com tutanota.de tutamail.com keemail.me",
  fastmail: `fastmail.com fastmail.fm fastmail.cn fastmail.co.uk fastmail.com.au fastmail.de fastmail.es fastmail.fr
    fastmail.im fastmail.in fastmail.jp fastmail.mx fastmail.net fastmail.nl fastmail.org fastmail.se fastmail.to
    fastmail.tw fastmail.uk fastmail.us fastmailbox.net sent.com sent.as sent.at 123mail.org 150mail.com 150ml.com
    16mail.com 2-mail.com 4email.net 50mail.com airpost.net allmail.net bestmail.us cluemail.com elitemail.org
    emailcorner.net emailengine.net emailengine.org emailgroups.net emailplus.org emailuser.net eml.cc f-m.fm
    fast-email.com fast-mail.org fastem.com fastemail.us fastemailer.com fastest.cc fastimap.com fastmessaging.com
    fea.st fmail.co.uk fmailbox.com fmgirl.com fmguy.com ftml.net h-mail.us hailmail.net imap-mail.com imap.cc
    imapmail.org inoutbox.com internet-e-mail.com internet-mail.org internetemails.net internetmailing.net
    jetemail.net justemail.net letterboxes.org mail-central.com mail-page.com mailandftp.com mailas.com mailbolt.com
    mailc.net mailcan.com mailforce.net mailftp.com mailhaven.com mailingaddress.org mailite.com mailmight.com
    mailnew.com mailsent.net mailservice.ms mailup.net mailworks.org ml1.net mm.st myfastmail.com mymacmail.com
    nospammail.net ownmail.net petml.com postinbox.com postpro.net proinbox.com promessage.com realemail.net
    reallyfast.biz reallyfast.info rushpost.com ssl-mail.com swift-mail.com the-fastest.net the-quickest.com
    theinternetemail.com veryfast.biz veryspeedy.net warpmail.net xsmail.com yepmail.net your-mail.com`,
  "mail.com": `mail.com email.com usa.com myself.com consultant.com post.com europe.com asia.com iname.com writeme.com
    dr.com engineer.com cheerful.com accountant.com activist.com adexec.com africamail.com aircraftmail.com
    allergist.com alumni.com alumnidirector.com angelic.com appraiser.net archaeologist.com arcticmail.com artlover.com
    asia-mail.com atheist.com auctioneer.net australiamail.com bartender.net bellair.net berlin.com bikerider.com
    birdlover.com blader.com boardermail.com brazilmail.com brew-master.com brew-meister.com bsdmail.com
    californiamail.com cash4u.com catlover.com chef.net chemist.com chinamail.com clerk.com clubmember.org collector.org
    columnist.com comic.com computer4u.com contractor.net coolsite.net counsellor.com cutey.com cyber-wizard.com
    cyberdude.com cybergal.com cyberservices.com dallasmail.com dbzmail.com deliveryman.com diplomats.com disciples.com
    discofan.com disposable.com doctor.com doglover.com doramail.com dublin.com dutchmail.com elvisfan.com englandmail.com
    europemail.com execs.com fastservice.com financier.com fireman.net galaxyhit.com gardener.com geologist.com
    germanymail.com graduate.org graphic-designer.com greenmail.net groupmail.com hackermail.com hairdresser.net
    hilarious.com hiphopfan.com homemail.com hot-shot.com housemail.com humanoid.net innocent.com inorbit.com
    instruction.com instructor.net insurer.com irelandmail.com israelmail.com italymail.com japan.com job4u.com
    journalist.com keromail.com kissfans.com kittymail.com koreamail.com lawyer.com legislator.com linuxmail.org
    lobbyist.com london.com lovecat.com madonnafan.com madrid.com mad.scientist.com mail-me.com mail.org marchmail.com
    metalfan.com mexicomail.com minister.com moscowmail.com munich.com musician.org muslim.com mylawyer.net net-shopping.com
    ninfan.com nonpartisan.com null.net nycmail.com optician.com orthodontist.net pacific-ocean.com pacificwest.com
    pediatrician.com petlover.com photographer.net physicist.net planetmail.com planetmail.net polandmail.com
    politician.com presidency.com priest.com programmer.net protestant.com publicist.com qualityservice.com
    radiologist.net rapstar.com ravemail.com realtyagent.com reborn.com reggaefan.com registerednurses.com reincarnate.com
    religious.com repairman.com representative.com rescueteam.com revenue.com rocketship.com rockfan.com rome.com
    royal.net safrica.com saintly.com salesperson.net samerica.com sanfranmail.com scientist.com scotlandmail.com
    secretary.net snakebite.com socialworker.net sociologist.com solution4u.com songwriter.net spainmail.com surgical.net
    swedenmail.com swissmail.com teachers.org tech-center.com techie.com technologist.com theplate.com therapist.net
    toke.com tokyo.com toothfairy.com torontomail.com tvstar.com umpire.com uymail.com webname.com workmail.com
    worker.com inbox.ru.com acdcfan.com caress.com hotdak.com leonardo.it 2trom.com realtyalerts.ca zwallet.com
    theaircraft.com hotbrev.com yours.com nightly.com songwriters.net`,
  gmx: `gmx.net gmx.de gmx.at gmx.ch gmx.com gmx.co.uk gmx.us gmx.fr gmx.es gmx.it gmx.eu gmx.biz gmx.org gmx.info gmx.li
    gmx.ca gmx.cn gmx.co.in gmx.com.br gmx.com.my gmx.com.tr gmx.hk gmx.ie gmx.lu gmx.ph gmx.pt gmx.ru gmx.se gmx.sg
    gmx.tm gmx.tw caramail.com caramail.fr`,
  "web.de": "web.de email.de",
  "t-online": "t-online.de magenta.de",
  "freenet.de": "freenet.de",
  "mailbox.org": "mailbox.org secure.mailbox.org",
  posteo: "posteo.de posteo.net posteo.at posteo.eu posteo.org",
  zoho: "zoho.com zohomail.com zohomail.eu zohomail.in zoho.eu zoho.in",
  yandex:
    "yandex.ru yandex.com yandex.ua yandex.by yandex.kz yandex.com.tr yandex.uz yandex.fr yandex.az yandex.com.am ya.ru narod.ru",
  "mail.ru": "mail.ru inbox.ru list.ru bk.ru internet.ru xmail.ru mail.ua",
  rambler: "rambler.ru lenta.ru autorambler.ru myrambler.ru ro.ru rambler.ua",
  qq: "qq.com vip.qq.com foxmail.com",
  netease: "163.com 126.com yeah.net 188.com vip.163.com vip.126.com netease.com",
  sina: "sina.com sina.cn vip.sina.com sina.com.cn 2008.sina.com 51uc.com",
  sohu: "sohu.com vip.sohu.com sogou.com chinaren.com",
  "china-telecom": "189.cn 21cn.com 21cn.net",
  "china-mobile": "139.com",
  aliyun: "aliyun.com",
  naver: "naver.com",
  daum: "daum.net hanmail.net kakao.com",
  nate: "nate.com empas.com lycos.co.kr",
  seznam: "seznam.cz email.cz post.cz spoluzaci.cz stream.cz firmy.cz sreality.cz",
  centrum: "centrum.cz centrum.sk atlas.cz volny.cz azet.sk zoznam.sk pobox.sk post.sk",
  onet: "onet.pl onet.eu op.pl poczta.onet.pl vp.pl onet.com.pl autograf.pl buziaczek.pl spoko.pl vip.onet.pl amorki.pl",
  wp: "wp.pl wp.eu o2.pl tlen.pl go2.pl",
  interia: "interia.pl interia.eu interia.com poczta.fm intmail.pl gazeta.pl",
  orange: "orange.fr wanadoo.fr voila.fr",
  "free.fr": "free.fr aliceadsl.fr libertysurf.fr",
  laposte: "laposte.net",
  sfr: "sfr.fr neuf.fr cegetel.net club-internet.fr numericable.fr 9online.fr",
  libero: "libero.it iol.it inwind.it blu.it giallo.it",
  virgilio: "virgilio.it alice.it tin.it tim.it",
  tiscali: "tiscali.it tiscali.co.uk tiscalinet.it",
  rediff: "rediffmail.com rediff.com",
  inbox: "inbox.com inbox.lv inbox.lt inbox.eu",
  hushmail: "hushmail.com hush.com hush.ai hushmail.me mac.hush.com",
  comcast: "comcast.net",
  charter: "charter.net roadrunner.com rr.com twc.com brighthouse.com",
  cox: "cox.net",
  telus: "telus.net",
  uol: "uol.com.br bol.com.br",
  terra: "terra.com.br terra.com terra.es terra.com.ar terra.com.mx terra.com.co terra.com.pe terra.cl",
  ukrnet: "ukr.net i.ua email.ua meta.ua bigmir.net",
} as const;

/** A consumer provider's name. */
export type ConsumerProvider = keyof typeof DOMAINS_BY_PROVIDER;

const entries = Object.entries(DOMAINS_BY_PROVIDER) as [ConsumerProvider, string][];

const PROVIDER_BY_DOMAIN: ReadonlyMap<string, ConsumerProvider> = new Map(
  entries.flatMap(([provider, domains]) => domains.split(/\s+/).map((domain) => [domain, provider] as const)),
);

/** The consumer provider that gives mailboxes on exactly this domain, or null. */
export const providerOfDomain = (domain: string): ConsumerProvider | null => PROVIDER_BY_DOMAIN.get(domain) ?? null;

/** All domains in the table. */
export const consumerDomains = (): Iterable<string> => PROVIDER_BY_DOMAIN.keys();
