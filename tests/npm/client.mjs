// The official client against the mock server. Prints: N passed, N failed.
import OpenAI from 'openai';

const line = process.env.MOCK_LINE.split(' ');
const at = (name) => line[line.indexOf(name) + 1];
const control = 'http://' + at('control');
const key = 'sk-mock-key-0123456789';
const model = 'gpt-4o-mini';
let passed = 0;
let failed = 0;
let where = '';
let planted = null;  // what a check of a planted defect says, in place of a failure

function check(ok, what) {
  if (ok)
    passed++;
  else if (planted)
    planted.push(what);
  else {
    failed++;
    console.log(`FAILED ${where}: ${what}`);
  }
}

function same(is, wanted, what) {
  check(
      JSON.stringify(is) === JSON.stringify(wanted),
      `${what}: is ${JSON.stringify(is)}, wanted ${JSON.stringify(wanted)}`);
}

async function ask(path, body) {
  const init = body === undefined ? {} : {method: 'POST', body, headers: {'content-type': 'text/plain'}};
  const answer = await fetch(control + '/__mock/' + path, init);
  if (!answer.ok) throw new Error(`${path}: ${await answer.text()}`);
  return answer.json();
}

const user = (content) => [{role: 'user', content}];
const tool = (name, properties) =>
    ({type: 'function', function: {name, parameters: {type: 'object', properties}}});

async function error_of(promise) {
  try {
    await promise;
  } catch (e) {
    return e;
  }
  return null;
}

async function plain(client) {
  const text = 'grüße, 世界 🌍 "q" \\ \n end';
  const {data, request_id, response} =
      await client.chat.completions.create({model, messages: user('echo: ' + text)}).withResponse();
  same(data.choices[0].message.content, text, 'content');
  same(data.choices[0].finish_reason, 'stop', 'finish_reason');
  same(data.object, 'chat.completion', 'object');
  same(data.usage.total_tokens, data.usage.prompt_tokens + data.usage.completion_tokens, 'usage adds up');
  check(/^req_mock/.test(request_id), 'request id');
  same(response.status, 200, 'status');
}

// Answers with one wrong field each: the check of that field must find it, and no other one.
async function planted_fields(client) {
  const echo = 'grüße, 世界 🌍 "q" \\ \n end';
  const defects = {
    'content': (a) => a.choices[0].message.content += '!',
    'finish_reason': (a) => a.choices[0].finish_reason = 'length',
    'object': (a) => a.object = 'chat.completions',
    'usage adds up': (a) => a.usage.total_tokens++,
    '': () => {},
  };
  for (const [field, defect] of Object.entries(defects)) {
    const answer = {
      id: 'chatcmpl-1',
      object: 'chat.completion',
      model,
      choices: [{index: 0, message: {role: 'assistant', content: echo}, finish_reason: 'stop'}],
      usage: {prompt_tokens: 1, completion_tokens: 2, total_tokens: 3},
    };
    defect(answer);
    await ask('script', `exchange wrong\n body ${JSON.stringify(answer)}\n`);
    planted = [];
    await plain(client.withOptions({defaultHeaders: {'X-Mock': 'wrong'}}));
    const found = planted.map((s) => s.replace(/: is .*/s, ''));
    planted = null;
    same(found, field ? [field] : [], `a planted defect: ${field || 'none'}`);
  }
}

async function lengths(client) {
  const cut =
      await client.chat.completions.create({model, messages: user('count to 50'), max_completion_tokens: 7});
  same(cut.choices[0].finish_reason, 'length', 'finish_reason');
  same(cut.choices[0].message.content, '1 2 3 4 5 6 7', 'text cut at the limit');
  same(cut.usage.completion_tokens, 7, 'tokens');
  const two = await client.chat.completions.create({model, messages: user('count to 3'), n: 2});
  same(two.choices.map((c) => [c.index, c.message.content]), [[0, '1 2 3'], [1, '1 2 3']], 'n=2');
}

async function stream(client) {
  const s = await client.chat.completions.create(
      {model, messages: user('count to 30'), stream: true, stream_options: {include_usage: true}});
  let text = '';
  let usage = null;
  let finish = null;
  let chunks = 0;
  for await (const chunk of s) {
    chunks++;
    same(chunk.object, 'chat.completion.chunk', 'object');
    if (chunk.choices.length) {
      same(chunk.usage, null, 'usage before the end');
      text += chunk.choices[0].delta.content ?? '';
      finish = chunk.choices[0].finish_reason ?? finish;
    } else
      usage = chunk.usage;
  }
  same(text, Array.from({length: 30}, (_, i) => i + 1).join(' '), 'text');
  same(finish, 'stop', 'finish_reason');
  same(usage?.completion_tokens, 30, 'usage');
  same(usage?.prompt_tokens_details.cached_tokens, 0, 'cached tokens');
  same(chunks, 33, 'role, 30 pieces, finish, usage');
}

async function stream_plain(client) {
  const s = await client.chat.completions.create({model, messages: user('echo: a b'), stream: true, n: 2});
  const text = ['', ''];
  for await (const chunk of s) {
    check(!('usage' in chunk), 'no usage unless asked for');
    for (const c of chunk.choices) text[c.index] += c.delta.content ?? '';
  }
  same(text, ['a b', 'a b'], 'both choices');
}

async function helper_stream(client) {
  const runner = client.chat.completions.stream({model, messages: user('echo: one two three')});
  same(await runner.finalContent(), 'one two three', 'finalContent');
  const calls = client.chat.completions.stream({
    model,
    messages: user('Weather in Paris?'),
    tools: [tool('get_weather', {city: {type: 'string'}}), tool('get_time', {timezone: {type: 'string'}})],
  });
  const done = await calls.finalChatCompletion();
  same(done.choices[0].finish_reason, 'tool_calls', 'finish_reason');
  same(
      done.choices[0].message.tool_calls.map((c) => [c.function.name, c.function.arguments]),
      [['get_weather', '{"city":"Paris"}'], ['get_time', '{"timezone":"UTC"}']], 'assembled calls');
}

async function tools(client, stream) {
  const seen = [];
  const fn = (name, answer) => ({
    type: 'function',
    function: {
      name,
      description: name,
      parse: JSON.parse,
      function: (args) => (seen.push([name, args]), answer),
      parameters: {type: 'object', properties: {city: {type: 'string'}}}
    },
  });
  const runner = client.chat.completions.runTools({
    model,
    stream,
    messages: user('Weather and time in Paris?'),
    tools: [fn('get_weather', '21 degrees'), fn('get_time', 'noon')]
  });
  const text = await runner.finalContent();
  same(seen, [['get_weather', {city: 'Paris'}], ['get_time', {city: 'Paris'}]], 'both handlers ran');
  same(
      text, 'The tools have answered. get_weather says: 21 degrees. get_time says: noon.',
      'final text quotes the results');
}

async function errors(client, base) {
  const bad = new OpenAI({apiKey: 'sk-wrong-key-000000', baseURL: base, maxRetries: 2});
  const e401 = await error_of(bad.models.list());
  check(e401 instanceof OpenAI.AuthenticationError, '401 class');
  same([e401?.status, e401?.code], [401, 'invalid_api_key'], '401 fields');
  const e404 = await error_of(client.chat.completions.create({model: 'no-such-model', messages: user('x')}));
  check(e404 instanceof OpenAI.NotFoundError, '404 class');
  same(e404?.code, 'model_not_found', '404 code');
  const e400 = await error_of(client.chat.completions.create({model, messages: []}));
  check(e400 instanceof OpenAI.BadRequestError, '400 class');
  same(e400?.param, 'messages', '400 param');
  const temp = await error_of(client.chat.completions.create({model, messages: user('x'), temperature: 3}));
  same([temp?.status, temp?.param], [400, 'temperature'], 'temperature out of range');
  const orphan = await error_of(
      client.chat.completions.create({model, messages: [{role: 'tool', tool_call_id: 'x', content: 'y'}]}));
  same(orphan?.status, 400, 'tool message without a call');
  const e429 = await error_of(
      client.chat.completions.create({model: 'mock:status-429', messages: user('x')}, {maxRetries: 0}));
  check(e429 instanceof OpenAI.RateLimitError, '429 class');
  same(e429?.code, 'rate_limit_exceeded', '429 code');
  const e500 = await error_of(
      client.chat.completions.create({model: 'mock:status-500', messages: user('x')}, {maxRetries: 0}));
  check(e500 instanceof OpenAI.InternalServerError, '500 class');
}

async function retries(client) {
  const before = (await ask('stats')).requests;
  await ask('script', [
    'exchange flaky', 'status 429', 'header retry-after-ms: 20',
    'body {"error":{"message":"slow down","type":"requests","param":null,"code":"rate_limit_exceeded"}}',
    'exchange flaky', 'status 500', 'header x-should-retry: true', 'header retry-after-ms: 1', 'body oops',
    'exchange flaky', 'brain', 'exchange broken', 'times always', 'reset 0', 'body never', ''
  ].join('\n'));
  const client2 = client.withOptions({defaultHeaders: {'X-Mock': 'flaky'}});
  const data = await client2.chat.completions.create({model, messages: user('echo: third time')});
  same(data.choices[0].message.content, 'third time', 'answer after two retries');
  const stats = await ask('stats');
  same(stats.requests - before, 3, 'requests');
  same(stats.script_left, 0, 'script used up');
  const last = await ask('last');
  check(/x-stainless-retry-count: 2/i.test(last.head), 'retry count header');
  const reset = await error_of(
      client.chat.completions.create({model: 'mock:broken', messages: user('x')}, {maxRetries: 1}));
  check(reset instanceof OpenAI.APIConnectionError, 'reset is a connection error');
}

async function broken_streams(client) {
  await ask('script', [
    'exchange cut', 'role', 'chunk one', 'chunk two', 'cut', 'exchange bytes', 'split-every 1', 'brain',
    'exchange slow', 'chunk first', 'stall', ''
  ].join('\n'));
  let text = '';
  const e = await error_of((async () => {
    for await (const c of await client.chat.completions.create(
        {model: 'mock:cut', messages: user('x'), stream: true}))
      text += c.choices[0].delta.content ?? '';
  })());
  same(text, 'onetwo', 'what came before the cut');
  check(e !== null, 'a cut stream is an error');
  const bytes = await client.chat.completions.create(
      {model: 'mock:bytes', messages: user('echo: byte by byte, ü'), stream: true});
  let whole = '';
  for await (const c of bytes) whole += c.choices[0].delta.content ?? '';
  same(whole, 'byte by byte, ü', 'one byte a write');
  const slow = await client.chat.completions.create({model: 'mock:slow', messages: user('x'), stream: true});
  for await (const c of slow) {
    same(c.choices[0].delta.content, 'first', 'first chunk of a stalled stream');
    break;  // closes the connection
  }
  const stopped = await ask('stats');
  check(stopped.script_left === 0, 'every exchange was used');
}

async function aborted(client) {
  const before = (await ask('stats')).client_aborts;
  await ask('config', 'pace 5\n');
  const s = await client.chat.completions.create({model, messages: user('count to 1000'), stream: true});
  let n = 0;
  for await (const c of s)
    if (c && ++n === 5) break;
  let after = before;
  for (let i = 0; i < 100 && after === before; i++) {
    await new Promise((r) => setTimeout(r, 10));
    after = (await ask('stats')).client_aborts;
  }
  same(after - before, 1, 'the server saw the abort');
  await ask('config', 'pace 0\n');
}

async function listing(client) {
  const ids = [];
  for await (const m of client.models.list()) ids.push(m.id);
  same(ids, ['mock-large', 'mock-mini', 'gpt-4o-mini'], 'models');
  same((await client.models.retrieve('mock-mini')).id, 'mock-mini', 'one model');
}

for (const scheme of ['http', 'https']) {
  const base =
      `${scheme}://${scheme === 'https' ? at('https').replace('127.0.0.1', 'localhost') : at('http')}/v1`;
  const client = new OpenAI({apiKey: key, baseURL: base, maxRetries: 2, timeout: 20000});
  const parts = {
    plain,
    planted_fields,
    lengths,
    stream,
    stream_plain,
    helper_stream,
    tools: (c) => tools(c, false),
    tools_streamed: (c) => tools(c, true),
    errors: (c) => errors(c, base),
    retries,
    broken_streams,
    aborted,
    listing,
  };
  for (const [name, part] of Object.entries(parts)) {
    where = `${scheme} ${name}`;
    try {
      await part(client);
    } catch (e) {
      check(false, e.stack ?? String(e));
    }
  }
}
where = 'afterwards';
const stats = await ask('stats');
same([stats.bad_requests, stats.bad_reason], [0, ''], 'the official client sends no bad request');
// tls_failed is not zero: after an abandoned stream the client opens a spare connection and drops it.
check(stats.tls_full > 0 && stats.tls_resumed > 0, 'full and resumed TLS handshakes');
console.log(`${passed} passed, ${failed} failed`);
process.exit(failed ? 1 : 0);
