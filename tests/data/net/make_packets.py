#!/usr/bin/python3
"""Writes packets.txt, DNS messages for test_net.c made by dnspython (Debian: python3-dnspython).

Lines of packets.txt: case, name, type, id, packet in hex, expected result, expected addresses (- = none).
The result QUERY (or LARGE) marks a query, to be compared byte for byte.
"""
import struct

import dns.flags
import dns.message
import dns.rcode
import dns.rrset

out = []


def emit(case, name, rtype, ident, wire, result, addrs=()):
    out.append(" ".join([case, name, rtype, str(ident), wire.hex() or "-", result, ",".join(addrs) or "-"]))


def query(name, rtype, ident, edns=False):
    q = dns.message.make_query(name, rtype, want_dnssec=False)
    q.id = ident
    if edns:
        q.use_edns(0, 0, 1232)
    return q


def answer(name, rtype, ident, records=(), rcode=dns.rcode.NOERROR, tc=False, compress=True, extra=()):
    r = dns.message.make_response(query(name, rtype, ident), recursion_available=True)
    r.set_rcode(rcode)
    if tc:
        r.flags |= dns.flags.TC
    for owner, rt, data in records:      # a set for each, as the order of one set would be left to chance
        for d in data:
            r.answer.append(dns.rrset.from_text(owner, 60, "IN", rt, d))
    for owner, rt, data in extra:
        r.authority.append(dns.rrset.from_text(owner, 60, "IN", rt, *data))
    if compress:
        return r.to_wire(max_size=65535)
    wire = struct.pack("!HHHHHH", ident, r.flags | rcode, 1, sum(len(s) for s in r.answer), 0, 0)
    wire += r.question[0].name.to_wire() + struct.pack("!HH", r.question[0].rdtype, 1)
    for s in r.answer:
        for rd in s:
            data = rd.to_wire()
            wire += s.name.to_wire() + struct.pack("!HHIH", s.rdtype, 1, 60, len(data)) + data
    return wire


N = "api.example.com."
A2 = ["192.0.2.1", "192.0.2.2"]
for t in ("A", "AAAA"):
    emit("query", N, t, 4660, query(N, t, 4660).to_wire(), "QUERY")
    emit("query_edns", N, t, 65535, query(N, t, 65535, True).to_wire(), "LARGE")
long = ".".join(["a" * 63, "b" * 63, "c" * 63, "d" * 61]) + "."
emit("query_longest", long, "AAAA", 0, query(long, "AAAA", 0).to_wire(), "QUERY")

emit("a", N, "A", 7, answer(N, "A", 7, [(N, "A", A2)]), "FOUND", A2)
emit("a_plain", N, "A", 7, answer(N, "A", 7, [(N, "A", A2)], compress=False), "FOUND", A2)
emit("aaaa", N, "AAAA", 8, answer(N, "AAAA", 8, [(N, "AAAA", ["2001:db8::1"])]), "FOUND", ["2001:db8::1"])
five = ["192.0.2.%d" % i for i in range(1, 6)]
emit("a_more_than_kept", N, "A", 7, answer(N, "A", 7, [(N, "A", five)]), "FOUND", five[:4])
emit("upper_case", N, "A", 9, answer("API.Example.COM.", "A", 9, [("api.EXAMPLE.com.", "A", A2)]), "FOUND", A2)
chain = [(N, "CNAME", ["b.example.net."]), ("b.example.net.", "CNAME", ["c.cdn.example."]),
         ("c.cdn.example.", "A", A2)]
emit("cname", N, "A", 10, answer(N, "A", 10, chain), "FOUND", A2)
emit("cname_plain", N, "A", 10, answer(N, "A", 10, chain, compress=False), "FOUND", A2)
emit("cname_backwards", N, "A", 10, answer(N, "A", 10, chain[::-1]), "FOUND", A2)
emit("cname_no_end", N, "A", 11, answer(N, "A", 11, chain[:2]), "ALIAS")
SOA = ("cdn.example.", "SOA", ["ns.example.com. root.example.com. 1 2 3 4 5"])
emit("cname_no_address", N, "A", 11, answer(N, "A", 11, chain[:2], extra=[SOA]), "NO_DATA")
emit("cname_other_authority", N, "A", 11, answer(N, "A", 11, chain[:2], extra=[("cdn.example.", "NS", ["ns.example.com."])]), "ALIAS")
emit("cname_no_end_tc", N, "A", 11, answer(N, "A", 11, chain[:2], tc=True), "CUT")
emit("cname_loop", N, "A", 11, answer(N, "A", 11, [(N, "CNAME", ["b.example."]), ("b.example.", "CNAME", [N])]), "BAD")
deep = [("n%d.example." % i if i else N, "CNAME", ["n%d.example." % (i + 1)]) for i in range(9)]
emit("cname_too_long", N, "A", 11, answer(N, "A", 11, deep + [("n9.example.", "A", A2)]), "BAD")
emit("cname_seven", N, "A", 11, answer(N, "A", 11, deep[:7] + [("n7.example.", "A", A2)]), "FOUND", A2)
emit("other_owner", N, "A", 12, answer(N, "A", 12, [("evil.example.", "A", A2)]), "NO_DATA")
emit("other_type", N, "AAAA", 12, answer(N, "AAAA", 12, [(N, "A", A2)]), "NO_DATA")
emit("no_data", N, "AAAA", 13, answer(N, "AAAA", 13, extra=[("example.com.", "SOA",
     ["ns.example.com. root.example.com. 1 2 3 4 5"])]), "NO_DATA")
for code, result in (("NXDOMAIN", "NO_NAME"), ("SERVFAIL", "BAD"), ("REFUSED", "BAD"), ("FORMERR", "BAD"),
                     ("NOTIMP", "BAD")):
    emit(code.lower(), N, "A", 14, answer(N, "A", 14, rcode=dns.rcode.from_text(code)), result)
emit("truncated_empty", N, "A", 15, answer(N, "A", 15, tc=True), "CUT")
emit("truncated_some", N, "A", 15, answer(N, "A", 15, [(N, "A", A2)], tc=True), "FOUND", A2)
good = answer(N, "A", 16, [(N, "A", A2)])
emit("truncated_inside", N, "A", 16, good[:2] + bytes([good[2] | 2]) + good[3:-9], "FOUND", A2[:1])
emit("broken_inside", N, "A", 16, good[:-9], "FOUND", A2[:1])
emit("broken_first", N, "A", 16, good[:-25], "BAD")
emit("wrong_id", N, "A", 17, good, "NOT_OURS")
emit("wrong_question", "api.example.org.", "A", 16, good, "NOT_OURS")
emit("wrong_type", N, "AAAA", 16, good, "NOT_OURS")
emit("a_query_comes_back", N, "A", 18, query(N, "A", 18).to_wire(), "NOT_OURS")
emit("two_questions", N, "A", 16, good[:5] + b"\2" + good[6:], "NOT_OURS")
emit("no_question", N, "A", 19, struct.pack("!HHHHHH", 19, 0x8182, 0, 0, 0, 0), "NOT_OURS")
emit("class_chaos", N, "A", 16, good[:-32] + good[-32:].replace(b"\0\1\0\1", b"\0\1\0\3"), "NO_DATA")
emit("empty", N, "A", 16, b"", "NOT_OURS")

# what no serializer writes: the answer's owner is a pointer to itself, into the future, in a circle
tail = struct.pack("!HHIH", 1, 1, 60, 4) + bytes([192, 0, 2, 1])
head = answer(N, "A", 20)
head = head[:6] + b"\0\1" + head[8:]
at = len(head)
emit("pointer_to_itself", N, "A", 20, head + struct.pack("!H", 0xC000 | at) + tail, "BAD")
emit("pointer_forwards", N, "A", 20, head + struct.pack("!H", 0xC000 | (at + 16)) + tail + b"\3api\7example\3com\0", "BAD")
emit("pointer_circle", N, "A", 20, head + b"\1x" + struct.pack("!H", 0xC000 | at) + tail, "BAD")
emit("pointer_past_end", N, "A", 20, head + b"\xff\xff" + tail, "BAD")
emit("label_type_64", N, "A", 20, head + b"\x40" + tail, "BAD")
emit("name_without_end", N, "A", 20, head + b"\x3f" + b"a" * 20, "BAD")
emit("name_too_long", N, "A", 20, head + (b"\x3f" + b"a" * 63) * 4 + b"\0" + tail, "BAD")
emit("length_too_long", N, "A", 20, head + b"\xc0\x0c" + struct.pack("!HHIH", 1, 1, 60, 5) + bytes(4), "BAD")
emit("address_too_short", N, "A", 20, head + b"\xc0\x0c" + struct.pack("!HHIH", 1, 1, 60, 3) + bytes(3), "NO_DATA")
emit("more_counted_than_there", N, "A", 16, good[:6] + b"\xff\xff" + good[8:], "FOUND", A2)

with open("packets.txt", "w") as f:
    f.write("# Written by make_packets.py with dnspython: case name type id packet result addresses\n")
    f.write("\n".join(out) + "\n")
