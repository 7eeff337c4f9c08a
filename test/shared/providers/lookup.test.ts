import { describe, expect, test } from "vitest";
import { DEFAULT_PACE, providerById, providerOfMx } from "../../../shared/providers/index.ts";
import { PROVIDER_TABLE } from "../../../shared/providers/table.ts";

describe("providerOfMx", () => {
  test.each([
    ["gmail-smtp-in.l.google.com", "gmail"],
    ["alt4.gmail-smtp-in.l.google.com", "gmail"],
    ["aspmx.l.google.com", "google"],
    ["alt1.aspmx.l.google.com", "google"],
    ["smtp.google.com", "google"],
    ["example-com.mail.protection.outlook.com", "microsoft365"],
    ["example-com.a-v1.mx.microsoft", "microsoft365"],
    ["outlook-com.olc.protection.outlook.com", "outlook"],
    ["mta7.am0.yahoodns.net", "yahoo"],
    ["mx01.mail.icloud.com", "icloud"],
    ["mx00.emig.gmx.net", "gmx"],
    ["mxs.mail.ru", "mailru"],
    ["emx.mail.ru", "mailru_business"],
    ["mx.yandex.ru", "yandex"],
    ["mx.yandex.net", "yandex360"],
    ["mx3.qq.com", "qq"],
    ["mxbiz1.qq.com", "tencent_exmail"],
    ["mx1.example.iphmx.com", "cisco"],
    ["mxa-00000001.gslb.pphosted.com", "proofpoint"],
    ["eu-smtp-inbound-1.mimecast.com", "mimecast"],
    ["d1.ess.barracudanetworks.com", "barracuda"],
    ["cluster5.eu.messagelabs.com", "messagelabs"],
    ["mx00.ionos.de", "ionos"],
    ["mx1.mail.ovh.net", "ovh"],
    ["in1-smtp.messagingengine.com", "fastmail"],
    ["mail.protonmail.ch", "proton"],
    ["smtp.secureserver.net", "godaddy"],
  ])("%s is %s", (mx, id) => {
    expect(providerOfMx(mx)?.id).toBe(id);
  });

  test("case and a final dot do not matter", () => {
    expect(providerOfMx("ASPMX.L.Google.COM.")?.id).toBe("google");
  });

  test.each(["mx.example.net", "notgoogle.com", "google.com.example.net", "", ".", "evilqq.com"])(
    "%j is nobody known",
    (mx) => {
      expect(providerOfMx(mx)).toBeNull();
    },
  );
});

describe("the table", () => {
  test("has no identifier and no ending twice", () => {
    const ids = PROVIDER_TABLE.map(({ id }) => id);
    const endings = PROVIDER_TABLE.flatMap(({ mx }) => mx);
    expect(new Set(ids).size).toBe(ids.length);
    expect(endings.filter((name, index) => endings.indexOf(name) !== index)).toEqual([]);
  });

  test("asks nobody faster than the two large operators that bear it", () => {
    for (const { id, pace } of PROVIDER_TABLE) {
      const fast = ["gmail", "google", "microsoft365"].includes(id);
      expect(pace.rcptPerSecond).toBeLessThanOrEqual(fast ? 2 : DEFAULT_PACE.rcptPerSecond);
      expect(pace.connections).toBeLessThanOrEqual(fast ? 2 : 1);
    }
  });

  test("marks who accepts and bounces, who wants one domain per transaction, and who is asked sparingly", () => {
    expect(providerById("yahoo")?.truth).toBe("accepts_then_bounces");
    expect(providerById("google")?.oneDomainPerTransaction).toBe(true);
    expect(providerById("outlook")).toMatchObject({ sparing: true, pace: { perDay: 500 } });
    expect(providerById("apple_relay")?.truth).toBe("unverifiable");
    expect(providerById("nobody")).toBeNull();
  });
});
