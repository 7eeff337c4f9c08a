import { describe, expect, it } from "vitest";
import { vetWebhookUrl } from "../../../shared/webhook/url.ts";

const vet = (url: string, allowPrivate = false) => {
  const vetted = vetWebhookUrl(new URL(url), allowPrivate);
  return vetted.ok ? "ok" : vetted.error.kind;
};

describe("webhook URLs", () => {
  it.each([
    "https://hooks.example.com/a?b=c",
    "http://hooks.example.com/",
    "https://hooks.example.com:8443/",
    "https://1.1.1.1/",
    "https://[2606:4700:4700::1111]:1024/",
  ])("%s is taken", (url) => expect(vet(url)).toBe("ok"));

  it.each([
    "http://127.0.0.1/",
    "http://2130706433/",
    "http://0x7f.1/",
    "http://0177.0.0.1/",
    "http://127.1/",
    "http://127.0.0.1./",
    "http://①②⑦.0.0.1/",
    "http://%31%32%37.0.0.1/",
    "http://[::ffff:127.0.0.1]/",
    "http://[::1]/",
    "http://[64:ff9b::7f00:1]/",
    "http://[2002:7f00:1::]/",
    "http://169.254.169.254/latest/meta-data",
    "http://0/",
    "https://10.0.0.1:8443/",
  ])("%s is refused as an address", (url) => expect(vet(url)).toBe("address"));

  it.each([
    ["ftp://hooks.example.com/", "scheme"],
    ["file:///etc/passwd", "scheme"],
    ["gopher://hooks.example.com/", "scheme"],
    ["https://user@hooks.example.com/", "credentials"],
    ["https://:pass@hooks.example.com/", "credentials"],
    ["https://hooks.example.com:25/", "port"],
    ["https://hooks.example.com:0/", "port"],
    ["https://hooks.example.com:22/", "port"],
  ])("%s is refused for its %s", (url, kind) => expect(vet(url)).toBe(kind));

  it("loopback is taken where private networks are allowed, cloud metadata never", () => {
    expect(vet("http://127.0.0.1:8790/hook", true)).toBe("ok");
    expect(vet("http://169.254.169.254/", true)).toBe("address");
  });
});
