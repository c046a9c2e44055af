#!/bin/sh
# more_judge.sh: JSON, UTF-8, numbers and HTTP verdicts against node and python3; tools/judge/run.sh says what and how.
cd "$(dirname "$0")" && exec sh ../tools/judge/run.sh
