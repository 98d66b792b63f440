#!/bin/sh
# A setup hook of mmdebstrap: add the newer suite on the mirror that mmdebstrap chose for the stable one.
# Arguments: the root being made, the stable suite, the newer suite.
set -eu
list="$1/etc/apt/sources.list"
mirror=$(sed -n "s/^deb \(\[[^]]*\] \)\{0,1\}\([^ ]*\) $2 .*/\2/p" "$list" | head -n 1)
options=$(sed -n "s/^deb \[\([^]]*\)\] [^ ]* $2 .*/\1 /p" "$list" | head -n 1)
[ -n "$mirror" ] || { echo "no mirror for $2 in $list" >&2; exit 1; }
echo "deb [${options}check-valid-until=no] $mirror $3 main" >>"$list"
