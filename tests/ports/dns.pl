# dns.pl READY-FILE LOG: a name server on a free UDP port of 127.0.0.1. It writes the port into READY-FILE, says 10.0.2.2,
# QEMU's name for the host, of localhost and of any name that ends in .test, answers gone.test that there is no such name,
# and silent.test not at all. Each question is a line of LOG. It ends when its parent is gone.
use strict;
use warnings;
use IO::Socket::INET;
my ($ready, $log) = @ARGV;
my $parent = getppid;
my $socket = IO::Socket::INET->new(LocalAddr => "127.0.0.1", LocalPort => 0, Proto => "udp") or die "socket: $!";
open my $out, ">>", $log or die;
$out->autoflush(1);
open my $f, ">", "$ready.new" or die;
print $f $socket->sockport, "\n";
close $f;
rename "$ready.new", $ready or die;
while (getppid == $parent) {
    my $bits = "";
    vec($bits, $socket->fileno, 1) = 1;
    next unless select($bits, undef, undef, 0.5);
    $socket->recv(my $q, 512) // next;
    next if length $q < 17;
    my ($id, $at, $name) = (unpack("n", $q), 12, "");
    while ($at < length $q and my $n = ord substr $q, $at, 1) {
        $name .= ($name ne "" ? "." : "") . substr $q, $at + 1, $n;
        $at += $n + 1;
    }
    my $question = substr $q, 12, $at + 5 - 12;
    my $type = unpack "n", substr $q, $at + 1, 2;
    print $out "$name $type\n";
    next if $name eq "silent.test";
    my $known = $type == 1 && $name ne "gone.test" && $name =~ /^localhost$|\.test$/;
    my $answer = $known ? pack("nnnNnC4", 0xC00C, 1, 1, 60, 4, 10, 0, 2, 2) : "";
    $socket->send(pack("n6", $id, $known ? 0x8180 : 0x8183, 1, $known, 0, 0) . $question . $answer);
}
