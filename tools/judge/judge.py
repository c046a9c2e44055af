#!/usr/bin/env python3
# judge.py utf8 LO HI | utf8-long | json TEXTS [part] | print DOUBLES: reads what ours.c says on standard input and compares it
# with Python's own decoder, json module and float(). Every difference is on a list with its reason, or a finding.
import json
import math
import struct
import sys
from decimal import Decimal

JUDGE = 'python3'
# `part`: not every one of these has to come up
KNOWN = {
    'bom': 'a byte order mark before a text: RFC 8259 8.1 lets a reader ignore it, json.loads() refuses it',
    'limit': 'nesting deeper than LLM_MAX_JSON_DEPTH (64) is a limit of ours, RFC 8259 9; json.loads() has another one',
    'constant': 'NaN, Infinity and -Infinity: json.loads() takes them, RFC 8259 6 does not',
    'half': 'a lone surrogate escape becomes U+FFFD; json.loads() keeps what UTF-8 cannot hold',
    'huge': 'a number above the largest double is LLM_ERR_LIMIT; float() says infinity',
    'longkey': 'a key of more than 64 bytes is not kept by the reader: no name of the API is as long',
    'longnumber': 'inside a text the reader keeps 64 bytes of a number; llm_json_number() takes it whole',
}
DEPTH, KEY, NUMBER = 64, 64, 64
seen = dict.fromkeys(KNOWN, 0)
compared = findings = 0


def finding(what, text, ours, theirs):
    global findings
    findings += 1
    if findings <= 20:
        print('DIFFERENT (%s, %s): %s\n    ours:   %s\n    theirs: %s' % (JUDGE, what, repr(text)[:200], repr(ours)[:200], repr(theirs)[:200]))


# ---- UTF-8 ------------------------------------------------------------------------------------------------------
ESCAPES = {c: ('\\u%04x' % c).encode() for c in range(32)}
ESCAPES.update({10: b'\\n', 13: b'\\r', 9: b'\\t', 34: b'\\"', 92: b'\\\\'})
ESCAPED = [ESCAPES.get(c, bytes([c])) for c in range(256)]


def is_string(s):
    try:
        json.loads('"' + s.decode('utf-8') + '"')
        return b'\1'
    except ValueError:       # UnicodeDecodeError is one
        return b'\0'


def utf8(groups):
    global compared
    stdin = sys.stdin.buffer
    for strings in groups:
        # each by itself: what the end of the input does is part of the question
        want = b''.join(is_string(s) + b'"' + b''.join([ESCAPED[c] for c in s]).decode('utf-8', 'replace').encode() + b'"\n'
                        for s in strings)
        got = stdin.read(len(want))
        compared += len(strings)
        if got != want:
            if got.count(b'"\n') != len(strings):
                got += stdin.read(64)
            for s, a, b in zip(strings, got.split(b'"\n'), want.split(b'"\n')):
                if a != b:
                    finding('UTF-8', s, a, b)
                    break
            return                  # what follows is out of step
    if stdin.read(1):
        finding('UTF-8', '', 'more', 'the end')


def utf8_short(lo, hi):
    one = [bytes([c]) for c in range(256)]
    if lo == 0:
        yield [b'']
    for a in range(lo, hi + 1):
        yield [one[a]]
        for b in range(256):
            ab = one[a] + one[b]
            yield [ab] + [ab + c for c in one]


def utf8_long():
    lead = [0xC0, 0xC1, 0xC2, 0xDF, 0xE0, 0xE1, 0xEC, 0xED, 0xEE, 0xEF, 0xF0, 0xF1, 0xF2, 0xF3, 0xF4, 0xF5, 0xF6, 0xF7, 0xF8, 0xFB, 0xFC, 0xFD, 0xFE, 0xFF]
    edge = [0x41, 0x7F, 0x80, 0x8F, 0x90, 0x9F, 0xA0, 0xBF, 0xC0, 0xF4]
    tail = [b'', b'a', b'\xbf', b'\xc2', b'\xf0\x90\x80']
    ends = [bytes([c, d]) + e for c in edge for d in edge for e in tail]
    for a in lead:
        for b in range(256):
            ab = bytes([a, b])
            yield [ab + e for e in ends]


# ---- JSON ------------------------------------------------------------------------------------------------------
class Number(str):
    pass


class Pairs(list):
    pass


class Constant(Exception):
    pass


def constant(word):
    raise Constant(word)


decoder = json.JSONDecoder(object_pairs_hook=Pairs, parse_float=Number, parse_int=Number, parse_constant=constant)


def text_of(s):
    if any('\ud800' <= c <= '\udfff' for c in s):
        seen['half'] += 1
        s = ''.join('\ufffd' if '\ud800' <= c <= '\udfff' else c for c in s)
    return s.encode('utf-8')


def bits_of(number):
    x = float(number)
    if x in (float('inf'), float('-inf')):
        seen['huge'] += 1
        return 'inf'
    return '%016x' % struct.unpack('<Q', struct.pack('<d', x))[0]


def walk(v, out):
    stack = [v]
    while stack:
        v = stack.pop()
        if isinstance(v, Mark):
            out.append(v.text)
        elif isinstance(v, Pairs):
            out.append('{')
            stack.append(Mark('}'))
            for key, value in reversed(v):
                stack.append(value)
                name = text_of(key)
                if len(name) > KEY:
                    seen['longkey'] += 1
                stack.append(Mark('k' + (name.hex() if len(name) <= KEY else '-')))
        elif isinstance(v, list):
            out.append('[')
            stack.append(Mark(']'))
            stack.extend(reversed(v))
        elif isinstance(v, Number):
            if len(v) > NUMBER:
                seen['longnumber'] += 1
                out.append('#')
            else:
                out.append('#' + bits_of(v))
        elif isinstance(v, str):
            out.append('s' + text_of(v).hex())
        else:
            out.append({True: 'T', False: 'F', None: 'N'}[v])


class Mark:
    def __init__(self, text):
        self.text = text


def depth_of(s):
    depth = most = 0
    inside = False
    it = iter(s)
    for c in it:
        if inside:
            if c == '\\':
                next(it, None)
            elif c == '"':
                inside = False
        elif c == '"':
            inside = True
        elif c in '[{':
            depth += 1
            most = max(most, depth)
        elif c in ']}':
            depth -= 1
    return most


def theirs(text):
    try:
        s = text.decode('utf-8')
    except UnicodeDecodeError:
        return 'n '
    if s.startswith('\ufeff'):
        seen['bom'] += 1
        s = s[1:]
    if s.count('[') + s.count('{') > DEPTH and depth_of(s) > DEPTH:
        return None
    try:
        v = decoder.decode(s)
    except Constant:
        seen['constant'] += 1
        return 'n '
    except ValueError:
        return 'n '
    out = []
    walk(v, out)
    line = 'y ' + ''.join(out)
    if isinstance(v, Number):
        line += ' ' + bits_of(v)
    return line


def frames(name):
    with open(name, 'rb') as f:
        data = f.read()
    at = 0
    while at < len(data):
        n = struct.unpack_from('<I', data, at)[0]
        yield data[at + 4:at + 4 + n]
        at += 4 + n


def json_texts(name):
    global compared
    for text in frames(name):
        ours = sys.stdin.readline().rstrip('\n')
        want = theirs(text)
        compared += 1
        if want is None:             # too deep for us, or wrong before it is: the bytes before say which
            if ours == 'l ':
                seen['limit'] += 1
            elif ours != 'n ':
                finding('depth', text, ours, 'l or n')
        elif ours != want:
            finding('JSON', text, ours, want)


# ---- numbers out ----------------------------------------------------------------------------------------------------
def printed(name):
    global compared
    with open(name, 'rb') as f:
        data = f.read()
    for (x,) in struct.iter_unpack('<d', data):
        ours = sys.stdin.readline().rstrip('\n')
        compared += 1
        if not math.isfinite(x):
            if ours != 'refused':        # JSON has no word for it
                finding('print', x, ours, 'refused')
            continue
        try:
            value = json.loads(ours)            # it is a JSON number
            same = struct.pack('<d', float(ours)) == struct.pack('<d', x)
        except ValueError:
            finding('print', x, ours, repr(x))
            continue
        # repr() is the shortest, and the nearest of those
        if not same or isinstance(value, (str, bool)) or Decimal(ours).normalize().as_tuple() != Decimal(repr(x)).normalize().as_tuple():
            finding('print', x, ours, repr(x))
        elif x == int(x) and abs(x) < 1e16 and ours.lstrip('-') != str(abs(int(x))):
            finding('print', x, ours, int(x))


what = sys.argv[1]
if what == 'utf8':
    utf8(utf8_short(int(sys.argv[2]), int(sys.argv[3])))
    used = []
elif what == 'utf8-long':
    utf8(utf8_long())
    used = []
elif what == 'json':
    json_texts(sys.argv[2])
    used = list(KNOWN)
else:
    printed(sys.argv[2])
    used = []
if sys.stdin.buffer.read(1) and findings == 0:
    finding(what, '', 'more lines', 'the end')
for k in used:
    print('  known difference, %d times: %s' % (seen[k], KNOWN[k]))
    if seen[k] == 0 and len(sys.argv) < 4:
        finding('a difference that is on the list and never seen', k, '', '')
print('%s, %s: %d compared, %d different' % (JUDGE, ' '.join(sys.argv[1:])[:40].split('/')[0].strip(), compared, findings))
sys.exit(1 if findings or compared == 0 else 0)
