#!/usr/bin/env python3
"""make_cases.py: makes the certificates of cases.txt anew. Needs python3 and openssl (3.x); the output is committed.

    python3 make_cases.py [OUTDIR]        default: the folder of this script

cases_keys.pem    private keys, each behind a line "# NAME"; kept if it is there, so that a new run changes little
cases_certs.pem   certificates, each behind a line "# NAME KEY PIN": the name used in cases.txt, the name of its key,
                  and the pin of that key

The certificates are put together here byte by byte, because many of them are what no tool makes. openssl makes the
keys and signs. Valid from 2020 to 2120 but for those that must be out of date. The keys are public: never trust them.
"""
import base64, hashlib, os, re, subprocess, sys, tempfile

OUT = sys.argv[1] if len(sys.argv) > 1 else os.path.dirname(os.path.abspath(__file__))
TMP = tempfile.TemporaryDirectory()
HOST = b"host.case.test"

# ---- DER ----------------------------------------------------------------------------------------------------------

def tlv(tag, *parts):
    body = b"".join(parts)
    n = len(body)
    if n < 0x80:
        head = bytes([n])
    else:
        size = (n.bit_length() + 7) // 8
        head = bytes([0x80 | size]) + n.to_bytes(size, "big")
    return bytes([tag]) + head + body

def seq(*parts): return tlv(0x30, *parts)
def octets(b): return tlv(0x04, b)
def integer(v): return tlv(0x02, v.to_bytes(v.bit_length() // 8 + 1, "big"))
def bits(b, unused=0): return tlv(0x03, bytes([unused]), b)

def oid(text):
    n = [int(x) for x in text.split(".")]
    out = bytes([n[0] * 40 + n[1]])
    for v in n[2:]:
        part = bytes([v & 127])
        while v > 127:
            v >>= 7
            part = bytes([128 | v & 127]) + part
        out += part
    return tlv(0x06, out)

def name(cn):
    return seq(tlv(0x31, seq(oid("2.5.4.3"), tlv(0x0C, cn)))) if cn else seq()

def date(text):                      # 14 digits, or ready DER
    if isinstance(text, bytes): return text
    return tlv(0x17, text[2:].encode() + b"Z") if text < "2050" else tlv(0x18, text.encode() + b"Z")

def ext(o, value, critical=False):
    return seq(oid(o), tlv(0x01, b"\xff") if critical else b"", octets(value))

def dns(b): return tlv(0x82, b)
def ip(text): return tlv(0x87, bytes(int(x) for x in text.split(".")) if "." in text else bytes.fromhex(text))
def san(*names, critical=False): return ext("2.5.29.17", seq(*names), critical)
def bc(ca=True, path=None, critical=True):
    return ext("2.5.29.19", seq(tlv(0x01, b"\xff") if ca else b"", integer(path) if path is not None else b""), critical)
def ku(byte, critical=True):         # 0x80 digitalSignature, 0x20 keyEncipherment, 0x04 keyCertSign, 0x02 cRLSign
    unused = (byte & -byte).bit_length() - 1
    return ext("2.5.29.15", bits(bytes([byte]), unused), critical)
SERVER, CLIENT, ANY = "1.3.6.1.5.5.7.3.1", "1.3.6.1.5.5.7.3.2", "2.5.29.37.0"
def eku(*oids, critical=False): return ext("2.5.29.37", seq(*[oid(o) for o in oids]), critical)
def nc(permitted=(), excluded=(), critical=True):
    tree = lambda tag, bases: tlv(tag, *[b if b[:1] == b"\x30" else seq(b) for b in bases]) if bases else b""
    return ext("2.5.29.30", seq(tree(0xA0, permitted), tree(0xA1, excluded)), critical)
V6 = "20010db8000000000000000000000007"
M32, M128 = "255.255.255.255", "ff" * 16

# ---- keys ---------------------------------------------------------------------------------------------------------

def run(*args, **kw): return subprocess.run(args, check=True, capture_output=True, **kw).stdout

KEYS = {
    "root": "EC:P-256", "inter": "EC:P-256", "leaf": "EC:P-256", "other": "EC:P-256",
    "p384": "EC:P-384", "p384ca": "EC:P-384", "p521": "EC:P-521", "k1": "EC:secp256k1",
    "rsa2048": "RSA:2048", "rsa3072": "RSA:3072", "rsa4096": "RSA:4096", "rsa1024": "RSA:1024",
    "rsaca": "RSA:2048", "rsaroot": "RSA:4096", "rsa4224": "RSA:4224", "ed": "ED25519",
}
keys, pub = {}, {}

def read_named(path, what):
    text = open(path).read() if os.path.exists(path) else ""
    return dict(re.findall(r"^# (\S+).*\n(-----BEGIN %s-----[^-]*-----END %s-----\n)" % (what, what), text, re.M))

def load_keys():
    old = read_named(os.path.join(OUT, "cases_keys.pem"), "PRIVATE KEY")
    with open(os.path.join(OUT, "cases_keys.pem"), "w") as f:
        f.write("Private keys of the test certificates, made by make_cases.py. Public: never use them.\n")
        for k, kind in KEYS.items():
            alg, _, par = kind.partition(":")
            opt = ["-pkeyopt", ("ec_paramgen_curve:" if alg == "EC" else "rsa_keygen_bits:") + par] if par else []
            pem = old.get(k) or run("openssl", "genpkey", "-algorithm", alg, *opt).decode()
            keys[k] = os.path.join(TMP.name, k + ".key")
            open(keys[k], "w").write(pem)
            pub[k] = run("openssl", "pkey", "-in", keys[k], "-pubout", "-outform", "DER")
            f.write("# %s\n%s" % (k, pem))

# ---- certificates -------------------------------------------------------------------------------------------------

RSA, EC = "1.2.840.113549.1.1.", "1.2.840.10045.4."
SIGS = {"rsa-md5": RSA + "4", "rsa-sha1": RSA + "5", "rsa-sha256": RSA + "11", "rsa-sha384": RSA + "12",
        "rsa-sha512": RSA + "13", "ec-sha1": EC + "1", "ec-sha256": EC + "3.2", "ec-sha384": EC + "3.3",
        "ec-sha512": EC + "3.4", "ed": "1.3.101.112"}

def algorithm(sig):
    if sig == "pss":
        h = seq(oid("2.16.840.1.101.3.4.2.1"), tlv(0x05))
        return seq(oid(RSA + "10"), seq(tlv(0xA0, h), tlv(0xA1, seq(oid(RSA + "8"), h)), tlv(0xA2, integer(32))))
    return seq(oid(SIGS[sig]), tlv(0x05) if sig.startswith("rsa") else b"")

def sign(tbs, key, sig):
    path = os.path.join(TMP.name, "tbs")
    open(path, "wb").write(tbs)
    if sig == "ed": return run("openssl", "pkeyutl", "-sign", "-inkey", keys[key], "-rawin", "-in", path)
    md = "sha256" if sig == "pss" else sig.split("-")[1]
    opt = ["-sigopt", "rsa_padding_mode:pss", "-sigopt", "rsa_pss_saltlen:32"] if sig == "pss" else []
    return run("openssl", "dgst", "-" + md, "-sign", keys[key], *opt, path)

certs = {}        # name -> (DER, key, CN)
serial = [0]

def default_sig(key):
    kind = KEYS[key]
    return "rsa-sha256" if kind.startswith("RSA") else "ed" if kind == "ED25519" else "ec-sha256"

def cert(n, key, issuer, exts, cn=None, sig=None, inner=None, start="20200101000000", end="21201231235959",
         version=3, by=None, flip=False, issuer_cn=None, tail=b"", edit=None):
    """issuer: the name of a certificate above, None = itself. by: another key than the issuer's signs."""
    cn = ("Case " + n).encode() if cn is None else cn
    sign_key = by or (certs[issuer][1] if issuer else key)
    sig = sig or default_sig(sign_key)
    serial[0] += 1
    tbs = [tlv(0xA0, integer(version - 1)) if version > 1 else b"", integer(0x7000 + serial[0]),
           algorithm(inner or sig), name(issuer_cn or (certs[issuer][2] if issuer else cn)),
           seq(date(start), date(end)), name(cn), pub[key], tlv(0xA3, seq(*exts)) if exts else b""]
    body = seq(*tbs)
    if edit: body = edit(body)
    s = sign(body, sign_key, sig)
    if flip: s = s[:-1] + bytes([s[-1] ^ 1])
    certs[n] = (seq(body, algorithm(sig), bits(s)) + tail, key, cn)

CA = [bc(), ku(0x06)]

def root(n, key, exts=None, **kw): cert(n, key, None, CA if exts is None else exts, **kw)
def inter(n, issuer, key="inter", exts=None, **kw): cert(n, key, issuer, CA if exts is None else exts, **kw)

def leaf(n, issuer="i", key="leaf", names=None, more=None, cn=b"", **kw):
    names = san(dns(HOST), ip("192.0.2.7"), ip(V6)) if names is None else names
    more = [eku(SERVER)] if more is None else more
    cert(n, key, issuer, [bc(False, critical=False), ku(0x80)] * (not kw.pop("bare", False)) + more + ([names] if names else []),
         cn=cn or b"Case server", **kw)

def named(n, *names, **kw): leaf(n, names=san(*names), **kw)

def make():
    root("r", "root"); inter("i", "r"); leaf("ok")
    # keys and signatures
    root("rsa-r", "rsaroot"); inter("rsa-i", "rsa-r", "rsaca")
    for k in ("rsa2048", "rsa3072", "rsa4096", "rsa1024", "rsa4224"): leaf(k, "rsa-i", k, more=[eku(SERVER)])
    leaf("rsa-by-ec", "i", "rsa2048"); leaf("ec-by-rsa", "rsa-i")
    inter("p384-i", "r", "p384ca"); leaf("p384", "p384-i", "p384", sig="ec-sha384"); leaf("p256-by-p384", "p384-i", sig="ec-sha384")
    inter("p384-rsa-i", "rsa-r", "p384ca"); leaf("p256-by-mixed", "p384-rsa-i", sig="ec-sha384")
    root("p384-r", "p384ca", sig="ec-sha384"); inter("i-by-p384", "p384-r", sig="ec-sha384"); leaf("leaf-by-p384-root", "i-by-p384")
    root("p521-r", "p521", sig="ec-sha512"); leaf("by-p521", "p521-r", sig="ec-sha512"); leaf("p521", "i", "p521")
    leaf("k1", "i", "k1")
    root("weak-r", "rsa1024"); leaf("by-weak-r", "weak-r"); inter("weak-i", "rsa-r", "rsa1024"); leaf("by-weak-i", "weak-i")
    for h in ("sha384", "sha512", "sha1"): leaf("ec-" + h, sig="ec-" + h)
    for h in ("sha256", "sha384", "sha512", "sha1", "md5"): leaf("rsa-" + h, "rsa-i", sig="rsa-" + h)
    inter("sha1-i", "rsa-r", sig="rsa-sha1"); leaf("by-sha1-i", "sha1-i")
    inter("sha256-i", "rsa-r", sig="rsa-sha256"); leaf("by-sha256-i", "sha256-i")
    root("sha1-r", "rsaroot", sig="rsa-sha1"); leaf("by-sha1-r", "sha1-r")
    leaf("pss", "rsa-i", sig="pss")
    inter("ed-i", "r", "ed"); leaf("by-ed", "ed-i")
    leaf("flip", flip=True); inter("flip-i", "r", flip=True); leaf("by-flip-i", "flip-i")
    leaf("signed-by-other", by="other"); leaf("inner-alg", inner="ec-sha384")
    root("inner-r", "root", inner="ec-sha384"); leaf("by-inner-r", "inner-r")
    root("r-inner", "root", cn=b"Case inner-r")
    # names
    named("wrong", dns(b"other.case.test"))
    named("upper", dns(b"HOST.Case.TEST")); named("second", dns(b"other.case.test"), dns(HOST))
    named("wild", dns(b"*.case.test")); named("wild-tld", dns(b"*.test")); named("wild-tld-and-name", dns(b"*.test"), dns(b"case.test"))
    named("wild-star", dns(b"*")); named("wild-last", dns(b"localhost"), dns(b"*")); named("wild-part", dns(b"h*.case.test")); named("wild-part2", dns(b"*t.case.test"))
    named("wild-mid", dns(b"host.*.test")); named("wild-two", dns(b"*.*.test"))
    named("alabel", dns(b"xn--caf-dma.case.test")); named("wild-alabel", dns(b"xn--*.case.test"))
    named("ulabel", dns("caf\u00e9.case.test".encode()))
    leaf("cn-only", names=b"", cn=HOST); leaf("cn-and-other", names=san(dns(b"other.case.test")), cn=HOST)
    leaf("cn-and-ip", names=san(ip("192.0.2.7")), cn=HOST)
    named("mail-only", tlv(0x81, b"root@host.case.test")); named("uri-only", tlv(0x86, b"https://host.case.test/"))
    leaf("san-empty", names=ext("2.5.29.17", seq()))
    leaf("san-critical", names=san(dns(HOST), critical=True))
    cert("no-subject", "leaf", "i", [san(dns(HOST), critical=True)], cn=b"")
    named("dot", dns(HOST + b".")); named("nul", dns(HOST + b"\0.evil.test")); named("nul-end", dns(HOST + b"\0"))
    leaf("cn-nul", names=b"", cn=HOST + b"\0.evil.test")
    named("blank", dns(b" " + HOST)); named("empty-name", dns(b"")); named("under", dns(b"under_score.case.test"))
    named("long", dns(b"a." * 119 + HOST + b"x"), dns(b"a." * 119 + HOST))
    named("utf8-tag", tlv(0x0C, HOST))          # a UTF8String where a GeneralName stands
    # addresses
    named("ip-as-name", dns(b"192.0.2.7"), dns(V6.encode())); leaf("ip-in-cn", names=b"", cn=b"192.0.2.7")
    named("ip-long", tlv(0x87, bytes([192, 0, 2, 7, 0]))); named("ip-mapped", ip("0" * 20 + "ffffc0000207"))
    named("ip-only", ip("192.0.2.7"), ip(V6))
    # dates
    leaf("expired", end="20210101000000"); leaf("future", start="21190101000000")
    inter("expired-i", "r", end="20210101000000"); leaf("by-expired-i", "expired-i")
    inter("future-i", "r", start="21190101000000"); leaf("by-future-i", "future-i")
    root("expired-r", "root", end="20210101000000"); leaf("by-expired-r", "expired-r")
    leaf("year-9999", end="99991231235959"); root("r-9999", "root", end="99991231235959", cn=b"Case r")
    inter("i-9999", "r", end="99991231235959", cn=b"Case i")
    leaf("date-short", end=tlv(0x17, b"3001010000Z"))
    # trust
    leaf("self", None); leaf("self-ca", None, more=[], bare=True, names=san(dns(HOST)))
    leaf("self-evil", None, names=san(dns(b"other.case.test"))); leaf("self-other-key", None, key="other")
    leaf("leaf-evil", names=san(dns(b"other.case.test")), by="other")
    root("other-r", "other"); leaf("by-other-r", "other-r")
    root("r-other-key", "other", cn=b"Case r")
    root("cross-a", "rsaca"); root("cross-b", "other"); inter("cross-a-by-b", "cross-b", "rsaca", cn=b"Case cross-a")
    inter("cross-i", "cross-a"); leaf("cross", "cross-i")
    # certificate authorities
    inter("not-ca", "r", exts=[bc(False), ku(0x04)]); leaf("by-not-ca", "not-ca")
    inter("no-bc", "r", exts=[ku(0x06)]); leaf("by-no-bc", "no-bc")
    inter("v1-i", "r", exts=[], version=1); leaf("by-v1-i", "v1-i")
    root("v1-r", "root", exts=[], version=1); leaf("by-v1-r", "v1-r")
    root("not-ca-r", "root", exts=[bc(False)]); leaf("by-not-ca-r", "not-ca-r")
    inter("path0", "r", exts=[bc(path=0), ku(0x06)]); leaf("by-path0", "path0")
    inter("below-path0", "path0", "other"); leaf("by-below-path0", "below-path0")
    inter("path1", "r", exts=[bc(path=1), ku(0x06)]); inter("below-path1", "path1", "other"); leaf("by-below-path1", "below-path1")
    inter("self-issued", "path0", "other", cn=b"Case path0"); leaf("by-self-issued", "self-issued")
    root("path0-r", "root", exts=[bc(path=0), ku(0x06)]); inter("i-path0-r", "path0-r"); leaf("by-i-path0-r", "i-path0-r")
    leaf("by-path0-r", "path0-r")
    inter("no-sign", "r", exts=[bc(), ku(0x80)]); leaf("by-no-sign", "no-sign")
    inter("no-ku", "r", exts=[bc()]); leaf("by-no-ku", "no-ku")
    cert("ca-leaf", "leaf", "i", [bc(), ku(0x86), san(dns(HOST))])
    cert("leaf-enc", "leaf", "i", [ku(0x08), san(dns(HOST))]); cert("leaf-no-ku", "leaf", "i", [san(dns(HOST))])
    # extended key usage
    leaf("eku-none", more=[]); leaf("eku-client", more=[eku(CLIENT)]); leaf("eku-both", more=[eku(CLIENT, SERVER)])
    leaf("eku-crit", more=[eku(SERVER, critical=True)]); leaf("eku-crit-client", more=[eku(CLIENT, critical=True)])
    leaf("eku-any", more=[eku(CLIENT, ANY)])
    inter("eku-i", "r", exts=CA + [eku(SERVER, critical=True)]); leaf("by-eku-i", "eku-i")
    inter("eku-client-i", "r", exts=CA + [eku(CLIENT)]); leaf("by-eku-client-i", "eku-client-i")
    root("eku-r", "root", exts=CA + [eku(SERVER)]); leaf("by-eku-r", "eku-r")
    root("eku-client-r", "root", exts=CA + [eku(CLIENT)]); leaf("by-eku-client-r", "eku-client-r")
    root("no-sign-r", "root", exts=[bc(), ku(0x82)]); leaf("by-no-sign-r", "no-sign-r")
    root("no-ku-r", "root", exts=[bc()]); leaf("by-no-ku-r", "no-ku-r")
    root("key-r", "root"); inter("key-i", "key-r"); leaf("by-key-i", "key-i"); root("key-i-r", "other", cn=b"Case key-i")
    # name constraints
    ips = [tlv(0x87, bytes([192, 0, 2, 0, 255, 255, 255, 0])), tlv(0x87, bytes.fromhex("20010db8" + "00" * 12 + "ffffffff" + "00" * 12))]
    far = [tlv(0x87, bytes([192, 0, 3, 0, 255, 255, 255, 0])), tlv(0x87, bytes.fromhex("20010db9" + "00" * 12 + "ffffffff" + "00" * 12))]
    person = tlv(0xA4, name(b"Case server"))
    for n, e in {
        "same": nc([dns(HOST)] + ips), "above": nc([dns(b"case.test")]), "upper": nc([dns(b"CASE.TEST")]), "dot": nc([dns(b".case.test")]),
        "loose": nc([dns(b"case.test")], critical=False), "all": nc([dns(b"")]), "two": nc([dns(b"other.test"), dns(b"case.test")]),
        "other": nc([dns(b"other.test")]), "loose-other": nc([dns(b"other.test")], critical=False), "part": nc([dns(b"e.test")]),
        "dot-same": nc([dns(b".host.case.test")]), "longer": nc([dns(b"a.host.case.test")]),
        "not": nc((), [dns(b"case.test")]), "not-other": nc((), [dns(b"other.test")]), "not-all": nc((), [dns(b"")]),
        "but": nc([dns(b"case.test")], [dns(HOST)]), "ip": nc(ips), "ip-far": nc(far), "ip-not": nc((), ips), "ip-not-far": nc((), far),
        "ip4": nc(ips[:1]), "ip-name": nc([dns(b"case.test")]), "ip-odd": nc([tlv(0x87, bytes(5))]),
        "dir": nc([person]), "mail": nc([tlv(0x81, b"case.test")]), "not-mail": nc((), [tlv(0x81, b"case.test")]),
        "min": nc([seq(dns(b"case.test"), tlv(0x80, b"\x01"))]), "long": nc([dns(b"a." * 40 + HOST)]),
        "uri": nc([tlv(0x86, b"other.test")], [tlv(0x86, b"case.test")]), "star": nc((), [dns(b"*.case.test")]),
        "root-dot": nc((), [dns(b"case.test.")]), "only-dot": nc((), [dns(b".")]), "two-dots": nc((), [dns(b"case..test")]), "no-base": nc((), [seq()]),
        "no-list": ext("2.5.29.30", seq(tlv(0xA1)), True), "empty": ext("2.5.29.30", seq(), True),
    }.items():
        inter("nc-" + n, "r", exts=CA + [e]); leaf("by-nc-" + n, "nc-" + n)
    inter("nc-inner", "nc-above", "other", exts=CA + [nc([dns(b"other.test")])]); leaf("by-nc-inner", "nc-inner")
    inter("nc-inner-ok", "nc-above", "other", exts=CA + [nc([dns(HOST)])]); leaf("by-nc-inner-ok", "nc-inner-ok")
    leaf("by-nc-extra", "nc-above", names=san(dns(HOST), dns(b"host.other.test")))
    leaf("by-nc-wild", "nc-but", names=san(dns(b"*.case.test")))
    root("nc-r", "root", exts=CA + [nc([dns(b"case.test")])]); leaf("by-nc-r", "nc-r")
    root("nc-r-other", "root", exts=CA + [nc([dns(b"other.test")], critical=False)]); leaf("by-nc-r-other", "nc-r-other")
    # other extensions
    leaf("ext", more=[ext("1.2.3.4.5", tlv(0x05))]); leaf("ext-crit", more=[ext("1.2.3.4.5", tlv(0x05), True)])
    inter("ext-crit-i", "r", exts=CA + [ext("1.2.3.4.5", tlv(0x05), True)]); leaf("by-ext-crit-i", "ext-crit-i")
    policy = seq(seq(oid("1.2.3.4")))
    leaf("policy", more=[ext("2.5.29.32", policy, True)])
    inter("policy-i", "r", exts=CA + [ext("2.5.29.36", seq(tlv(0x80, b"\x05")), True)]); leaf("by-policy-i", "policy-i")
    leaf("twice-san", more=[san(dns(b"other.case.test"))]); leaf("twice-ku", more=[ku(0x08)])
    leaf("twice-eku", more=[eku(CLIENT), eku(SERVER)])
    inter("twice-bc-i", "r", exts=CA + [bc(False)]); leaf("by-twice-bc-i", "twice-bc-i")
    # DER
    short = ext("2.5.29.17", seq(dns(HOST)))
    leaf("ber-len", names=short[:-2 - len(HOST)] + b"\x82\x0e" + HOST,
         edit=lambda b: longer(b, dns(HOST), b"\x82\x81\x0e" + HOST, san(dns(HOST))))
    leaf("der-len", names=short)
    leaf("tail", tail=b"\0"); leaf("big", more=[ext("1.2.3.4.5", octets(bytes(17000)))])
    # a long chain: c1 is signed by the root
    inter("c1", "r")
    for k in range(2, 17): inter("c%d" % k, "c%d" % (k - 1))
    leaf("by-c14", "c14"); leaf("by-c15", "c15")

def longer(body, old, new, whole):
    """The subjectAltName with another encoding of a length; the lengths around it follow."""
    at = body.index(whole)
    inner = ext("2.5.29.17", seq(new))
    exts_at = body.rindex(b"\xa3", 0, at)
    head = body[:exts_at]
    rest = body[at + len(whole):]
    first = body[exts_at:at]
    # [3] and its SEQUENCE have headers of two or three bytes each
    k = 2 if first[1] < 0x80 else 3
    j = k + (2 if first[k + 1] < 0x80 else 3)
    exts = first[j:] + inner + rest
    k = 4 if body[1] == 0x82 else 3
    return seq(head[k:], tlv(0xA3, seq(exts)))

load_keys()
make()
with open(os.path.join(OUT, "cases_certs.pem"), "w") as f:
    f.write("Test certificates, made by make_cases.py; what each is for stands in cases.txt.\n")
    for n, (der, key, cn) in certs.items():
        pin = base64.b64encode(hashlib.sha256(pub[key]).digest()).decode()
        text = base64.b64encode(der).decode()
        f.write("# %s %s sha256/%s\n-----BEGIN CERTIFICATE-----\n%s\n-----END CERTIFICATE-----\n" %
                (n, key, pin, "\n".join(text[i:i + 64] for i in range(0, len(text), 64))))
print("%d certificates, %d keys" % (len(certs), len(keys)))
