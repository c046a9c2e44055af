#!/usr/bin/env python3
"""servers.py: the server settings of data/tls/servers.txt, for more_tls.sh.

    python3 servers.py CLIENT CHAT [TABLE]

CLIENT and CHAT are client.c and chat.c, built. Servers: openssl s_server, gnutls-serv, and small ones here on python's ssl.
"""
import json, os, re, shlex, socket, ssl, struct, subprocess, sys, tempfile, threading, time
from concurrent.futures import ThreadPoolExecutor

CLIENT, CHAT = sys.argv[1:3]
HERE = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "data")
CA = os.path.join(HERE, "pki", "roots.pem")
TMP = tempfile.TemporaryDirectory()
COLUMNS = "id client server status words twin why".split()

def pki(name): return os.path.join(HERE, "pki", name + ".pem")

lock = threading.Lock()

def rest(name):                      # the chain without its first certificate
    with lock: return write_rest(name)

def write_rest(name):
    certs = re.findall(r"-----BEGIN CERT[^-]*-----[^-]*-----END CERT[^-]*-----\n", open(pki(name)).read())
    out = os.path.join(TMP.name, name + ".rest")
    if not os.path.exists(out): open(out, "w").write("".join(certs[1:]))
    return out

# ---- programs -------------------------------------------------------------------------------------------------------------

def s_server(name, options, stdin=subprocess.DEVNULL, http=True):
    options = [pki(o[1:]) if o[:1] == "@" else o for o in options]
    args = ["openssl", "s_server", "-accept", "127.0.0.1:0", "-cert", pki(name), "-key", pki(name), "-cert_chain", rest(name)]
    p = subprocess.Popen(args + (["-HTTP"] if http else []) + options, cwd=TMP.name, stdin=stdin,
                         stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    said = b""
    for line in p.stdout:
        said += line
        if line.startswith(b"ACCEPT"): return p, int(line.rsplit(b":", 1)[1])
    raise Exception("s_server: %s" % said)

def gnutls_serv(name, priority, options):
    for attempt in range(5):
        s = socket.socket()
        s.bind(("127.0.0.1", 0))
        port = s.getsockname()[1]
        s.close()
        ask = [] if "--require-client-cert" in options or "--request-any" in options else ["-a"]
        p = subprocess.Popen(["gnutls-serv", "--http", "-p", str(port), "--x509certfile", pki(name), "--x509keyfile", pki(name),
                              "--priority", priority] + ask + [o for o in options if o != "--request-any"],
                             stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        for i in range(100):
            if p.poll() is not None: break
            try:
                socket.create_connection(("127.0.0.1", port)).close()
                time.sleep(0.05)     # another program may have taken the port: then this one has ended by now
                if p.poll() is None: return p, port
            except OSError: time.sleep(0.02)
        p.kill()
        p.wait()
    raise Exception("gnutls-serv does not start")

def on_stdin(words):
    """s_server as a terminal: it shows what comes, and sends what it is told to."""
    name, line = words
    p, port = s_server(name, ["-tls1_2"], stdin=subprocess.PIPE, http=False)
    def feed():
        for got in p.stdout:
            if got.startswith((b"GET ", b"POST ")): break
        if line == "@kill":
            p.kill()
            return
        if got.startswith(b"GET "):  # a call still waits for its head
            p.stdin.write(b"HTTP/1.0 200 OK\r\n\r\nsmall\n")
            p.stdin.flush()
        time.sleep(0.3)              # a command has to be the only thing that it reads
        p.stdin.write(line.encode() + b"\n")
        p.stdin.flush()
        for got in p.stdout: pass
    threading.Thread(target=feed, daemon=True).start()
    return p, port

# ---- servers of our own -----------------------------------------------------------------------------------------------------

def context():
    c = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    c.load_cert_chain(pki("ec"))
    return c

class Wire:
    """A TLS server on memory buffers: what it sends can be changed on its way. cut: handshake messages in pieces so long."""
    def __init__(self, sock, ctx, cut=0, stop=0, no_mfl=False):
        self.sock, self.cut, self.stop, self.plain = sock, cut, stop, True
        self.i, self.o = ssl.MemoryBIO(), ssl.MemoryBIO()
        self.tls = ctx.wrap_bio(self.i, self.o, server_side=True)
    def flush(self):
        data, out = self.o.read(), b""
        while self.plain and data:   # plaintext records, until ChangeCipherSpec
            n = struct.unpack(">H", data[3:5])[0]
            kind, version, body, data = data[0], data[1:3], data[5:5 + n], data[5 + n:]
            self.plain = kind == 22
            step = self.cut if self.cut and kind == 22 else len(body)
            for k in range(0, len(body), step):
                part = body[k:k + step]
                out += bytes([kind]) + version + struct.pack(">H", len(part)) + part
        out += data
        if self.stop: raise Stop(out[:self.stop])
        self.sock.sendall(out)
    def run(self, f, *args):
        while True:
            try:
                r = f(*args)
                self.flush()
                return r
            except ssl.SSLWantReadError:
                self.flush()
                data = self.sock.recv(65536)
                if not data: raise EOFError
                self.i.write(data)
            except ssl.SSLError:
                self.flush()         # the alert
                raise

class Stop(Exception): pass

def request(w):
    got = b""
    while b"\r\n\r\n" not in got: got += w.run(w.tls.read, 65536)
    head, body = got.split(b"\r\n\r\n", 1)
    n = int(re.search(rb"(?i)content-length: *(\d+)", head)[1])
    while len(body) < n: body += w.run(w.tls.read, 65536)

def answer(text, length=True, big=0):
    body = json.dumps({"choices": [{"message": {"role": "assistant", "content": text}, "finish_reason": "stop"}], "x": "y" * big}).encode()
    head = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nConnection: close\r\n"
    return head + (b"Content-Length: %d\r\n" % len(body) if length else b"") + b"\r\n" + body

def reset(s):
    s.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    s.close()

def serve_one(s, mode, args, state):
    if mode in ("alert", "close", "reset", "http", "http-html", "ssh"):
        if mode == "ssh": s.sendall(b"SSH-2.0-OpenSSH_9.2p1\r\n")
        s.recv(65536)                # the ClientHello
        if mode == "alert": s.sendall(b"\x15\x03\x03\0\2\2" + bytes([int(args[0])]))
        if mode == "http": s.sendall(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n")
        if mode == "http-html": s.sendall(b"<!DOCTYPE HTML>\n<html><body>Bad request syntax</body></html>\n")
        if mode == "reset": return reset(s)
        return s.shutdown(socket.SHUT_WR) or s.recv(65536)
    ctx = state["ctx"]
    if mode == "forget": ctx = context()
    if mode in ("resume", "forget"):
        ctx.options |= ssl.OP_NO_TICKET
        ctx.maximum_version = ssl.TLSVersion.TLSv1_2
    if mode.startswith("client-"):
        ctx.verify_mode = ssl.CERT_REQUIRED if mode == "client-required" else ssl.CERT_OPTIONAL
        ctx.load_verify_locations(CA)
    def sni(tls, name, _): return None if name == args[0] else ssl.ALERT_DESCRIPTION_UNRECOGNIZED_NAME
    if mode == "sni": ctx.sni_callback = sni
    if mode == "alpn": ctx.set_alpn_protocols(args)
    w = Wire(s, ctx, cut=int(args[0]) if mode == "handshake" else 0, stop=400 if mode.endswith("-mid") else 0)
    try: w.run(w.tls.do_handshake)
    except Stop as part:
        s.sendall(part.args[0])
        time.sleep(0.1)              # a reset would overtake what it follows
        return reset(s) if mode == "reset-mid" else s.shutdown(socket.SHUT_WR) or s.recv(65536)
    request(w)
    text = "the answer"
    if mode in ("resume", "forget"): text += ", resumed" if w.tls.session_reused else ", full"
    data = answer(text, length=mode != "until-close", big=60000 if mode == "record" and args != ["1"] else 0)
    if mode == "record":
        for k in range(0, len(data), int(args[0])): w.run(w.tls.write, data[k:k + int(args[0])])
    elif args == ["mid"]:
        w.run(w.tls.write, data[:-30])
        w.tls.write(data[-30:])
        s.sendall(w.o.read()[:-10])
    else:
        w.run(w.tls.write, data)
    if args not in (["cut"], ["mid"]):
        try: w.tls.unwrap()
        except ssl.SSLError: pass
        w.flush()
    s.shutdown(socket.SHUT_WR)
    s.settimeout(2)
    while s.recv(65536): pass

def py(words):
    listener = socket.socket()
    listener.bind(("127.0.0.1", 0))
    listener.listen(5)
    state = {"ctx": context()}
    def loop():
        while True:
            try: s, _ = listener.accept()
            except OSError: return
            try: serve_one(s, words[0], words[1:], state)
            except (OSError, EOFError, ssl.SSLError): pass
            finally: s.close()
    threading.Thread(target=loop, daemon=True).start()
    return listener, listener.getsockname()[1]

# ---- one setting --------------------------------------------------------------------------------------------------------------

def settings():
    for line in open((sys.argv + [None])[3] or os.path.join(HERE, "tls", "servers.txt")):
        if line.strip() and line[0] != "#":
            yield dict(zip(COLUMNS, [x.strip() for x in line.split("|", len(COLUMNS) - 1)]))

def run(c):
    kind, *words = shlex.split(c["server"])
    how, *more = c["client"].split()
    if kind == "openssl": p, port = s_server(words[0], words[1:])
    elif kind == "stdin": p, port = on_stdin(words)
    elif kind == "gnutls": p, port = gnutls_serv(words[0], words[1], words[2:])
    else: p, port = py(words)
    try:
        if how == "get": args = [CLIENT, str(port), "localhost", CA, "/medium"] + more
        else: args = [CHAT, "https://localhost:%d/v1" % port, CA] + more
        out = subprocess.run(args, capture_output=True, text=True, timeout=60).stdout.strip()
    finally:
        if isinstance(p, subprocess.Popen):
            p.kill()
            p.wait()
        else: p.close()
    line = out.split("\n")[-1]
    status = "LLM_OK" if line.startswith("ok ") else line.split(" ")[1] if line.startswith("failed ") else line.split(" ")[0]
    ok = status == c["status"] and all(w.strip() in line for w in c["words"].split(";"))
    return ok, line

open(os.path.join(TMP.name, "medium"), "wb").write(b"m" * 300000)
all_settings = list(settings())
by_id = {c["id"]: c for c in all_settings}
passed = failed = 0
have_gnutls = subprocess.run("command -v gnutls-serv", shell=True, stdout=subprocess.DEVNULL).returncode == 0

def check(ok, text):
    global passed, failed
    if ok: passed += 1
    else:
        failed += 1
        print("FAILED " + text)

for c in all_settings:
    good = c["status"] == "LLM_OK"
    check(good == (c["twin"] == "") and (good or by_id.get(c["twin"], {}).get("status") == "LLM_OK"), "%s: its twin" % c["id"])
ran = [c for c in all_settings if have_gnutls or not c["server"].startswith("gnutls")]
with ThreadPoolExecutor(3) as pool:
    jobs = [(c, pool.submit(run, c)) for c in ran]
    for c, j in jobs:
        try: ok, line = j.result()
        except Exception as e: ok, line = False, repr(e)
        print("%-18s %s" % (c["id"], line[:200]))
        check(ok, "%s\n    wanted %s %s" % (c["id"], c["status"], c["words"]))
check(len(ran) >= 50, "too few settings")
print("%d settings" % len(ran))
print("%d passed, %d failed" % (passed, failed))
sys.exit(failed != 0)
