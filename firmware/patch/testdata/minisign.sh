#!/bin/sh
# Makes testdata/minisign with Debian's minisign, from testdata/golden: what an
# operator does by hand. The secret key is thrown away.
set -eu
cd "$(dirname "$0")"
rm -rf minisign && mkdir minisign
key=$(mktemp -u)
minisign -G -W -p minisign/key.pub -s "$key" >/dev/null
cp golden/full.json minisign/patch.json
cp golden/revert.json minisign/revert.json
printf 'version = 42\n[lock]\nttl = "20s"\n' >minisign/config.toml
id=$(sed -n 's/.*public key //p' minisign/key.pub)
minisign -S -s "$key" -m minisign/patch.json -x "minisign/$id.minisig"
minisign -S -s "$key" -m minisign/revert.json
rm -f "$key"
