#!/usr/bin/perl
# prices.pl: writes the price table of llm_openai.h from prices.json, or checks it.
#
#   usage: tools/prices/prices.pl [--check] [--data FILE] [HEADER]   (default: this repository's llm_openai.h)
#
# The table stands between the lines BEGIN GENERATED: prices and END GENERATED: prices. Without --check it is
# replaced (the file is written whole beside the header, then renamed). With --check nothing is written, and a
# header that differs from the data is an error. Both check the data first: see check_row().
#
# A rate is kept as a whole number of picodollars per token, which is 1,000,000 times the USD per 1M tokens;
# decimals are read as text, so no figure is ever rounded. Needs only what Debian's perl-base has.

use strict;
use warnings;

my @problems;
sub problem { push @problems, join('', @_) }
sub stop { print STDERR "prices.pl: ", @_, "\n"; exit 2 }

# ---- a small JSON reader: numbers stay text ----------------------------------------------------------------
my $text;    # pos($text) is the cursor

sub bad_json { stop("the data is no JSON: $_[0], line ", 1 + (substr($text, 0, pos($text) // 0) =~ tr/\n//)) }

sub json_string {
    $text =~ /\G"((?:[^"\\\x00-\x1f]|\\["\\\/bfnrt])*)"/gc or bad_json("a string without \\u was expected");
    my $s = $1;
    my %plain = (b => "\b", f => "\f", n => "\n", r => "\r", t => "\t");
    $s =~ s/\\(.)/exists $plain{$1} ? $plain{$1} : $1/ge;
    return $s;
}

sub json_value {
    $text =~ /\G\s*/gc;
    if ($text =~ /\G\{\s*/gc) {
        my %object;
        return \%object if $text =~ /\G\}/gc;
        while (1) {
            my $key = json_string();
            bad_json("the key $key comes twice") if exists $object{$key};
            $text =~ /\G\s*:/gc or bad_json("':' was expected");
            $object{$key} = json_value();
            $text =~ /\G\s*,\s*/gc or last;
        }
        $text =~ /\G\s*\}/gc or bad_json("'}' was expected");
        return \%object;
    }
    if ($text =~ /\G\[\s*/gc) {
        my @array;
        return \@array if $text =~ /\G\]/gc;
        do { push @array, json_value() } while $text =~ /\G\s*,/gc;
        $text =~ /\G\s*\]/gc or bad_json("']' was expected");
        return \@array;
    }
    return json_string() if substr($text, pos($text), 1) eq '"';
    return $1 if $text =~ /\G(-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?)(?![0-9.eE])/gc;
    return $1 eq 'true' ? 1 : 0 if $text =~ /\G(true|false)\b/gc;
    bad_json("a value was expected (null and exponents are not used here)");
}

sub read_file {
    open(my $f, '<', $_[0]) or stop("cannot read $_[0]: $!");
    local $/;
    my $all = <$f>;
    close($f) or stop("cannot read $_[0]: $!");
    return $all;
}

# ---- the data ----------------------------------------------------------------------------------------------
my %known = map { $_ => 1 } qw(provider model aliases snapshots input cached_input output cache_write
    audio_input audio_output flex priority long_context batch_input batch_cached_input batch_output peak
    cache_write_12h ultrafast list_price status shutdown_date as_of n_independent single_lineage notes
    conflicts tier_sources tier_conflicts sources);

# "1.25" USD per 1M tokens is 1250000 picodollars per token. An absent rate is 0; a present one is above 0,
# unless it is the price of input or output, which may be free.
sub pico {
    my ($group, $key, $where, $free) = @_;
    return 0 if !exists $group->{$key};
    my $v = $group->{$key};
    if (ref $v || $v !~ /^([0-9]{1,4})(?:\.([0-9]{1,6}))?$/) {
        problem("$where: $key is no price: four digits at most, then six decimals");
        return 0;
    }
    my $p = $1 * 1000000 + substr((defined $2 ? $2 : '') . '000000', 0, 6);
    problem("$where: $key is 0; leave it out when there is no such rate") if $p == 0 && !$free;
    problem("$where: $key does not fit into 32 bits") if $p > 0xFFFFFFFF;
    return $p;
}

sub check_keys {
    my ($group, $where, @allowed) = @_;
    my %ok = map { $_ => 1 } @allowed;
    for my $key (sort keys %$group) { problem("$where: unknown key $key") if !$ok{$key} }
}

sub is_date { return $_[0] =~ /^20[2-9][0-9]-(?:0[1-9]|1[0-2])-(?:0[1-9]|[12][0-9]|3[01])$/ }

# input, cached_input and output of the row itself, of flex, priority or long_context: 0 is "none".
sub check_tier {
    my ($group, $where) = @_;
    for my $key ('input', 'output') { problem("$where: no $key") if !exists $group->{$key} }
    my @r = (pico($group, 'input', $where, 1), pico($group, 'cached_input', $where),
             pico($group, 'output', $where, 1));
    problem("$where: cached input costs more than input") if $r[1] > $r[0];
    return @r;
}

# What batch_* say must be what the header computes: half.
sub check_batch {
    my ($row, $base, $where) = @_;
    my @key = ('input', 'cached_input', 'output');
    for my $i (0 .. 2) {
        next if !exists $row->{"batch_$key[$i]"};
        problem("$where: batch_$key[$i] is not half of $key[$i]")
            if 2 * pico($row, "batch_$key[$i]", $where, 1) != $base->[$i];
    }
}

sub check_row {
    my ($row, $provider) = @_;
    my $id = defined $row->{model} ? $row->{model} : '?';
    my $where = "$provider $id";
    check_keys($row, $where, keys %known);
    for my $name ($id, @{ $row->{aliases} || [] }) {
        problem("$where: bad id $name") if $name !~ /^[\x21\x23-\x5b\x5d-\x7e]{1,128}$/;
        # the look-up refuses these before it comes to the table
        problem("$where: $name can never be found")
            if $provider eq 'openai' ? $name =~ m{/|^(?!ft:).*:|^ft:.*:} : $name =~ m{:|^models/};
    }
    for my $name (@{ $row->{snapshots} || [] }) {
        problem("$where: snapshot $name is not the id and a date")
            if substr($name, 0, length($id) + 1) ne "$id-" || !is_date(substr($name, length($id) + 1));
    }
    problem("$where: as_of is no date") if !defined $row->{as_of} || !is_date($row->{as_of});
    problem("$where: no sources") if ref $row->{sources} ne 'ARRAY' || !@{ $row->{sources} };

    my %r = (id => $id, aliases => $row->{aliases} || [], snapshots => $row->{snapshots} || []);
    my @base = check_tier($row, $where);
    $r{base} = \@base;
    for my $tier ('flex', 'priority') {
        next if !exists $row->{$tier};
        check_keys($row->{$tier}, "$where: $tier", qw(input cached_input output));
        $r{$tier} = [check_tier($row->{$tier}, "$where: $tier")];
        my $order = $tier eq 'flex' ? -1 : 1;
        problem("$where: $tier input is on the wrong side of input")
            if ($r{$tier}[0] <=> $base[0]) == -$order;
    }
    if (exists $row->{long_context}) {
        my $long = $row->{long_context};
        my ($gt, $ge) = map { $long->{"threshold_input_tokens_$_"} } 'gt', 'ge';
        check_keys($long, "$where: long_context", qw(threshold_input_tokens_gt threshold_input_tokens_ge
                   input cached_input cache_write output));
        my @rates = check_tier($long, "$where: long_context");
        my $above = defined $gt ? $gt : defined $ge ? $ge - 1 : 0;
        problem("$where: long_context needs one threshold") if defined $gt == defined $ge || $above < 1;
        problem("$where: long_context is cheaper") if $rates[0] < $base[0] || $rates[2] < $base[2];
        $r{long} = [$above, @rates[0, 1], pico($long, 'cache_write', $where), $rates[2]];
        problem("$where: cache_write is given for one context length only")
            if (exists $row->{cache_write}) != (exists $long->{cache_write});
    }
    my @extra = map { pico($row, $_, $where) } qw(cache_write audio_input audio_output);
    $r{extra} = \@extra if grep { $_ } @extra;
    problem("$where: a cache write is cheaper than input") if $extra[0] && $extra[0] < $base[0];
    check_batch($row, \@base, $where);
    return \%r;
}

# ---- the table ---------------------------------------------------------------------------------------------
my %pool = map { $_ => [] } qw(tier long extra);   # groups that rows share, each once
my %place;                                         # the same, text to 1, 2, ...

sub place {
    my ($kind, $group, $id) = @_;
    return 0 if !$group;
    my $line = join(', ', map { sprintf('%9d', $_) } @$group);
    if (!$place{"$kind $line"}) {
        my $number = 1 + @{ $pool{$kind} };
        push @{ $pool{$kind} }, sprintf("    { %s },   /* %2d  %s */\n", $line, $number, $id);
        $place{"$kind $line"} = $number;
    }
    return $place{"$kind $line"};
}

# Names as one literal: each with its NUL, at most 110 columns.
sub names {
    my ($name, @list) = @_;
    my $size = 1;
    my ($out, $line) = ("static const char $name\[] =\n", '   ');
    for my $item (@list) {
        my $word = " \"$item\\0\"";
        $size += length($item) + 1;
        if (length($line . $word) > 108) {
            $out .= "$line\n";
            $line = '   ';
        }
        $line .= $word;
    }
    problem("$name has $size bytes: more than the 4095 that C99 promises for a literal") if $size > 4095;
    return "$out$line;\n";
}

sub group_table {
    my ($kind, $head) = @_;
    return "static const llmi_price_$kind llmi_price_${kind}s[] = {   /* $head */\n"
        . join('', @{ $pool{$kind} }) . "};\n";
}

sub table {
    my ($data) = @_;
    my (@rows, @ids, @alias, @alias_row, @hosts, @ranges, %seen, %count);
    my @order = (map({ ['openai', $_] } @{ $data->{openai} }, @{ $data->{openai_retired} }),
                 map({ [$_->{provider}, $_] } @{ $data->{providers} }));
    my $last = '';
    for my $pair (@order) {
        my ($provider, $row) = @$pair;
        problem("the rows of $provider do not stand together") if $provider ne $last && $count{$provider};
        my $r = check_row($row, $provider);
        for my $name ($r->{id}, @{ $r->{aliases} }) {
            problem("$provider: $name is there twice") if $seen{ lc "$provider $name" }++;
        }
        my @cells = (@{ $r->{base} }, place('tier', $r->{flex}, "$r->{id}, flex"),
                     place('tier', $r->{priority}, "$r->{id}, priority"),
                     place('long', $r->{long}, $r->{id}), place('extra', $r->{extra}, $r->{id}));
        push @rows, sprintf("    { %9d, %8d, %9d, %2d, %2d, %2d, %2d },   /* %s */\n", @cells, $r->{id});
        push @ids, $r->{id};
        for my $name (@{ $r->{aliases} }) {
            push @alias, $name;
            push @alias_row, $#rows;
        }
        $r->{provider} = $provider;
        $pair->[2] = $r;
        $count{$provider}++;
        $last = $provider;
    }
    for my $pair (@order) {
        for my $name (@{ $pair->[2]{snapshots} }) {
            problem("$pair->[0]: snapshot $name is a row too") if $seen{ lc "$pair->[0] $name" };
        }
    }
    my ($first, $at) = (0, 0);
    for my $provider (do { my %once; grep { !$once{$_}++ } map { $_->[0] } @order }) {
        my $hosts = $data->{hosts}{$provider};
        $at += $count{$provider};
        problem("$provider has no host") if $provider ne 'openai' && !$hosts;
        for my $host (@{ $hosts || [] }) {
            problem("bad or repeated host $host")
                if $host !~ /^[a-z0-9-]+(?:\.[a-z0-9-]+)+$/ || $seen{"host $host"}++;
            push @hosts, $host;
            push @ranges, "{ $first, $at }";
        }
        $first = $at;
    }
    for my $provider (sort keys %{ $data->{hosts} }) {
        problem("the hosts of $provider have no rows") if !$count{$provider};
    }
    problem("more than 255 rows: llmi_price_row has 8-bit indexes") if @rows > 255;
    problem("made is no date") if !is_date($data->{made});
    for my $pair (@order) {
        problem("$pair->[2]{id}: as_of is after made") if $pair->[1]{as_of} gt $data->{made};
    }

    my $n = 0;
    my $alias_rows = join('', map { ($n++ % 20 ? ' ' : "\n    ") . "$_," } @alias_row);
    return "#define LLMI_PRICE_DATE \"$data->{made}\"\n"
        . "#define LLMI_PRICE_OPENAI_ROWS $count{openai}   /* the first; other providers' come behind */\n\n"
        . names('llmi_price_ids', @ids) . "\n"
        . "static const llmi_price_row llmi_price_rows[] = {   /* in the order of the ids */\n"
        . "    /* input,   cached,    output, flex, priority, long, extra */\n" . join('', @rows) . "};\n"
        . group_table('tier', 'input, cached, output')
        . group_table('long', 'above, input, cached, write, output')
        . group_table('extra', 'cache write, audio input, audio output') . "\n"
        . names('llmi_price_aliases', @alias)
        . "static const uint8_t llmi_price_alias_rows[] = {$alias_rows\n};\n\n"
        . names('llmi_price_hosts', @hosts)
        . "static const uint8_t llmi_price_host_rows[][2] = {   /* first row, one behind the last */\n"
        . join('', map { "    $ranges[$_],   /* $hosts[$_] */\n" } 0 .. $#hosts) . "};\n";
}

# ---- the command -------------------------------------------------------------------------------------------
my $here = $0 =~ m{^(.*)/[^/]*$} ? $1 : '.';
my ($check, $source, $header) = (0, "$here/prices.json", undef);
while (@ARGV) {
    my $arg = shift @ARGV;
    if ($arg eq '--check') { $check = 1 }
    elsif ($arg eq '--data' && @ARGV) { $source = shift @ARGV }
    elsif ($arg !~ /^-/ && !defined $header) { $header = $arg }
    else { stop("usage: prices.pl [--check] [--data FILE] [HEADER]") }
}
$header = "$here/../../llm_openai.h" if !defined $header;

$text = read_file($source);
pos($text) = 0;
my $data = json_value();
$text =~ /\G\s*\z/gc or bad_json("more follows after the end");
my $new = table($data);
if (@problems) {
    print STDERR "prices.pl: $_\n" for @problems;
    stop(scalar(@problems), " problem(s) in $source");
}

my $all = read_file($header);
my ($begin, $end) = map { "/* $_ GENERATED: prices */\n" } 'BEGIN', 'END';
my ($from, $to) = (index($all, $begin), index($all, $end));
stop("$header has no $begin" . "or no $end") if $from < 0 || $to < $from;
stop("$header has its markers twice")
    if index($all, $begin, $from + 1) >= 0 || index($all, $end, $to + 1) >= 0;
$from += length($begin);
my $old = substr($all, $from, $to - $from);
my $rows = map { @{ $data->{$_} } } qw(openai openai_retired providers);

if ($old eq $new) {
    print "prices: $rows rows of $data->{made}, the table in $header is what the data gives\n";
    exit 0;
}
if ($check) {
    my @o = split(/\n/, $old, -1);
    my @n = split(/\n/, $new, -1);
    my $i = 0;
    $i++ while $i < @o && $i < @n && $o[$i] eq $n[$i];
    my $line = 1 + (substr($all, 0, $from) =~ tr/\n//) + $i;
    print STDERR "prices.pl: $header:$line: the table is not what $source gives\n",
        "  header: ", (defined $o[$i] ? $o[$i] : '(ends)'), "\n",
        "  data:   ", (defined $n[$i] ? $n[$i] : '(ends)'), "\n",
        "  run tools/prices/prices.pl to write it\n";
    exit 1;
}
substr($all, $from, $to - $from) = $new;
my $mode = (stat $header)[2] & 07777;
open(my $f, '>', "$header.tmp") or stop("cannot write $header.tmp: $!");
print {$f} $all or stop("cannot write $header.tmp: $!");
close($f) or stop("cannot write $header.tmp: $!");
chmod($mode, "$header.tmp");
rename("$header.tmp", $header) or stop("cannot rename $header.tmp: $!");
print "prices: wrote $rows rows of $data->{made} into $header\n";
