#!/usr/bin/env python3
# texts.py json [PART..] > FILE, texts.py print > FILE: what is judged. json: JSON texts and texts that are nearly JSON,
# each behind its length (4 bytes, little-endian); parts: short strings deep numbers changed. print: doubles, 8 bytes each. Random numbers are the same in every run.
import itertools
import math
import random
import struct
import sys
from decimal import Decimal, getcontext

rnd = random.Random(20261122)
out = sys.stdout.buffer


def put(text):
    if isinstance(text, str):
        text = text.encode('utf-8')
    out.write(struct.pack('<I', len(text)) + text)


def of_bits(bits):
    return struct.unpack('<d', struct.pack('<Q', bits))[0]


def to_bits(x):
    return struct.unpack('<Q', struct.pack('<d', x))[0]


SPECIAL = [0, 1, 2, 0x000FFFFFFFFFFFFF, 0x0010000000000000, 0x0010000000000001, 0x7FEFFFFFFFFFFFFF, 0x3FF0000000000000,
           0x3FEFFFFFFFFFFFFF, 0x3FF0000000000001, 0x4340000000000000, 0x4340000000000001, 0x433FFFFFFFFFFFFF]

TEXTS = [
    '{"id":"chatcmpl-1","object":"chat.completion","created":1700000000,"model":"gpt-4o","choices":[{"index":0,"message":'
    '{"role":"assistant","content":"caf\u00e9 \\ud83d\\ude00 \\n"},"finish_reason":"stop"}],"usage":{"prompt_tokens":3}}',
    '{"choices":[{"delta":{"tool_calls":[{"index":0,"id":"c","function":{"name":"f","arguments":"{\\"a\\":1}"}}]}}]}',
    '{"error":{"message":"no","type":null,"param":false,"code":"x"}}',
    '[-0,0.5,1e3,-1.25E-7,true,false,null,"",[],{}]',
    ' [ 1 , { "a" : [ "\\u0041\\u00e9\\u20ac" ] , "b" : { } } ] \n',
    '"\\"\\\\\\/\\b\\f\\n\\r\\t"',
    '{"":{"":{"":[]}}}',
]


def short():
    # everything short, over the characters and over the tokens of the grammar
    for n in range(0, 6):
        for t in itertools.product('{}[],:"\\01-.e ', repeat=n):
            put(''.join(t))
    tokens = ['{', '}', '[', ']', ',', ':', '"a"', '"b"', '0', '-1.5e3', 'true', 'null']
    for n in range(1, 6):
        for t in itertools.product(tokens, repeat=n):
            put(''.join(t))
    for word in ('true', 'false', 'null', 'NaN', 'Infinity', '-Infinity', 'nan', 'undefined', 'True', "'a'", '0x10', '/**/1'):
        for k in range(len(word) + 1):
            put(word[:k])
        put('[' + word + ']')
        put(word.upper())
        put(word + word)


def strings():
    for c in range(256):
        b = bytes([c])
        for form in (b'"%s"', b'"a%sb"', b'"\\%s"', b'"\\u%s041"', b'"\\u0%s41"', b'"\\u00%s1"', b'"\\u004%s"', b'%s[]', b'[]%s', b'[%s]',
                     b'[1%s2]', b'1%s', b'%s1', b'{"a"%s1}', b'{"a":1%s}', b'"%s', b'\\%s', b'\xef\xbb%s1', b'\xef\xbb\xbf%s'):
            put(form.replace(b'%s', b))
    for u in range(0x10000):
        put('"\\u%04x"' % u)
    units = [0, 0x41, 0x7F, 0x80, 0x7FF, 0x800, 0xD7FF, 0xD800, 0xD83D, 0xDBFF, 0xDC00, 0xDE00, 0xDFFF, 0xE000, 0xFFFD, 0xFFFF]
    for a in units:
        for b in units:
            for between in ('', 'x', '\\n', '\u00e9', '\U0001F600', '\\u', '"'):
                put('["\\u%04X%s\\u%04x"]' % (a, between, b))
            for c in units[6:13]:
                put('"\\u%04x\\u%04X\\u%04x"' % (a, b, c))
            put('["\\u%04x","\\u%04x"]' % (a, b))
            put('{"\\u%04x":"\\u%04x"}' % (a, b))
    for cp in range(0, 0x110000, 97):
        if not 0xD800 <= cp < 0xE000:
            s = chr(cp)
            put('"%s"' % s if cp >= 0x20 and s not in '"\\' else '"\\u%04x"' % cp)

    # byte order marks, NULs, duplicate keys, keys at the length that is kept
    for bom in ('\ufeff', '\ufeff\ufeff', ' \ufeff', '\ufeff '):
        for t in ('1', '', '[]', '"a"'):
            put(bom + t)
    for t in ('{"a":1,"a":2}', '{"a":{"a":1},"a":{"a":2,"a":3}}', '{"":1,"":2}', '{"a":1,"\\u0061":2}', '{"a\\u0000b":1,"a":2}'):
        put(t)
    for n in (62, 63, 64, 65, 66, 200):
        put('{"%s":1}' % ('k' * n))
        put('{"%s\u20ac":1}' % ('k' * (n - 3)))
        put('{"%s\\u20ac":1}' % ('k' * (n - 3)))
        put('"%s"' % ('s' * n))
        put('"%s\\n%s"' % ('s' * n, 't' * n))


def deep():
    for n in (1, 2, 62, 63, 64, 65, 66, 127, 128, 129, 1000):
        for a, b in (('[', ']'), ('{"a":', '}'), ('[{"a":', '}]')):
            m = n if len(a) < 6 else (n + 1) // 2
            for mid in ('1', '', '[]', '{}', ']'):
                put(a * m + mid + b * m)
            put(a * m)
            put(a * m + '1' + b * (m - 1))
            put(a * m + '1' + b * (m + 1))
            put(' '.join(a * m + '1' + b * m))
    put('[' + '[],' * 500 + '{}' + ',[[]]' * 500 + ']')


def numbers():
    # the grammar and its neighbours
    for sign in ('', '-', '+', '--'):
        for whole in ('', '0', '00', '1', '12', '012', '9007199254740993', '1' + '0' * 30):
            for frac in ('', '.', '.0', '.5', '.05', '.000000000000000000000000001', '.5.5'):
                for e in ('', 'e', 'E', 'e+', 'e-', 'e1', 'E+12', 'e-12', 'e00', 'e007', 'e308', 'e309', 'e-308', 'e-324', 'e-325', 'e400',
                          'e-400', 'e5000', 'e-5000', 'e99999999999999999999', 'e-99999999999999999999', 'e1.5', 'e+-1', 'ee1'):
                    put(sign + whole + frac + e)
                    put('[' + sign + whole + frac + e + ']')
    for _ in range(60000):
        d = ''.join(rnd.choice('0123456789') for _ in range(rnd.choice((1, 2, 5, 15, 16, 17, 18, 19, 20, 25, 40))))
        d = d.lstrip('0') or '0'
        if rnd.random() < 0.6 and len(d) > 1:
            k = rnd.randrange(1, len(d))
            d = d[:k] + '.' + d[k:]
        if rnd.random() < 0.7:
            d += rnd.choice('eE') + rnd.choice(('', '+', '-')) + str(rnd.choice((0, 5, 15, 22, 23, 60, 280, 300, 305, 308, 320, 330)) + rnd.randrange(5))
        put(('-' if rnd.random() < 0.3 else '') + d)
    # exactly between two doubles, and a little to either side: only exact arithmetic gets these right
    getcontext().prec = 1200
    for i in range(1500):
        b = rnd.getrandbits(63) if i % 3 else rnd.getrandbits(53 + i % 8)
        x = of_bits(b)
        if not math.isfinite(x) or b + 1 >= 0x7FF0000000000000:
            continue
        mid = (Decimal(x) + Decimal(of_bits(b + 1))) / 2
        sign, digits, exp = mid.as_tuple()
        d = ''.join(map(str, digits))
        for t in (d, d[:-1] + str(int(d[-1]) - 1), d + '0' * 20 + '1', d[:-1] + str(int(d[-1]) - 1) + '9' * 20):
            put('%se%d' % (t, exp - (len(t) - len(d))))
    for b in SPECIAL:
        for k in range(max(b - 2, 0), b + 3):
            if k < 0x7FF0000000000000:
                put(repr(of_bits(k)))
                put('%.40e' % of_bits(k))
                put('-%.800e' % of_bits(k))
    for e in range(-345, 312):
        for m in ('1', '9.999999999999999', '1.7976931348623157', '1.7976931348623159', '4.9406564584124654', '2.4703282292062328', '2.2250738585072011'):
            put('%se%d' % (m, e))


def changed():
    # good texts with one thing changed
    for t in TEXTS:
        s = t.encode('utf-8')
        put(s)
        for i in range(len(s) + 1):
            put(s[:i])
            if i < len(s):
                put(s[:i] + s[i + 1:])
                put(s[:i] + s[i:i + 1] * 2 + s[i + 1:])
                put(s[:i] + bytes([s[i] ^ 1 << rnd.randrange(8)]) + s[i + 1:])
            for c in b'{}[],:"\\0-.eE \n\x00\x1f\x7f\x80\xc3\xed\xf4\xff':
                put(s[:i] + bytes([c]) + s[i:])
                if i < len(s):
                    put(s[:i] + bytes([c]) + s[i + 1:])
        for _ in range(2000):
            i, j = sorted(rnd.randrange(len(s) + 1) for _ in range(2))
            put(s[:i] + s[j:])
            put(s[:j] + s[i:])


def doubles():
    for b in SPECIAL:
        for k in range(max(b - 3, 0), b + 4):
            yield k
    for e in range(2047):
        yield e << 52
        yield (e << 52) + 1
        if e:
            yield (e << 52) - 1
    for e in range(-323, 309):
        b = to_bits(float('1e%d' % e))
        yield from (b - 1 if b else 0, b, b + 1)
    for i in range(4000):
        yield to_bits(float(i))
        yield to_bits(i / 100)
        yield to_bits(float(2 ** 53 - 2000 + i))
        yield to_bits(1e16 - 4000 + 2 * i)
    for _ in range(150000):
        yield rnd.getrandbits(63)
        yield to_bits(round(rnd.uniform(0, 10 ** rnd.randrange(12)), rnd.randrange(8)))
    for _ in range(20000):
        yield rnd.getrandbits(52)


PARTS = {'short': short, 'strings': strings, 'deep': deep, 'numbers': numbers, 'changed': changed}
if sys.argv[1] == 'json':
    for part in sys.argv[2:] or PARTS:
        PARTS[part]()
else:
    for bits in doubles():
        out.write(struct.pack('<Q', bits))
        out.write(struct.pack('<Q', bits | 1 << 63))
