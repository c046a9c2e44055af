// http.mjs RESPONSES DIFFERENCES: the verdicts of tests/data/http/responses.txt beside those of llhttp, the parser inside
// node, in its strict mode. test_http.c holds the header to the same table. Every difference stands in DIFFERENCES with
// its reason, or is a finding; so is one that stands there and is none.
import fs from 'node:fs';
import { createRequire } from 'node:module';

process.removeAllListeners('warning');
process.on('warning', () => {});
const { HTTPParser } = createRequire(import.meta.url)('_http_common');

// ---- the table
function bytes(text) {
  const named = { r: '\r', n: '\n', t: '\t', 0: '\0', '\\': '\\' };
  return Buffer.from(text).toString('latin1')
    .replace(/\\(x([0-9A-Fa-f]{2})|.)/gs, (_, c, hex) => (hex ? String.fromCharCode(parseInt(hex, 16)) : named[c] ?? c));
}

function table(file) {
  const cases = [];
  for (const line of fs.readFileSync(file, 'utf8').split('\n')) {
    const text = line.slice(2);
    const last = cases[cases.length - 1];
    if (line.startsWith('== ')) cases.push({ name: line.slice(3).trim(), input: '', wanted: [] });
    else if (line[0] === '|') last.input += bytes(text) + '\r\n';
    else if (line[0] === '>') last.input += bytes(text);
    else if (line[0] === '*') last.input += bytes(text.replace(/^ *\d+ /, '')).repeat(parseInt(text, 10));
    else if (line[0] === '=') last.wanted.push(text);
  }
  return cases;
}

// What the table says, in the words of both: refused, broken off, or status, connection and body.
function ours(c) {
  let status = '';
  let keep = '';
  let body = '';
  for (const line of c.wanted) {
    const word = line.split(' ')[0];
    if (word === 'HEAD') {
      status = line.split(' ')[1];
    } else if (word === 'BODY') {
      body = bytes(line.slice(5));
    } else if (word === 'ERROR') {
      return line.includes('LLM_ERR_LIMIT') ? 'over a limit' : 'refused';
    } else if (word === 'END' || line.startsWith('EOF END')) {
      keep = line.endsWith('close') ? 'close' : 'keep';
    } else if (line.startsWith('EOF ERROR')) {
      return 'broken off';
    }
  }
  return `${status} ${keep} ${body}`;
}

// ---- llhttp
function theirs(input, cut) {
  const parser = new HTTPParser();
  let result = null;
  let status = 0;
  let keep = false;
  let body = '';
  let why = '';
  parser.initialize(HTTPParser.RESPONSE, {}, 1 << 20, 0);      // 0: no leniency
  parser[HTTPParser.kOnHeaders | 0] = () => {};
  parser[HTTPParser.kOnHeadersComplete | 0] = (major, minor, headers, method, url, code, message, upgrade, shouldKeepAlive) => {
    if (result === null) {
      status = code;
      keep = shouldKeepAlive;
      body = '';
      if (upgrade) why = 'upgrade';
    }
    return 0;
  };
  parser[HTTPParser.kOnBody | 0] = (b, start, length) => {
    if (result === null) body += (start === undefined ? b : b.subarray(start, start + length)).toString('latin1');
  };
  parser[HTTPParser.kOnMessageComplete | 0] = () => {
    if (result === null && (status >= 200 || status === 101)) result = `${status} ${keep ? 'keep' : 'close'} ${body}`;
  };
  const all = Buffer.from(input, 'latin1');
  for (let at = 0; at < all.length && result === null; at += cut) {
    const r = parser.execute(all.subarray(at, at + cut));
    if (r instanceof Error) {
      if (result === null) return ['refused', r.code];
      break;
    }
  }
  if (result === null) {
    const r = parser.finish();
    if (result === null) return ['broken off', r instanceof Error ? r.code : ''];
    if (status >= 200) result = `${status} close ${body}`;
  }
  parser.close();
  return [result, why];
}

// ---- the list of differences: "name of the case | what llhttp says | why ours is right, or what it costs"
const known = new Map();
for (const line of fs.readFileSync(process.argv[3], 'utf8').split('\n')) {
  if (line === '' || line[0] === '#') continue;
  const [name, says, reason] = line.split(' | ');
  if (!reason || known.has(name)) {
    console.log(`the list of differences is broken at: ${line}`);
    process.exit(1);
  }
  known.set(name, { says, reason, met: false });
}

if (process.versions.llhttp.split('.')[0] !== '9') {
  console.log(`SKIPPED judge http: the list of differences is for llhttp 9, this node has ${process.versions.llhttp}`);
  process.exit(77);
}
let same = 0;
let listed = 0;
let findings = 0;
const cases = table(process.argv[2]);
for (const c of cases) {
  const a = ours(c);
  const [b, code] = theirs(c.input, 1 << 20);
  const [split] = theirs(c.input, 1);
  if (split !== b) console.log(`  llhttp differs from itself byte by byte: ${c.name}: ${JSON.stringify(b)} and ${JSON.stringify(split)}`);
  const k = known.get(c.name);
  // a limit of ours may fall where llhttp still reads: it then takes the answer, or waits for more of it
  if (a === b) {
    same++;
    continue;
  }
  if (k && k.says === b.replace(/ $/, '').replace(/\r/g, '\\r').replace(/\n/g, '\\n')) {
    k.met = true;
    listed++;
    continue;
  }
  findings++;
  console.log(`DIFFERENT (llhttp): ${c.name}\n    ours:   ${JSON.stringify(a)}\n    theirs: ${JSON.stringify(b)} ${code}`);
}
for (const [name, k] of known) {
  if (k.met || k.reason.startsWith('not every llhttp 9: ')) continue;
  findings++;
  console.log(`on the list of differences, and none: ${name}`);
}
if (process.argv[4]) console.log([...known].map(([n, k]) => `  ${n}: llhttp: ${k.says}; ${k.reason}`).join('\n'));
console.log(`node's llhttp ${process.versions.llhttp}, strict: ${cases.length} responses, ${same} the same, ${listed} differences on the list, ${findings} different`);
process.exit(findings || cases.length < 100 ? 1 : 0);
