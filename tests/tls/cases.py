#!/usr/bin/env python3
"""cases.py: the certificate cases of data/tls/cases.txt over a socket, for more_tls.sh.

    python3 cases.py CLIENT FOLDER [TABLE]

Every case but those marked `local` runs against openssl s_server, some against gnutls-serv too. For every case that it has
a notion of, `openssl verify` is asked for its own verdict, which is printed beside ours; where the two differ the table must
say so. FOLDER has cases_certs.pem and cases_keys.pem.
"""
import os, re, socket, subprocess, sys, tempfile, threading, time
from concurrent.futures import ThreadPoolExecutor

CLIENT, FOLDER = sys.argv[1:3]
TABLE = (sys.argv + [None])[3] or os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "data", "tls", "cases.txt")
TMP = tempfile.TemporaryDirectory()
COLUMNS = "id chain trust host options status words twin openssl why".split()
GNUTLS = """key-p256 key-p384 key-rsa2048 key-rsa4096 key-rsa1024 sig-rsa-sha1 name-wrong name-wild name-wild-two ip4 ip6
    ip4-wrong date-expired trust-unknown trust-missing ca-false ca-path-exceeded eku-client eku-critical nc-above nc-other
    nc-ip ext-critical""".split()

def path(name): return os.path.join(TMP.name, name)

def named(file, what):
    return {m[0]: (m[1], m[2]) for m in
            re.findall(r"^# (\S+)(.*)\n(-----BEGIN %s-----[^-]*-----END %s-----\n)" % (what, what),
                       open(os.path.join(FOLDER, file)).read(), re.M)}

CERTS, KEYS = named("cases_certs.pem", "CERTIFICATE"), named("cases_keys.pem", "PRIVATE KEY")
for k, v in KEYS.items(): open(path(k + ".key"), "w").write(v[1])

def cases():
    for line in open(TABLE):
        if line.strip() and line[0] != "#":
            yield dict(zip(COLUMNS, [x.strip() for x in line.split("|", len(COLUMNS) - 1)]))

def write(name, certs):
    open(path(name), "w").write("".join(CERTS[c][1] for c in certs))
    return path(name)

def server_of(chain):
    """The key, and files of the first certificate and of the others."""
    n = "_".join(chain)[:80] + "_%d" % len(chain)
    return path(CERTS[chain[0]][0].split()[0] + ".key"), write(n + ".leaf", chain[:1]), write(n + ".rest", chain[1:])

def s_server(chain):
    key, leaf, rest = server_of(chain)
    args = ["openssl", "s_server", "-accept", "127.0.0.1:0", "-cert", leaf, "-key", key, "-HTTP",
            "-cipher", "ALL:@SECLEVEL=0"] + (["-cert_chain", rest] if chain[1:] else [])
    p = subprocess.Popen(args, cwd=TMP.name, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    said = b""
    for line in p.stdout:
        said += line
        if line.startswith(b"ACCEPT"): return p, int(line.rsplit(b":", 1)[1])
    raise Exception("s_server %s: %s" % (chain, said))

def gnutls_serv(chain):
    key, leaf, rest = server_of(chain)
    both = path("gnutls_" + chain[0])
    open(both, "w").write(open(leaf).read() + open(rest).read())
    for attempt in range(5):
        s = socket.socket()
        s.bind(("127.0.0.1", 0))
        port = s.getsockname()[1]
        s.close()
        p = subprocess.Popen(["gnutls-serv", "--http", "-a", "-p", str(port), "--x509certfile", both, "--x509keyfile", key,
                              "--priority", "NORMAL:%VERIFY_ALLOW_BROKEN"], stdin=subprocess.DEVNULL,
                             stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        for i in range(100):
            if p.poll() is not None: break
            try:
                socket.create_connection(("127.0.0.1", port)).close()
                time.sleep(0.05)     # another program may have taken the port: then this one has ended by now
                if p.poll() is None: return p, port
            except OSError: time.sleep(0.02)
        stop(p)
    raise Exception("gnutls-serv does not start for %s" % chain)

def stop(p):
    p.kill()
    p.wait()
    if p.stdout: p.stdout.close()

def ask(c, port):
    trust = write("trust_" + c["id"], c["trust"].split())
    env = dict(os.environ, T_OPTIONS="", T_PINS="")
    for o in c["options"].split():
        k, _, v = o.partition("=")
        if k == "clock": env["T_CLOCK"] = v
        elif k == "pin": env["T_PINS"] += " " + (CERTS[v][0].split()[1] if v != "none" else "sha256/" + "A" * 43 + "=")
        else: env["T_OPTIONS"] += " " + k
    out = subprocess.run([CLIENT, str(port), c["host"], trust, "/small"], env=env, capture_output=True, text=True, timeout=60)
    words = out.stdout.split(None, 2)
    return ("LLM_OK", "") if words[:1] == ["ok"] else (words[1], words[2].strip()) if len(words) == 3 else ("none", out.stdout)

def openssl_says(c):
    host = c["host"]
    clock = next((o[6:] for o in c["options"].split() if o.startswith("clock=")), "1800000000")
    is_ip = ":" in host or re.fullmatch(r"[0-9.]+", host)
    chain = c["chain"].split()
    args = ["openssl", "verify", "-purpose", "sslserver", "-auth_level", "2", "-no-CApath", "-no-CAstore", "-attime", clock,
            "-CAfile", write("vtrust_" + c["id"], c["trust"].split()), "-verify_ip" if is_ip else "-verify_hostname", host]
    if chain[1:]: args += ["-untrusted", write("vrest_" + c["id"], chain[1:])]
    out = subprocess.run(args + [write("vleaf_" + c["id"], chain[:1])], capture_output=True, text=True)
    m = re.search(r"error (\d+) at (\d+) depth lookup: *(.*)", out.stderr) or re.search(r"()()([^\n]*error[^\n]*)", out.stderr)
    return ("accepts", "") if out.returncode == 0 else ("refuses", "%s %s" % (m[1], m[3]) if m else out.stderr.strip()[:60])

lock = threading.Lock()
count = {"passed": 0, "failed": 0, "s_server": 0, "gnutls-serv": 0, "openssl verify": 0, "differences": 0}

def check(ok, text):
    with lock:
        count["passed" if ok else "failed"] += 1
        if not ok: print("FAILED " + text)
    return ok

def compare(c, got, where):
    status, message = got
    ok = status == c["status"] and all(w.strip() in message for w in c["words"].split(";"))
    check(ok, "%s against %s: is %s %s\n    wanted %s %s" % (c["id"], where, status, message, c["status"], c["words"]))
    with lock: count[where] += 1

def group(chain, members):
    """All cases with one chain: one server."""
    lines = []
    p = None
    if any("local" not in c["options"].split() for c in members): p, port = s_server(chain)
    for c in members:
        ours = "local"
        if "local" not in c["options"].split():
            got = ask(c, port)
            compare(c, got, "s_server")
            ours = "accepts" if got[0] == "LLM_OK" else "refuses"
        says, why = openssl_says(c) if c["openssl"] != "-" else ("-", "")
        want = "accepts" if c["status"] == "LLM_OK" else "refuses"
        expected = want if c["openssl"] == "=" else c["openssl"]
        check(says == expected, "%s: openssl %s (%s), the table says %s" % (c["id"], says, why, expected))
        with lock:
            count["openssl verify"] += says != "-"
            count["differences"] += says not in ("-", want)
            print("%-20s %-8s openssl %-8s %s" % (c["id"], ours if ours != "local" else "(local)", says, why))
        if c["id"] in GNUTLS and have_gnutls:
            q, qport = gnutls_serv(chain)
            compare(c, ask(c, qport), "gnutls-serv")
            stop(q)
    if p: stop(p)

have_gnutls = subprocess.run("command -v gnutls-serv", shell=True, stdout=subprocess.DEVNULL).returncode == 0
open(path("small"), "w").write("small answer")
groups = {}
for c in cases(): groups.setdefault(c["chain"], []).append(c)
with ThreadPoolExecutor(3) as pool:
    jobs = [(chain, pool.submit(group, chain.split(), members)) for chain, members in groups.items()]
    for chain, j in jobs:
        try: j.result()
        except Exception as e: check(False, "%s: %r" % (chain, e))
check(count["s_server"] > 150 and count["openssl verify"] > 200, "too few cases ran")
check(not have_gnutls or count["gnutls-serv"] == len(GNUTLS), "gnutls-serv: %d cases of %d" % (count["gnutls-serv"], len(GNUTLS)))
print("%(s_server)d cases against s_server, %(gnutls-serv)d against gnutls-serv; openssl verify judged %(openssl verify)d, "
      "%(differences)d differences" % count)
print("%(passed)d passed, %(failed)d failed" % count)
sys.exit(count["failed"] != 0)
