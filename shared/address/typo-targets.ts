/**
 * Provider domains that people mean when they mistype, the most used first: order decides between equals.
 * Sources: domain counts of public mailing lists and market shares by country.
 */
export const TARGETS: readonly string[] =
  `gmail.com yahoo.com hotmail.com outlook.com icloud.com aol.com live.com msn.com googlemail.com ymail.com
  comcast.net mail.com me.com mac.com proton.me protonmail.com gmx.de web.de gmx.net gmx.com gmx.at gmx.ch
  yahoo.co.uk yahoo.co.in yahoo.fr yahoo.de yahoo.it yahoo.es yahoo.ca yahoo.in yahoo.com.br yahoo.com.mx
  yahoo.com.ar yahoo.com.au yahoo.co.id yahoo.co.jp yahoo.com.ph yahoo.com.sg yahoo.com.hk yahoo.com.tw yahoo.com.vn
  hotmail.co.uk hotmail.fr hotmail.de hotmail.it hotmail.es hotmail.nl hotmail.be hotmail.ca hotmail.com.br
  hotmail.com.ar hotmail.com.tr hotmail.se hotmail.no hotmail.ch hotmail.gr hotmail.co.jp hotmail.co.th
  outlook.fr outlook.de outlook.es outlook.it outlook.in outlook.com.br outlook.com.au outlook.pt outlook.be
  live.co.uk live.fr live.nl live.de live.it live.ca live.com.au live.be live.se live.no live.dk live.com.mx live.cn
  mail.ru yandex.ru yandex.com bk.ru list.ru inbox.ru ya.ru rambler.ru ukr.net
  qq.com foxmail.com 163.com 126.com sina.com sohu.com yeah.net aliyun.com 139.com naver.com daum.net hanmail.net nate.com
  orange.fr wanadoo.fr free.fr sfr.fr laposte.net neuf.fr bbox.fr
  libero.it virgilio.it tiscali.it alice.it tin.it
  t-online.de freenet.de arcor.de online.de posteo.de mailbox.org email.de
  uol.com.br bol.com.br terra.com.br ig.com.br globo.com
  wp.pl o2.pl onet.pl interia.pl op.pl seznam.cz centrum.cz email.cz abv.bg
  att.net sbcglobal.net bellsouth.net verizon.net cox.net charter.net earthlink.net juno.com optonline.net rocketmail.com
  windstream.net frontier.com centurylink.net roadrunner.com aim.com shaw.ca rogers.com sympatico.ca bell.net telus.net videotron.ca
  btinternet.com virginmedia.com sky.com talktalk.net ntlworld.com blueyonder.co.uk
  bigpond.com bigpond.net.au optusnet.com.au xtra.co.nz
  rediffmail.com zoho.com fastmail.com fastmail.fm hushmail.com tutanota.com tuta.com inbox.com inbox.lv
  ziggo.nl kpnmail.nl planet.nl telenet.be skynet.be bluewin.ch telia.com online.no walla.com walla.co.il
  docomo.ne.jp ezweb.ne.jp softbank.ne.jp email.com usa.com`.split(/\s+/);

/** Names that belong to one provider under whatever top-level domain: another one behind them is a slip. */
export const BRANDS: ReadonlySet<string> = new Set(
  `gmail googlemail hotmail yahoo outlook icloud protonmail rocketmail ymail rediffmail hushmail tutanota
  sbcglobal bellsouth btinternet virginmedia`.split(/\s+/),
);

/**
 * Top-level domains that exist and lie a slip away from those above: what stands before them may be anybody's.
 * Left out are `cm`, `co` and `om`, which are slips in `com` far more often than they are meant.
 */
export const REAL_TLDS: ReadonlySet<string> = new Set(
  `ac ad ae af ag ai al am ao aq ar as at au aw ax az ba bb bd be bf bg bh bi bj bm bn bo br bs bt bw by bz ca
    cc cd cf cg ch ci ck cl cn cr cu cv cw cx cy cz de dj dk dm do dz ec ee eg er es et eu fi fj fk fm fo fr ga
    gd ge gf gg gh gi gl gm gn gp gq gr gs gt gu gw gy hk hm hn hr ht hu id ie il im in io iq ir is it je jm jo
    jp ke kg kh ki km kn kp kr kw ky kz la lb lc li lk lr ls lt lu lv ly ma mc md me mg mh mk ml mm mn mo mp mq
    mr ms mt mu mv mw mx my mz na nc ne nf ng ni nl no np nr nu nz pa pe pf pg ph pk pl pm pn pr ps pt pw py qa
    re ro rs ru rw sa sb sc sd se sg sh si sk sl sm sn so sr ss st su sv sx sy sz tc td tf tg th tj tk tl tm tn
    to tr tt tv tw tz ua ug uk us uy uz va vc ve vg vi vn vu wf ws ye yt za zm zw
    com net org edu gov mil int info biz name pro cam bet vet ong onl ooo cab ceo dev app new now one rio tel cat jobs
    mobi asia aero coop post arpa top vip xyz kim ink red pet win fun run fit men cfd sbs icu bio eco art`.split(/\s+/),
);

/** Slips in a top-level domain that no such domain is: right behind any name. */
export const TLD_SLIPS: ReadonlyMap<string, string> = new Map(
  Object.entries({
    com: "con cmo ocm comm coom ccom vom xom cim cpm ckm clm c0m cok cpom copm coml comn conm cvom xcom vcom coim ocom comk",
    net: "nte ent nett neet nnet ney nrt nwt mey ner",
    org: "ogr rog orgg orrg oorg prg irg orh orf 0rg",
    edu: "eud deu eduu edi ediu",
  }).flatMap(([right, slips]) => slips.split(" ").map((slip) => [slip, right] as const)),
);
