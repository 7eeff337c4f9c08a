/**
 * Local parts that name a function, not a person: RFC 2142, and the words for the same functions in other
 * languages. Written without separators; digits at the end are ignored when looking up.
 */
const ROLES = new Set(
  [
    // RFC 2142
    "abuse dns ftp hostmaster info list marketing news noc postmaster sales security support trouble usenet uucp webmaster www",
    // English
    "noreply donotreply",
    `accounting accounts accountspayable accountsreceivable admin administration administrator admissions ads advertise
     advertising affiliate affiliates agent alerts all allstaff alumni ap api apply appointments ar assistance audit
     backoffice billing blog board booking bookings bookkeeping bounce bounces branding bursar business buyer calendar
     campaign campaigns career careers cashier catering cc ceo cert cfo chat cio ciso cmo clerk client clients clientservices
     collections comments commercial communications community company compliance concierge contact contacts contactus
     contracts coo copyright corporate cpo creative crm cs cto custserv customer customercare customerrelations customers customerservice
     customerservices customersupport cybersecurity data dataprotection delivery demo design desk dev developer developers
     development devops directors director dispatch dmarc donate donations donotreply dpo ecommerce editor editorial
     editors education email emails emergency employees employment engineering enquiries enquiry errors estimates events
     everybody everyone executive exports export facilities facturation faculty faq fax feedback finance financial
     franchise frontdesk fundraising gdpr general generalmanager giving global government grants group groups guest guests
     hello hellothere help helpdesk hi hiring home hosting hotline hr humanresources ict imports import inbound inbox
     information inquiries inquiry insurance international internship intranet investor investorrelations investors
     invoice invoices invoicing ir it itdesk ithelp itsupport job jobs kontakt lab legal leads learning letters library
     licensing listadmin listserv log logistics login logs mail mailbox mailerdaemon mailer mailing mailings mailman main
     maintenance management manager mayor md media member members membership merchandise merchant mis mobile moderator
     monitor monitoring netadmin network networking newbusiness newsdesk newsletter newsletters newsroom nobody notice
     notices notification notifications notify nurse office officemanager officers online onlinestore operations operator
     opportunities ops order orderdesk ordering orders organization outreach owner owners parents parking parts partner
     partners partnerships payables payment payments payroll pension personnel phish phishing photos photo pm podcast
     policy portal post postbox postman pr preorder presales president press pressoffice principal printer printing
     privacy privacyofficer procurement product production products professor program programs project projects
     promo promotion promotions property psirt public publications publicity publicrelations publishing purchase
     purchases purchasing qa quality quote quotes rd reader readers reception receptionist records recruiter recruiting
     recruitment redaction refunds register registrar registration registry relations remove rentals repairs replies
     reply report reporting reports request requests research reservation reservations resume resumes retail returns
     returned review reviews rma root rsvp safety sale salesteam samples scheduling school schedule secretariat secretary
     seo server service servicedesk services shareholders shipping shop shopping sitemaster social socialmedia sos
     spam speakers sponsor sponsors sponsorship staff stats statistics status store stores storage strategy student
     students submissions subscribe subscribers subscription subscriptions suggestions supervisor suppliers supply
     supportdesk supportteam survey surveys sysadmin system systems talent tax teacher teachers team tech technical
     techsupport technicalsupport technology telecom telephone temp test tester testing theteam tickets tips tours training
     trainings transport travel treasurer treasury trial undisclosed undisclosedrecipients unsubscribe update updates
     user users vacation vendor vendors video volunteer volunteering volunteers warehouse warranty web webadmin webdesign
     webdev webinfo webmail website websales webteam webshop welcome wholesale work workshop writeus`,
    // German, Dutch
    `administratie aanvraag aankoop afspraak algemein allgemein anfrage anfragen angebot anmeldung antrag auftrag
     ausbildung beratung beschwerde bestellung bestellungen bestuur betriebsrat bewerbung bewerbungen boekhouding buchhaltung
     buchung buero datenschutz einkauf empfang facturen finanzen geschaeftsfuehrung geschaeftsleitung
     hausverwaltung hilfe inkoop inkoopfacturen jugend kasse klantenservice kundenbetreuung kundendienst kundenservice
     lager leitung lohn mitglieder nieuwsbrief onderhoud personal personalabteilung planung praktikum praxis
     presse pressestelle produktion rechnung rechnungen rechnungswesen redactie redaktion reklamation reservierung
     reservierungen schulleitung secretariaat sekretariat shopservice stage technik termin termine verein verkauf verkoop
     versand vertrieb verwaltung vorstand vacature vacatures werbung zentrale`,
    // French
    `accueil achat achats administratif adherent adherents boutique candidature candidatures catalogue clientele
     commande commandes communication commercialfr compta comptabilite comptable courrier devis direction directeur
     drh dsi ecole emploi equipe facture factures formation formations inscription inscriptions infos juridique
     location logistique mairie maintenanceinfo partenaires partenariat paie recrutement renseignement renseignements
     reservationfr rh sav scolarite secretaire serviceclient serviceclients standard syndicat technique tresorier vente ventes`,
    // Spanish, Portuguese
    `administracao administracion alumnos asesoria asistencia atencion atencionalcliente atendimento avisos ayuda
     biblioteca bolsa calidad candidatos chefia clientes cobranca cobranzas colegio comercial compras comunicacao
     comunicacion consulta consultas contabil contabilidad contabilidade contacto contato contratos correo coordenacao coordinacion
     cotizacion cotizaciones cursos departamento direccion diretoria distribuicao empleo encomendas engenharia estudiantes
     eventos facturacion faturamento faturacao fabrica financeiro finanzas formacion fornecedores gerencia gerente gestion
     imprensa informacao informacion informaciones informatica inscripciones juridico licitacao licitaciones logistica loja
     marketingdigital matricula nomina nominas oficina orcamento orcamentos ouvidoria pagos pedidos pedido prensa presidencia presupuestos
     produccion producao proveedores proyectos publicidad publicidade qualidade recepcao recepcion reclamaciones
     reclutamiento recursoshumanos redaccion reservas rrhh sac secretaria seguranca seguridad seleccion servicio
     servicioalcliente servicios servicos soporte sugerencias suporte taller tecnico tesoreria tienda trabajo trafico
     tramites turismo vagas vendas ventas`,
    // Italian, Romanian
    `acquisti amministrazione assistenza assistenzaclienti candidature clienti commerciale comunicazione comunicare consulenza contabilita contabilitate
     contatti contatto direzione fatture fatturazione formazione gare informazioni iscrizioni lavoro logisticait magazzino
     negozio ordini pagamenti personale preventivi prenotazioni protocollo qualita redazione relatiipublice reclami ricevimento richieste risorseumane
     scuola segreteria servizioclienti sicurezza spedizioni sportello stampa supporto tecnica ufficio ufficioacquisti
     ufficiostampa ufficiotecnico vanzari vendite comenzi achizitii resurseumane secretariatro`,
    // Polish, Czech, Slovak, Hungarian
    `administracja biuro dyrekcja dyrektor faktury handel handlowy hurt kadry kariera klient komunikacja ksiegowosc kierownik kontakty
     marketingpl obchod objednavky objednavka ochrana odbyt oferta oferty personalni podpora podatelna praca prace
     prezes produkcja prodej predaj projekty przetargi reklama reklamacie reklamace reklamacje recepce recepcia recepcja
     rekrutacja rezerwacja rezerwacje rezervace sekretariatpl serwis servis sklep skola skolaonline sprzedaz starosta
     szkola szkolenia uctarna ucetni ugyfelszolgalat urzad vedeni wsparcie wspolpraca zakupy zamowienia ertekesites
     iroda penzugy szamlazas titkarsag`,
    // Nordic
    `annonce asiakaspalvelu bestilling bestallning bokforing booking bogholderi ekonomi ekonomie faktura fakturor
     fakturering forening forsaljning hallitus ilmoitukset indkob info inkop johto jobb kansli kassaapparat kasserer
     kirjaamo kundeservice kundetjanst kundservice kundtjanst laskut laskutus lonn lon markkinointi medlem medlemmer
     myynti ordre ostot palaute palvelu personalavdelning post reception regnskab rekry rektor salg salj salgsordre
     skole styrelse styrelsen styret talous tilaukset toimisto tuki utbildning varaus verkstad viestinta`,
    // Turkish, Indonesian, Russian and Japanese in Latin letters
    `bilgi destek fatura ihracat ik iletisim insankaynaklari ithalat muhasebe musteri musterihizmetleri satinalma satis
     siparis yonetim bantuan keuangan layanan pemasaran pengaduan penjualan sdm buh buhgalteria bukh dogovor direktor
     kadrovik kancelyaria kassa klienty otdel prodaji prodazhi priemnaya rabota reklamaru sklad snab snabzhenie spravka
     tender tenders zakaz zakupki eigyo jinji jimu keiri kouhou madoguchi saiyo soumu toiawase`,
  ]
    .join(" ")
    .split(/\s+/)
    .filter((word) => word !== ""),
);

const SEPARATORS = /[._\-\s]+/g;

/** Spellings of "do not answer" in several languages, without separators. */
const NO_REPLY =
  /^(?:(?:auto|mail|system)?(?:no|not?|donot|dont|never)(?:reply|replay|response|respond|answer|email|replies)|unmonitored|autoreply|autoresponder|nepasrepondre|nichtantworten|keineantwort|bittenichtantworten|noresponder|noresponda|norespondas|naoresponda|naoresponder|nonrispondere|nieodpowiadaj|neodpovidat|neodpovidejte|geenantwoord|nietbeantwoorden|svarikke|svarinte|ikkesvar|yanitlamayin|cevaplamayin|bounces?|mailerdaemon|blackhole|devnull|null)/;

const NO_REPLY_END = /(?:noreply|donotreply|dontreply|nepasrepondre|noresponder|naoresponda)$/;

/**
 * Whether a lower-case local part without its tag names a function (`sales`, `customer-service`, `info2`).
 */
export function isRoleLocal(local: string): boolean {
  let end = local.length;
  while (end > 0 && isDigit(local.charCodeAt(end - 1))) end--;
  if (end === 0) return false;
  const plain = end === local.length ? local : local.slice(0, end);
  return ROLES.has(hasSeparator(plain) ? plain.replace(SEPARATORS, "") : plain);
}

const isDigit = (unit: number): boolean => unit >= 0x30 && unit <= 0x39;

const hasSeparator = (local: string): boolean => local.includes(".") || local.includes("-") || local.includes("_");

/** Whether a lower-case local part without its tag says that nobody reads it (`no-reply`, `billing.noreply`). */
export function isNoReplyLocal(local: string): boolean {
  if (local.length < 4) return false;
  const plain = hasSeparator(local) ? local.replace(SEPARATORS, "") : local;
  return NO_REPLY.test(plain) || NO_REPLY_END.test(plain);
}
