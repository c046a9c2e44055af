#!/usr/bin/perl
# anchors.pl: makes C of CA certificates, for programs that have no file of them: firmware, an empty container.
#
#   usage: anchors.pl [--list | --pem] [--match TEXT]... [--name NAME] [--out FILE] PEM-FILE...
#
# Without --list or --pem: a table for llm_config.anchors, in DER: three quarters of the bytes of PEM text, and in flash.
#     static const llm_anchor NAME[NAME_count]
# --pem: the same certificates as a string literal, #define LLM_CA_PEM "...", to stand before the implementation. From the
#     third certificate or so on it is longer than the 4,095 characters that C99 promises: gcc and clang say so with -pedantic.
# --list: their names, ends of validity and sizes, nothing else.
# --match TEXT chooses those whose subject holds TEXT (case counts); each --match must find at least one. Certificates
# that occur twice are taken once. What is expired or no CA is left out, and named on stderr.
#
# The output is C99 and C++98. Needs only what Debian's perl-base has.

use strict;
use warnings;

sub stop { print STDERR "anchors.pl: ", @_, "\n"; exit 2 }

# ---- arguments -------------------------------------------------------------------------------------------------------
my (@match, @files, $list, $pem, $out);
my $name = 'llm_anchors';
while (@ARGV) {
    my $a = shift @ARGV;
    if ($a eq '--list') { $list = 1 }
    elsif ($a eq '--pem') { $pem = 1 }
    elsif ($a =~ /^--(match|name|out)$/) {
        my $option = $1;
        @ARGV or stop("--$option needs a value");
        my $value = shift @ARGV;
        if ($option eq 'match') { length $value or stop("--match needs a text"); push @match, $value }
        elsif ($option eq 'name') { $name = $value }
        else { $out = $value }
    }
    elsif ($a =~ /^-/) { stop("there is no option $a") }
    else { push @files, $a }
}
@files or stop("which file? usage: anchors.pl [--list | --pem] [--match TEXT]... [--name NAME] [--out FILE] PEM-FILE...");
$name =~ /^[A-Za-z][A-Za-z0-9_]*$/ or stop("--name $name is no C identifier");
!($list && $pem) or stop("--list or --pem, not both");

# ---- PEM (RFC 7468) and DER ------------------------------------------------------------------------------------------
sub base64 {
    my ($text, $where) = @_;
    $text =~ s/\s+//g;
    $text =~ m{^[A-Za-z0-9+/]+={0,2}$} && length($text) % 4 == 0 or stop("$where: a certificate is not base64");
    $text =~ s/=+$//;
    my %value;
    @value{('A' .. 'Z', 'a' .. 'z', 0 .. 9, '+', '/')} = 0 .. 63;
    my @v = map { $value{$_} } split //, $text;
    my $der = '';
    while (@v) {
        my @q = splice @v, 0, 4;
        my $n = 0;
        $n = $n << 6 | ($q[$_] // 0) for 0 .. 3;
        $der .= substr(pack('N', $n), 1, @q - 1);
    }
    return $der;
}

# One element at the start of $_[0]: its tag, its content, what follows it, the whole of it.
sub element {
    my ($der, $where) = @_;
    length $der >= 2 or stop("$where: a certificate breaks off");
    my ($tag, $n) = unpack 'CC', $der;
    my $at = 2;
    if ($n >= 0x80) {
        my $more = $n & 0x7f;
        $more >= 1 && $more <= 3 && length $der >= 2 + $more or stop("$where: a certificate has a bad length");
        $n = unpack 'N', "\0" x (4 - $more) . substr $der, 2, $more;
        $at += $more;
    }
    length $der >= $at + $n or stop("$where: a certificate breaks off");
    return ($tag, substr($der, $at, $n), substr($der, $at + $n), substr($der, 0, $at + $n));
}

my %attribute = ("\x55\x04\x03" => 'CN', "\x55\x04\x06" => 'C', "\x55\x04\x0a" => 'O', "\x55\x04\x0b" => 'OU');

# "C=US, O=Google Trust Services LLC, CN=GTS Root R4"; bytes that are not printable ASCII are shown as '?'.
sub subject {
    my ($rest, $where) = @_;
    my @parts;
    while (length $rest) {
        (my $tag, my $set, $rest) = element($rest, $where);
        while (length $set) {
            (my $t, my $pair, $set) = element($set, $where);
            my (undef, $oid, $after) = element($pair, $where);
            my (undef, $value) = element($after, $where);
            $value =~ s/[^\x20-\x7e]/?/g;
            push @parts, "$attribute{$oid}=$value" if $attribute{$oid};
        }
    }
    return @parts ? join(', ', @parts) : 'no name';
}

# UTCTime or GeneralizedTime as YYYYMMDDHHMMSS
sub moment {
    my ($tag, $text, $where) = @_;
    $text =~ /^(\d{10}|\d{12}|\d{14})(?:\d\d)?Z$/ or stop("$where: a certificate has a bad date");
    $text =~ s/Z$//;
    $text = ((substr $text, 0, 2) < 50 ? '20' : '19') . $text if $tag == 0x17;
    length $text == 14 or stop("$where: a certificate has a bad date");
    return $text;
}

sub read_certificate {
    my ($der, $where) = @_;
    my ($tag, $body, $after) = element($der, $where);
    $tag == 0x30 && $after eq '' or stop("$where: what stands between BEGIN and END is no certificate");
    my ($t, $tbs) = element($body, $where);
    my %c = (der => $der, ca => 0, where => $where);
    ($t, my $x, my $rest) = element($tbs, $where);
    my $v1 = $t != 0xa0;
    ($t, $x, $rest) = element($rest, $where) unless $v1;      # serial number
    (undef, undef, $rest) = element($rest, $where);           # signature algorithm
    (undef, undef, $rest) = element($rest, $where);           # issuer
    (undef, my $validity, $rest) = element($rest, $where);
    (undef, my $subject, $rest) = element($rest, $where);
    (undef, undef, $rest) = element($rest, $where);           # key
    (undef, undef, my $second) = element($validity, $where);
    my ($kind, $until) = element($second, $where);
    $c{until} = moment($kind, $until, $where);
    $c{subject} = subject($subject, $where);
    # a root of version 1 has no extensions to say what it is; otherwise basicConstraints must say CA (RFC 5280 4.2.1.9)
    $c{ca} = $v1 || $rest =~ /\x06\x03\x55\x1d\x13(?:\x01\x01\xff)?\x04.\x30.\x01\x01\xff/s;
    return \%c;
}

# ---- reading ---------------------------------------------------------------------------------------------------------
my (@all, %seen);
for my $file (@files) {
    -d $file and stop("$file is a folder: name the files");
    open my $in, '<:raw', $file or stop("cannot read $file: $!");
    local $/;
    my $text = <$in> // '';
    my ($n, $begun) = (0, 0);
    $begun++ while $text =~ /-----BEGIN (?:X509 )?CERTIFICATE-----/g;
    while ($text =~ /-----BEGIN (?:X509 )?CERTIFICATE-----\s*(.*?)-----END (?:X509 )?CERTIFICATE-----/gs) {
        my $c = read_certificate(base64($1, "$file, certificate " . ++$n), "$file, certificate $n");
        push @all, $c unless $seen{$c->{der}}++;
    }
    $begun or stop("$file holds no certificate (-----BEGIN CERTIFICATE-----)");
    $n == $begun or stop("$file breaks off: its last certificate has no -----END CERTIFICATE-----");
}
my @chosen = @all;
if (@match) {
    for my $m (@match) {
        grep { index($_->{subject}, $m) >= 0 } @all or stop("no certificate's subject holds '$m'; --list shows them");
    }
    @chosen = grep { my $c = $_; grep { index($c->{subject}, $_) >= 0 } @match } @all;
}

# ---- writing ---------------------------------------------------------------------------------------------------------
sub day { join '-', unpack 'A4A2A2', $_[0] }
sub about { "$_[0]{subject}; until " . day($_[0]{until}) . '; ' . length($_[0]{der}) . ' bytes' }
sub comment { my $s = about($_[0]); $s =~ s{\*/}{* /}g; $s =~ s{\?\?}{? ?}g; $s }

if (!$list) {
    my @t = gmtime;
    my $now = sprintf '%04d%02d%02d%02d%02d%02d', $t[5] + 1900, $t[4] + 1, @t[3, 2, 1, 0];
    my @good;
    for my $c (@chosen) {
        my $why = !$c->{ca} ? 'is no CA' : $c->{until} le $now ? 'expired on ' . day($c->{until}) : undef;
        if (defined $why) { print STDERR "anchors.pl: left out: $c->{subject} $why\n" } else { push @good, $c }
    }
    @good or stop('no certificate is left');
    @chosen = @good;
}

my $text = '';
if ($list) {
    $text .= about($_) . ($_->{ca} ? '' : '; NO CA') . "\n" for @chosen;
} elsif ($pem) {
    $text .= "/* CA certificates for llm_openai.h: stands before its implementation. */\n#ifndef LLM_CA_PEM\n#define LLM_CA_PEM \\\n";
    for my $c (@chosen) {
        my @b64 = unpack '(A64)*', encode64($c->{der});
        $text .= '    /* ' . comment($c) . " */ \\\n" . '    "-----BEGIN CERTIFICATE-----\n" \\' . "\n";
        $text .= "    \"$_\\n\" \\\n" for @b64;
        $text .= '    "-----END CERTIFICATE-----\n" \\' . "\n";
    }
    $text =~ s/ \\\n\z/\n/;
    $text .= "#endif\n";
} else {
    $text .= "/* CA certificates for llm_openai.h, which stands before this: config.anchors = $name; config.anchor_count = ${name}_count; */\n";
    my $i = 0;
    for my $c (@chosen) {
        $text .= "\n/* " . comment($c) . " */\nstatic const unsigned char ${name}_" . $i++ . "[] = {\n";
        $text .= '    ' . join(', ', map { sprintf '0x%02x', $_ } unpack 'C*', $_) . ",\n" for unpack '(a16)*', $c->{der};
        $text =~ s/,\n\z/\n/;
        $text .= "};\n";
    }
    $text .= "\nenum { ${name}_count = $i };\nstatic const llm_anchor $name\[${name}_count] = {\n";
    $text .= join ",\n", map { "    {${name}_$_, sizeof ${name}_$_}" } 0 .. $i - 1;
    $text .= "\n};\n";
}

sub encode64 {
    my $bits = unpack 'B*', $_[0];
    my $pad = (3 - length($_[0]) % 3) % 3;
    $bits .= '0' x (8 * $pad);
    my @letters = ('A' .. 'Z', 'a' .. 'z', 0 .. 9, '+', '/');
    my $s = join '', map { $letters[oct "0b$_"] } unpack '(A6)*', $bits;
    substr($s, -$pad) = '=' x $pad if $pad;
    return $s;
}

if (defined $out) {
    open my $f, '>', "$out.tmp" or stop("cannot write $out.tmp: $!");
    print {$f} $text or stop("cannot write $out.tmp: $!");
    close $f or stop("cannot write $out.tmp: $!");
    rename "$out.tmp", $out or stop("cannot write $out: $!");
    print "$out: ", scalar @chosen, " of ", scalar @all, " certificates\n";
} else {
    print $text;
}
