#!/usr/bin/env python3
# Writes events.txt: JSON texts and the events that they consist of, as Python's json module sees them.
#   python3 make.py > events.txt
# A byte that is not printable ASCII, a blank and '%' stand as %HH. A lone half of a surrogate pair is U+FFFD.
import json


class Number(str):
    pass


class Pairs(list):
    pass


def shown(data):
    return ''.join(chr(b) if 0x20 < b < 0x7f and b != 0x25 else '%%%02X' % b for b in data)


def text(s):
    return shown(''.join('\ufffd' if 0xd800 <= ord(c) < 0xe000 else c for c in s).encode())


def walk(v):
    if isinstance(v, Pairs):
        print('object')
        for key, value in v:
            name = text(key)
            print('key ' + name if len(key.encode('utf-8', 'replace')) <= 64 else 'key-too-long')
            walk(value)
        print('object-end')
    elif isinstance(v, list):
        print('array')
        for value in v:
            walk(value)
        print('array-end')
    elif isinstance(v, Number):
        print('number ' + v)
    elif isinstance(v, str):
        print('string ' + text(v))
    else:
        print({True: 'true', False: 'false', None: 'null'}[v])


texts = [
    b'{}', b'[]', b' [ ] ', b'{ }', b'""', b'"plain"', b'true ', b'\tfalse', b'\r\n\r\nnull\n', b'0 ', b'-0.5e+10 ',
    b'\xef\xbb\xbf{"mark":1}', b'\xef\xbb\xbf [1]',
    b'[1,-2,3.25,4e5,6E-7,8.9e+10,0,-0,0.0,0e0]',
    b'[[],[[]],{},{"a":{}},[{"b":[]}]]',
    b'{"a":1 , "b" : [ true ,false, null ] ,\n"c":{"d":"e"}}',
    b'{"":"","same":1,"same":2}',
    b'"\\"\\\\\\/\\b\\f\\n\\r\\t"',
    b'"\\u0041\\u00e9\\u20ac\\ud83d\\ude00\\u0000\\uFFFF\\uAbCd"',
    b'"\\ud83d"', b'"\\ude00"', b'"\\ude00\\ud83d"', b'"\\ud83d\\ud83d\\ude00"', b'"\\ud83dx\\ude00"',
    b'"\\ud83d\\n\\ude00"', b'"\\ud83d\\u0041"', b'"\\ud83d\xc3\xa9"', b'{"\\ud83d":"\\ud83d","\\ude00":"\\ude00"}',
    b'["\\ud83d","\\ude00"]',
    b'"\xc2\x80\xdf\xbf\xe0\xa0\x80\xed\x9f\xbf\xee\x80\x80\xef\xbf\xbf\xf0\x90\x80\x80\xf4\x8f\xbf\xbf\x7f"',
    'Grüße, 世界 😀 и мир'.join(['{"k\\u00e9y 世":"', '","arr":["', '"]}']).encode(),
    b'"' + b'a' * 31 + b'\\n' + b'b' * 32 + b'\\n' + b'c' * 33 + b'\\t"',
    b'"' + b'\\"{\\\\' * 40 + b'"', b'"' + b'\\u00e9' * 30 + b'x' * 100 + b'\\ud83d\\ude00' * 20 + b'"',
    b'{"' + b'k' * 64 + b'":1,"' + b'k' * 65 + b'":2,"' + b'k' * 63 + b'\\u00e9":3,"' + b'\\n' * 64 + b'":4,"'
    + b'\\n' * 65 + b'":5,"' + b'\xc3\xa9' * 32 + b'":6}',
    b'[' * 64 + b']' * 64, b'{"a":' * 63 + b'[]' + b'}' * 63,
    b'{"id":"chatcmpl-1","object":"chat.completion.chunk","created":1764000000,"model":"m","choices":[{"index":0,'
    b'"delta":{"content":" word \\u2713 \\"x\\"\\n"},"logprobs":null,"finish_reason":null}],"usage":{"total_tokens":12}}',
]
print('# Written by make.py. A text, then its events, then an empty line.')
for t in texts:
    print('text ' + shown(t))
    s = t[3:] if t.startswith(b'\xef\xbb\xbf') else t
    walk(json.loads(s, object_pairs_hook=Pairs, parse_float=Number, parse_int=Number))
    print()
