// judge.mjs utf8 LO HI | utf8-long | json TEXTS [part]: reads what ours.c says on standard input and compares it with node's
// TextDecoder, JSON.parse() and Number. Every difference is on a list with its reason, or a finding.
import fs from 'node:fs';
import { isUtf8 } from 'node:buffer';

const KNOWN = {
  bom: 'a byte order mark before a text: RFC 8259 8.1 lets a reader ignore it, JSON.parse() refuses it',
  limit: 'nesting deeper than LLM_MAX_JSON_DEPTH (64) is a limit of ours, RFC 8259 9; JSON.parse() has another one',
  half: 'a lone surrogate escape becomes U+FFFD; JSON.parse() keeps what UTF-8 cannot hold',
  huge: 'a number above the largest double is LLM_ERR_LIMIT; JSON.parse() says Infinity',
};
const seen = Object.fromEntries(Object.keys(KNOWN).map((k) => [k, 0]));
const what = process.argv[2];
let compared = 0;
let findings = 0;

function finding(kind, text, ours, theirs) {
  if (++findings <= 20) {
    console.log(`DIFFERENT (node, ${kind}): ${JSON.stringify(text.toString('latin1')).slice(0, 200)}`);
    console.log(`    ours:   ${JSON.stringify(ours.toString('latin1')).slice(0, 200)}`);
    console.log(`    theirs: ${JSON.stringify(theirs.toString('latin1')).slice(0, 200)}`);
  }
}

// ---- standard input, read as it is needed
let have = Buffer.alloc(0);
let eof = false;
function read(n) {
  const parts = [have];
  let got = have.length;
  while (got < n && !eof) {
    const b = Buffer.allocUnsafe(1 << 20);
    let k = 0;
    try {
      k = fs.readSync(0, b, 0, b.length);
    } catch (e) {
      if (e.code === 'EAGAIN') continue;
      if (e.code !== 'EOF') throw e;
    }
    if (k === 0) eof = true;
    parts.push(b.subarray(0, k));
    got += k;
  }
  if (parts.length > 1) have = Buffer.concat(parts);
  const r = have.subarray(0, n);
  have = have.subarray(Math.min(n, have.length));
  return r;
}

// ---- UTF-8
const ESCAPED = Array.from({ length: 256 }, (_, c) => {
  const named = { 10: '\\n', 13: '\\r', 9: '\\t', 34: '\\"', 92: '\\\\' };
  if (named[c]) return Buffer.from(named[c]);
  return c < 32 ? Buffer.from('\\u' + c.toString(16).padStart(4, '0')) : Buffer.from([c]);
});
const decoder = new TextDecoder('utf-8', { ignoreBOM: true });
const block = Buffer.alloc(1 << 21);
let used = 0;
let inBlock = [];
const ALONE = new Set([0x41, 0x80, 0xC2, 0xE0, 0xE1, 0xED, 0xF0, 0xF1, 0xF4, 0xF5]);

function isString(s) {
  if (!isUtf8(s)) return 0;
  try {
    JSON.parse('"' + decoder.decode(s) + '"');
    return 1;
  } catch {
    return 0;
  }
}

function flush() {
  const want = Buffer.from(decoder.decode(block.subarray(0, used)));
  const got = read(want.length);
  if (!got.equals(want)) {
    const a = Buffer.concat([got, read(256)]).toString('latin1').split('"\n');
    const b = want.toString('latin1').split('"\n');
    const i = b.findIndex((x, k) => x !== a[k]);
    finding('UTF-8', inBlock[i] ?? Buffer.alloc(0), Buffer.from(a[i] ?? '', 'latin1'), Buffer.from(b[i] ?? '', 'latin1'));
    return false;
  }
  compared += inBlock.length;
  used = 0;
  inBlock = [];
  return true;
}

// The quote behind a string ends a sequence that breaks off just as the end of the input does; where there is one, that
// is looked at too, by decoding the string alone (of 3 bytes and more: for some first bytes).
function add(s) {
  inBlock.push(s);
  block[used++] = isString(s);
  block[used++] = 34;
  const from = used;
  for (const c of s) used += ESCAPED[c].copy(block, used);
  block[used++] = 34;
  block[used++] = 10;
  if (s.length && s[s.length - 1] >= 0x80 && (s.length < 3 || ALONE.has(s[0]))) {
    const alone = decoder.decode(block.subarray(from, used - 2));
    if (alone !== decoder.decode(block.subarray(from, used - 1)).slice(0, -1)) finding('the judge itself', s, '', '');
  }
  return used < block.length - 1000 || flush();
}

function utf8Short(lo, hi) {
  if (lo === 0 && !add(Buffer.alloc(0))) return;
  for (let a = lo; a <= hi; a++) {
    if (!add(Buffer.from([a]))) return;
    for (let b = 0; b < 256; b++) {
      if (!add(Buffer.from([a, b]))) return;
      for (let c = 0; c < 256; c++) if (!add(Buffer.from([a, b, c]))) return;
    }
  }
  flush();
}

function utf8Long() {
  const lead = [0xC0, 0xC1, 0xC2, 0xDF, 0xE0, 0xE1, 0xEC, 0xED, 0xEE, 0xEF, 0xF0, 0xF1, 0xF2, 0xF3, 0xF4, 0xF5, 0xF6, 0xF7, 0xF8, 0xFB, 0xFC, 0xFD, 0xFE, 0xFF];
  const edge = [0x41, 0x7F, 0x80, 0x8F, 0x90, 0x9F, 0xA0, 0xBF, 0xC0, 0xF4];
  const tail = [[], [0x61], [0xBF], [0xC2], [0xF0, 0x90, 0x80]];
  for (const a of lead) for (let b = 0; b < 256; b++) for (const c of edge) for (const d of edge) for (const e of tail) {
    if (!add(Buffer.from([a, b, c, d, ...e]))) return;
  }
  flush();
}

// ---- JSON
function bits(x) {
  const b = Buffer.alloc(8);
  b.writeDoubleBE(x);
  return b.toString('hex');
}

function depthOf(s) {
  let depth = 0;
  let most = 0;
  let inside = false;
  for (let i = 0; i < s.length; i++) {
    const c = s[i];
    if (inside) {
      if (c === '\\') i++;
      else if (c === '"') inside = false;
    } else if (c === '"') inside = true;
    else if (c === '[' || c === '{') most = Math.max(most, ++depth);
    else if (c === ']' || c === '}') depth--;
  }
  return most;
}

// The value without objects, whose order and doubles JSON.parse() does not keep: judge.py compares those.
function walk(v) {
  if (Array.isArray(v)) {
    let r = '[';
    for (const x of v) {
      const w = walk(x);
      if (w === null) return null;
      r += w;
    }
    return r + ']';
  }
  if (typeof v === 'number') return '#' + (Number.isFinite(v) ? bits(v) : 'inf');
  if (typeof v === 'string') {
    const w = v.toWellFormed();
    if (w !== v) seen.half++;
    return 's' + Buffer.from(w).toString('hex');
  }
  if (v === null) return 'N';
  return typeof v === 'boolean' ? (v ? 'T' : 'F') : null;
}

function theirs(text) {
  if (!isUtf8(text)) return ['n', null, null];
  let s = decoder.decode(text);
  if (s.startsWith('\ufeff')) {
    seen.bom++;
    s = s.slice(1);
  }
  if (text.length > 64 && depthOf(s) > 64) return ['deep', null, null];
  let v;
  try {
    v = JSON.parse(s);
  } catch {
    return ['n', null, null];
  }
  let number = null;
  if (typeof v === 'number') {
    number = Number.isFinite(v) ? bits(v) : 'inf';
    if (number === 'inf') seen.huge++;
  }
  return ['y', walk(v), number];
}

function jsonTexts(file) {
  const lines = fs.readFileSync(0, 'latin1').split('\n');
  const texts = fs.readFileSync(file);
  let at = 0;
  for (let i = 0; at < texts.length; i++) {
    const n = texts.readUInt32LE(at);
    const text = texts.subarray(at + 4, at + 4 + n);
    at += 4 + n;
    const ours = lines[i] ?? 'nothing';
    const [verdict, value, number] = theirs(text);
    const [word, said, full] = ours.split(' ');
    compared++;
    if (verdict === 'deep') {
      if (word === 'l') seen.limit++;
      else if (word !== 'n') finding('depth', text, ours, verdict);
    } else if (word !== verdict || (verdict !== 'y' && said !== '')) {
      finding('JSON', text, ours, verdict);
    } else if (verdict === 'y') {
      // the reader keeps 64 bytes of a number: "#" alone
      if (value !== null && said !== value && said.replace(/#[0-9a-f]{16}|#inf|#/g, '#') !== value.replace(/#[0-9a-f]{16}|#inf/g, '#')) {
        finding('JSON', text, said, value);
      } else if (value !== null && !/#(?![0-9a-fi])/.test(said) && said !== value) {
        finding('JSON', text, said, value);
      }
      if (number !== null && full !== number) finding('number', text, full ?? '', number);
    }
  }
  if (lines.pop() !== '' || compared !== lines.length) finding('JSON', Buffer.alloc(0), `${lines.length} lines`, `${compared}`);
  for (const k of Object.keys(KNOWN)) {
    console.log(`  known difference, ${seen[k]} times: ${KNOWN[k]}`);
    if (seen[k] === 0 && !process.argv[4]) finding('a difference that is on the list and never seen', Buffer.from(k), '', '');
  }
}

if (what === 'utf8') utf8Short(+process.argv[3], +process.argv[4]);
else if (what === 'utf8-long') utf8Long();
else jsonTexts(process.argv[3]);
if (what !== 'json' && findings === 0 && read(1).length) finding(what, Buffer.alloc(0), 'more', 'the end');
console.log(`node, ${process.argv.slice(2, what === 'json' ? 3 : 5).join(' ')}: ${compared} compared, ${findings} different`);
process.exit(findings || !compared ? 1 : 0);
