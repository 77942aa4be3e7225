#!/usr/bin/env bash
# Verifies a log's checkpoint, and its first entry as a DSSE envelope, with OpenSSL alone: Ed25519 over the
# bytes that the specifications name.
#
#     openssl.sh FOLDER VKEY
#
# Ends with one line, and with 0 if that begins with OK.
# No pipefail: who reads only a beginning ends its writer.
set -eu
folder=$1 vkey=$2
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"

refuse() {
    echo "$1"
    exit 1
}

# A raw Ed25519 key on standard input as SubjectPublicKeyInfo (RFC 8410).
public_key() {
    { printf '\x30\x2a\x30\x05\x06\x03\x2b\x65\x70\x03\x21\x00'; cat; } | openssl pkey -pubin -inform DER -out "$1"
}

verify() {
    openssl pkeyutl -verify -pubin -inkey "$1" -rawin -in "$2" -sigfile "$3" > openssl.log 2>&1
}

# The key behind its type; the signature behind the key's hash; the text up to the empty line.
base64 -d <<< "${vkey#*+*+}" | tail -c 32 | public_key log.pem 2> openssl.log || refuse "MALFORMED key of the log"
origin=${vkey%%+*}
sed -n '1,/^$/p' "$folder/checkpoint" | sed '$d' > body
id=${vkey#*+} id=${id%%+*}
: > body.sig
# Of the lines under the log's name, the one that begins with the key's id: there may be one in SM2 too.
grep -F "— $origin " "$folder/checkpoint" | sed 's/.* //' | while read -r line; do
    base64 -d <<< "$line" > line.sig 2> /dev/null || continue
    [ "$(head -c 4 line.sig | od -An -tx1 | tr -d ' ')" != "$id" ] || tail -c +5 line.sig > body.sig
done
[ "$(head -n 1 body)" = "$origin" ] || refuse "SIGNATURE of the checkpoint: not of $origin"
verify log.pem body body.sig || refuse "SIGNATURE of the checkpoint: $(head -n 1 openssl.log)"

# The first entry, which names the key that signed it.
size=$(sed -n 2p body)
bundle=$folder/tile/entries/000
[ "$size" -ge 256 ] || bundle=$bundle.p/$size
length=$(head -c 2 "$bundle" | od -An -tu1 | awk '{ print $1 * 256 + $2 }')
tail -c +3 "$bundle" | head -c "$length" > entry
field() { grep -o "\"$1\":\"[^\"]*\"" "$2" | head -n 1 | cut -d '"' -f 4; }
field payload entry | base64 -d > payload 2> /dev/null || refuse "MALFORMED entry 0"
field sig entry | base64 -d > entry.sig 2> /dev/null || refuse "MALFORMED entry 0"
type=$(field payloadType entry)
printf 'DSSEv1 %d %s %d ' "${#type}" "$type" "$(stat -c %s payload)" | cat - payload > encoded
hex=$(field ownerKey payload) || refuse "MALFORMED entry 0"
# shellcheck disable=SC2059
printf "$(sed 's/../\\x&/g' <<< "$hex")" | public_key owner.pem 2> openssl.log || refuse "MALFORMED entry 0"
verify owner.pem encoded entry.sig || refuse "SIGNATURE of entry 0: $(head -n 1 openssl.log)"
echo "OK checkpoint of $size entries, entry 0 by its owner"
