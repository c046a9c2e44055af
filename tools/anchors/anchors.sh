#!/bin/sh
# anchors.sh OUT: what `make -C tools anchors` does. CA, MATCH, FORM, NAME and OUT_FILE come by the environment, as they are;
# FROM is the folder that make was called in, from which relative names of files count.
out=$1
place() { case $1 in /*) echo "$1" ;; *) echo "$FROM/$1" ;; esac; }
set -f --
old_ifs=$IFS
IFS='|'
for m in $MATCH; do set -- "$@" --match "$m"; done
IFS=$old_ifs
: "${NAME:=llm_anchors}"
file=$out/$NAME.h
[ -z "$OUT_FILE" ] || file=$(place "$OUT_FILE")
case $FORM in
    list) set -- "$@" --list ;;
    pem) set -- "$@" --pem --out "$file" ;;
    table | "") set -- "$@" --name "$NAME" --out "$file" ;;
    *) echo "FORM is table, pem or list" >&2; exit 2 ;;
esac
: "${CA:=/etc/ssl/certs/ca-certificates.crt}"
if [ -e "$(place "$CA")" ]; then set -- "$@" "$(place "$CA")"; else
    for f in $CA; do set -- "$@" "$(place "$f")"; done
fi
exec perl anchors/anchors.pl "$@"
