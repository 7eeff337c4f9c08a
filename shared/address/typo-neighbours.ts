/** Splits a text of names. */
const names = (text: string): ReadonlySet<string> => new Set(text.split(/\s+/));

/**
 * Real domains a slip away from a popular one, none of them a mistake: found by asking for suggestions for the
 * hundred thousand most visited sites, forty thousand universities and the lists of free providers, then reviewed.
 */
export const REAL_NEIGHBOURS = names(
  `usaa.com amc.com yahoo.net yahooinc.com fronter.com frontiers.com q.com yamli.com outlook.cn zoo.com ibox.com
  irccloud.com pcloud.com qcloud.com jcloud.com hicloud.com cloud.com mycloud.com idcloud.com iclouds.com
  virginmedia.ie virginmedia.co.uk coxmail.com bellsouth.com htmail.es intevia.pl yado.com mail.de e-mail.de email.ru
  e-mail.ru email.org mailo.com mymail.com hitmail.com liberto.it relia.com soho.com moho.com name.com mate.com date.com
  gate.com late.com rate.com fate.com hate.com note.com life.com five.com give.com lives.com alive.com olive.com
  love.com lite.com line.com link.com lime.com mlive.com ulive.com main.com maid.com mall.com nail.com jail.com
  sail.com rail.com hail.com bail.com tail.com mails.com maily.com amail.com cmail.com dmail.com emails.com gmale.com
  hmail.com jmail.com kmail.com nmail.com omail.com pmail.com qmail.com smail.com tmail.com umail.com vmail.com
  wmail.com xmail.com zmail.com imail.com mmail.com mailx.com email.it email.fr email.co.uk email.com.br
  art.net cos.net fox.net ski.com skyy.com sly.com tuba.com tutu.com tutor.com sita.com siva.com sine.com signa.com
  june.com uno.com juniper.com never.com raver.com saver.com waver.com navar.com gaver.com aver.com
  globe.com globos.com gloo.com glob.com inox.com index.com infobox.com planets.nl plant.nl planeten.nl inline.de onlines.de
  tree.fr frere.fr freee.fr grange.fr oranges.fr roger.com rodgers.com bells.net bella.net ball.net belle.net
  shawn.ca show.ca rogerss.com chatter.net charters.net charger.net center.cz alices.it aline.it alive.it
  tim.it inter.it interior.pl wallace.com wall.com wala.com walls.com ballad.com telie.com celia.com delia.com
  libera.it liber.it fastmail.de fastmails.com foxmails.com boxmail.com verizon.com comcast.com earthlink.com
  charter.com att.com cox.com sbc.com talktalk.com talktalk.co.uk sky.de sky.it bt.com orange.com free.com free.de
  live.net msn.net mac.net outlook.live.com proton.ch protonvpn.com proton.com gmx.me zoho.eu zohocorp.com
  yandex.net yandex-team.ru mailru.com corp.mail.ru list.com inbox.eu tutamail.com tuta.io
  naver.net nate.net daum.com hanmail.com sina.net sohu.net qq.net
  mail.ee mail.bg mail.kz mail.by mail.ua mail.pt mail.dk mail.ch mail.org mail.ee mail.tm mail.gov.in
  msdn.com men.com man.com mdn.com msm.com msb.com apl.com aop.com all.com ail.com aok.com aoi.com
  gmc.com gmc.de gmc.net gmc.at gmc.ch gms.com gms.de gms.net gms.at gms.ch gmd.com gmd.de gmd.net gmd.at gmd.ch
  weg.de wen.de wsb.de wdb.de wrb.de webs.de art.net aft.net agt.net cix.net cos.net coc.net cod.net clx.net
  onet.com online.com seznam.com centrum.com interia.com`,
);

/**
 * Mistyped provider domains that somebody holds and that take mail: each is on public lists of throw-away domains.
 */
export const TYPOSQUATS = names(
  `gamil.com gmial.com gmai.com gmal.com gmali.com gmaill.com gmil.com gnail.com gmail.co gmail.cm gmaul.com gmaik.com
  gmaio.com gmaip.com gamail.com gemail.com ggmail.com gimail.com gmaail.com gmaeil.com gmaiil.com gmails.com gmasil.com
  gmeail.com gmkail.com gmmail.com gmsail.com gmwail.com gmxail.com gnmail.com gsmail.com gtmail.com igmail.com
  lgmail.com ogmail.com tgmail.com ugmail.com xgmail.com agmail.com egmail.com g0mail.com gmaol.com gmakil.com g-mail.com
  gmailc.om goiglemail.com goolemail.com
  hotmial.com hotmal.com hotmai.com hotmail.cm hotmaill.com hotmali.com hotmil.com hotamil.com hotemail.com hotmails.com
  hotail.com homail.com otmail.com htmail.com hotimail.com hotmiail.co.uk hotmial.co.uk hotmil.co.uk hotmaio.co.uk
  hotmaol.co.uk hotmaail.co.uk hotmaiil.com hotmaim.co.uk hotmqil.co.uk hotnail.co.uk hootmail.co.uk hoptmail.co.uk
  hoatmail.co.uk hoymail.co.uk homtail.de hotmil.de hotail.de hotail.it hotmaik.it hotmai.fr hotmai.ca hotmil.ca
  homtail.ca hormail.ca hhotmail.de hotmaip.de hortmail.de htomail.it homail.it homail.co.uk hpotmail.com
  yaho.com yahooo.com yahoo.cm yaho.co.uk yahaoo.co.uk yagoo.co.uk yayoo.co.uk yahop.co.uk ahoo.co.uk ahoo.ca yhaoo.co.uk
  yahoon.com yahooz.com yahyoo.com yaihoo.com yahboo.com yahlo.com yaaoho.com yhoo.in yaho.co.in yahio.co.in yaoo.fr
  yahooe.de yahoox.de yajoo.de yagoo.it yhoo.it yaohoo.com
  outlok.com oulook.com outloo.com outllok.com outlokk.com outlolk.com ooutlook.com outrlook.com outtlook.com putlook.com
  ouylook.com oultlook.com oputlook.com outliook.com outlookl.com otlook.de otlook.es ouylook.es outllok.es outlok.it
  outook.fr outloook.be outloo.be outloo.com.br houtlook.com zoutlook.com doutlook.com
  iclloud.com iclod.com iclodu.com icloid.com iclound.com iclouud.com icluoud.com icoloud.com icolud.com icooud.com
  ilcloud.com ilcoud.com ixloud.com iclkud.com iclolud.com iclpud.com icloued.com i-cloud.com
  aoll.com aol.cm mssn.com
  protonmil.com protonmaill.com protonemail.com protonamail.com prontonmail.com prothonmail.com profonmail.com
  protnonmail.com hprotonmail.com`,
);
