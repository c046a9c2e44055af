#!/bin/sh
# check_text.sh [header]: what must not stand in any file that we write: unfinished work, paths of somebody's machine,
# keys, tabs, blanks at line ends, long lines, lines without an end.
. "$(dirname "$0")/checklib.sh"

(
    cd "$ROOT" || exit 1
    for top in README.md LICENSE llm_openai.h tests tools examples .ci .gitignore .clang-format .editorconfig; do
        [ ! -e "$top" ] || find "$top" -type f ! -path 'tests/data/*' ! -name '*.pem' ! -name '*.json' ! -name '*.tsv'
    done
) | sort > "$T/files"
[ "$INC/llm_openai.h" = "$ROOT/llm_openai.h" ] || {
    grep -v '^llm_openai.h$' "$T/files" > "$T/f"
    { cat "$T/f"; echo "$HEADER"; } > "$T/files"
}
[ "$(wc -l < "$T/files")" -gt 3 ] || bad "hardly a file found under $ROOT"

cd "$ROOT" || exit 1
# The patterns are written so that this file does not match itself.
xargs perl -ne '
    BEGIN {
        @words = ("T[O]DO", "FIX[M]E", "X[X]X", "HA[C]K");
        $words = join "|", @words;
    }
    my $where = "$ARGV:$.";
    my $code = $ARGV =~ /\.(c|h|cpp|sh|pl|md)$/ || $ARGV =~ m{(^|/)\.ci/};
    my $make = $ARGV =~ m{(^|/)Makefile$} || $ARGV =~ /\.mk$/;
    print "$where: unfinished: $1\n" if /\b($words)\b/;
    print "$where: unfinished: $1\n" if /\b(for n[o]w|not impl[e]mented|wor[k] in progress|qui[c]k and dirty)\b/i;
    print "$where: path of a machine: $1\n" if m{(/(?:hom[e]|roo[t]|User[s]|wor[k])/[\w.]*)};
    print "$where: looks like a key\n" if /\bsk-(?:proj-)?[A-Za-z0-9]{24,}/ || /\b(ghp|xox[bp])[_-][A-Za-z0-9]{20,}/;
    print "$where: private key\n" if /BEGIN [A-Z ]*PRIVAT[E] KEY-----$/ && $ARGV !~ m{^tests/};
    print "$where: tab\n" if /\t/ && !$make;
    print "$where: blank at the end\n" if /[ \t\r]$/;
    my $columns = $_; utf8::decode($columns); $columns =~ s/\n//;
    # tables of test cases are wide on purpose
    my $max = $ARGV =~ /\.(c|h|cpp)$/ && $ARGV !~ m{(^|/)tests/} ? 120 : 300;
    print "$where: ", length($columns), " columns\n" if $ARGV !~ /\.md$/ && length($columns) > $max;
    print "$where: no end of line\n" if eof && !/\n$/;
    print "$where: byte 0 or control character\n" if /[\x00-\x08\x0b-\x1f\x7f]/;
    close ARGV if eof;
' < "$T/files" > "$T/x"
expect_empty "text" "$T/x"
wc -l < "$T/files" | sed 's/^ */looked at files: /'

# where code comes from: only these names at the top (build/ is not ours to judge)
if [ -d "$ROOT/.git" ]; then
    find . -mindepth 1 -maxdepth 1 | sed 's|^\./||' | sort |
        grep -vxE 'README\.md|LICENSE|llm_openai\.h|tests|tools|examples|build|\.git|\.ci|\.gitignore|\.gitattributes|\.clang-format|\.editorconfig' > "$T/x"
    expect_empty "files at the top of the repository that have no place there" "$T/x"
fi

# licence at the end of the header
if tail -n 40 "$HEADER" | grep -q 'WITHOUT WARRANTY OF ANY KIND'; then ok; else bad "no licence text at the end of the header"; fi
finish
