#!/bin/sh
# keep.sh OUT FINDINGS NAME...: of the corpus, the inputs that reach code which the seeds and findings do not, as
# FINDINGS/NAME.tar.gz. Smallest first, by edges alone: the replay of CI shall be short and the repository small.
cd "$(dirname "$0")" || exit 1
out=$1 data=$2
shift 2
for name in "$@"; do
    new=$out/keep/$name
    rm -rf "$new" && mkdir -p "$new/all" "$new/$name" || exit 1
    set -- "$out/seeds/$name"
    [ ! -d "$data/$name" ] || set -- "$@" "$data/$name"
    # the merge keeps what the first folder lacks: it starts with what is there anyway
    for d in "$@"; do cp "$d"/* "$new/all/" || exit 1; done
    find "$new/all" -type f | sort > "$new/before"
    "$out/fuzz_$name" -merge=1 -use_counters=0 -timeout=20 -max_len=6000 "$new/all" "$out/corpus/$name" > "$new/log" 2>&1 || exit 1
    find "$new/all" -type f | sort > "$new/after"
    comm -13 "$new/before" "$new/after" | while read -r f; do mv "$f" "$new/$name/" || exit 1; done
    rm -f "$data/$name.tar.gz"
    if [ -n "$(ls -A "$new/$name")" ]; then
        tar -C "$new" --sort=name --mtime=@0 --owner=0 --group=0 --numeric-owner -cf - "$name" | gzip -9n > "$data/$name.tar.gz" || exit 1
        echo "$name: $(find "$new/$name" -type f | wc -l) inputs, $(wc -c < "$data/$name.tar.gz") bytes"
    else
        echo "$name: the seeds reach as much"
    fi
done
