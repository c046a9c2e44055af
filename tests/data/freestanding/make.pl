#!/usr/bin/perl
# make.pl > stream.http: one recorded answer, a bit of everything: an interim 1xx head, chunks whose borders fall anywhere,
# a chunk extension, a trailer, comments, CR LF and LF line ends, escapes, a surrogate pair over two deltas, two tool calls.
# stream.log is what a client must see in it; it is written by hand.
use strict;
use warnings;
binmode STDOUT;
my $h = '{"id":"chatcmpl-7","object":"chat.completion.chunk","created":1790000000,"model":"test-model-2026","choices":[';
sub event { my ($data, $end) = @_; $end //= "\n"; return "data: $data$end$end" }
sub delta { my ($json, $finish) = @_; $finish = defined $finish ? "\"$finish\"" : "null";
    return $h . "{\"index\":0,\"delta\":$json,\"logprobs\":null,\"finish_reason\":$finish}],\"usage\":null}" }
my $body = ": welcome\n\n"
    . event(delta('{"role":"assistant","content":"","refusal":null}'))
    . event(delta('{"reasoning_content":"Look it up."}'))
    . event(delta('{"content":"Gr\u00fc\u00dfe"}'), "\r\n")
    . event(delta('{"content":", \"W\u00F6rld\" \ud83d"}'))
    . event(delta('{"content":"\ude00 \u65e5\t|"}'))
    . ": keep-alive\r\n\r\n"
    . "event: message\nid: 5\nretry: 10\n" . event(delta("{\"content\":\"na\xc3\xafve \xf0\x9f\x98\x80\"}"))
    . event(delta('{"tool_calls":[{"index":0,"id":"call_a","type":"function","function":{"name":"weather","arguments":""}}]}'))
    . event(delta('{"tool_calls":[{"index":0,"function":{"arguments":"{\"city\":"}}]}'))
    . event(delta('{"tool_calls":[{"index":1,"id":"call_b","type":"function","function":{"name":"clock","arguments":"{}"}}]}'))
    . event(delta('{"tool_calls":[{"index":0,"function":{"arguments":"\"Bern\"}"}}]}'))
    . event(delta('{}', 'tool_calls'))
    . event('{"id":"chatcmpl-7","object":"chat.completion.chunk","created":1790000000,"model":"test-model-2026","choices":[],'
        . '"usage":{"prompt_tokens":21,"completion_tokens":17,"total_tokens":38,"prompt_tokens_details":{"cached_tokens":8},'
        . '"completion_tokens_details":{"reasoning_tokens":4}}}')
    . "data: [DONE]\n\n";
print "HTTP/1.1 103 Early Hints\r\nLink: </style>\r\n\r\n";
print "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream; charset=utf-8\r\nX-Request-Id: req_42\r\n",
    "Transfer-Encoding: chunked\r\n\r\n";
my @sizes = (1, 40, 333, 2, 700, 16, 255);
my $i = 0;
while (length $body) {
    my $n = $sizes[$i % @sizes];
    $n = length $body if $n > length $body;
    printf "%x%s\r\n%s\r\n", $n, ($i == 2 ? ";name=\"va;lue\"" : ""), substr($body, 0, $n, "");
    $i++;
}
print "0\r\nX-Trailer: t\r\n\r\n";
