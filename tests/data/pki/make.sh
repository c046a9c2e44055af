#!/bin/sh
# Makes the test certificates of this folder anew. The output is committed; only this script needs openssl (3.x).
#
#   sh make.sh [OUTDIR]        default: the folder of this script
#
# One file per server identity: private key, then the chain as the server sends it, leaf first.
# Everything is valid from 2020 to 2120 except what a test needs to be out of date.
set -eu
out=$(cd "${1:-$(dirname "$0")}" && pwd)
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT INT TERM
cd "$tmp"
FROM=20200101000000Z
TO=21201231235959Z

cat > ca.cnf <<'CNF'
[ca]
default_ca = test
[test]
database = index.txt
new_certs_dir = .
rand_serial = yes
unique_subject = no
policy = any
x509_extensions = leaf
[any]
commonName = supplied
[req]
distinguished_name = dn
[dn]
[root]
basicConstraints = critical,CA:TRUE
keyUsage = critical,keyCertSign,cRLSign
subjectKeyIdentifier = hash
[inter]
basicConstraints = critical,CA:TRUE,pathlen:0
keyUsage = critical,keyCertSign,cRLSign
subjectKeyIdentifier = hash
authorityKeyIdentifier = keyid
[inter_nc]
basicConstraints = critical,CA:TRUE,pathlen:0
keyUsage = critical,keyCertSign,cRLSign
subjectKeyIdentifier = hash
nameConstraints = critical,permitted;DNS:localhost,permitted;IP:127.0.0.0/255.0.0.0,\
    permitted;IP:::1/ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff
[inter_nc_bad]
basicConstraints = critical,CA:TRUE,pathlen:0
keyUsage = critical,keyCertSign,cRLSign
subjectKeyIdentifier = hash
nameConstraints = permitted;DNS:elsewhere.test
[inter_not_ca]
basicConstraints = critical,CA:FALSE
keyUsage = critical,digitalSignature
subjectKeyIdentifier = hash
[leaf]
basicConstraints = CA:FALSE
keyUsage = critical,digitalSignature,keyEncipherment
extendedKeyUsage = serverAuth
subjectAltName = DNS:localhost,IP:127.0.0.1,IP:::1
[leaf_no_eku]
basicConstraints = CA:FALSE
keyUsage = critical,digitalSignature,keyEncipherment
subjectAltName = DNS:localhost,IP:127.0.0.1,IP:::1
[leaf_wrong_name]
basicConstraints = CA:FALSE
extendedKeyUsage = serverAuth
subjectAltName = DNS:elsewhere.test,IP:127.0.0.2
[leaf_client_auth]
basicConstraints = CA:FALSE
extendedKeyUsage = clientAuth
subjectAltName = DNS:localhost,IP:127.0.0.1,IP:::1
[leaf_critical_eku]
basicConstraints = CA:FALSE
extendedKeyUsage = critical,serverAuth
subjectAltName = DNS:localhost,IP:127.0.0.1,IP:::1
[leaf_cn_only]
basicConstraints = CA:FALSE
extendedKeyUsage = serverAuth
[leaf_wildcard]
basicConstraints = CA:FALSE
extendedKeyUsage = serverAuth
subjectAltName = DNS:*.mock.test
[leaf_ip_only]
basicConstraints = CA:FALSE
extendedKeyUsage = serverAuth
subjectAltName = IP:127.0.0.1,IP:::1
CNF
: > index.txt

key() { # key NAME TYPE
    case $2 in
    p256) openssl ecparam -name prime256v1 -genkey -noout -out "$1.key" ;;
    p384) openssl ecparam -name secp384r1 -genkey -noout -out "$1.key" ;;
    rsa*) openssl genrsa -traditional -out "$1.key" "${2#rsa}" 2>/dev/null ;;
    esac
}

cert() { # cert NAME CN KEY ISSUER SECTION [MD] [FROM] [TO]   ISSUER "-" = self-signed
    openssl req -new -config ca.cnf -key "$3.key" -subj "/CN=$2" -out req.pem
    if [ "$4" = - ]; then
        set -- "$1" "$2" "$3" "$1" "$5" "${6:-sha256}" "${7:-$FROM}" "${8:-$TO}"
        openssl ca -batch -notext -config ca.cnf -selfsign -keyfile "$3.key" -extensions "$5" -md "$6" \
            -startdate "$7" -enddate "$8" -in req.pem -out "$1.crt" 2>log || { cat log; exit 1; }
    else
        set -- "$1" "$2" "$3" "$4" "$5" "${6:-sha256}" "${7:-$FROM}" "${8:-$TO}"
        openssl ca -batch -notext -config ca.cnf -cert "$4.crt" -keyfile "$4.key" -extensions "$5" -md "$6" \
            -startdate "$7" -enddate "$8" -in req.pem -out "$1.crt" 2>log || { cat log; exit 1; }
    fi
}

put() { # put FILE KEY CERT...
    f=$out/$1.pem
    k=$2
    shift 2
    { [ "$k" = - ] || cat "$k.key"; for c; do cat "$c.crt"; done; } > "$f"
}

for k in root-ec inter-ec leaf-ec other; do key $k p256; done
for k in root-rsa inter-rsa leaf-rsa; do key $k rsa2048; done
key inter-p384 p384
key leaf-p384 p384
key leaf-rsa1024 rsa1024
for i in nc nc-bad not-ca; do cp inter-ec.key inter-$i.key; done

cert root-ec "Mock test root EC" root-ec - root
cert root-rsa "Mock test root RSA" root-rsa - root
cert other "Mock test root nobody trusts" other - root
cert inter-ec "Mock test intermediate EC" inter-ec root-ec inter
cert inter-rsa "Mock test intermediate RSA" inter-rsa root-rsa inter
cert inter-p384 "Mock test intermediate P-384" inter-p384 root-ec inter sha384
cert inter-nc "Mock test intermediate, names limited" inter-ec root-ec inter_nc
cert inter-nc-bad "Mock test intermediate, other names" inter-ec root-ec inter_nc_bad
cert inter-not-ca "Mock test certificate that is no CA" inter-ec root-ec inter_not_ca

cert ec localhost leaf-ec inter-ec leaf
cert rsa localhost leaf-rsa inter-rsa leaf
cert p384 localhost leaf-p384 inter-p384 leaf sha384
cert expired localhost leaf-ec inter-ec leaf sha256 20200101000000Z 20210101000000Z
cert not-yet localhost leaf-ec inter-ec leaf sha256 21190101000000Z
cert wrong-name elsewhere.test leaf-ec inter-ec leaf_wrong_name
cert self-signed localhost leaf-ec - leaf
cert unknown-ca localhost leaf-ec other leaf
cert no-eku localhost leaf-ec inter-ec leaf_no_eku
cert client-auth localhost leaf-ec inter-ec leaf_client_auth
cert critical-eku localhost leaf-ec inter-ec leaf_critical_eku
cert sha1 localhost leaf-rsa inter-rsa leaf sha1
cert rsa1024 localhost leaf-rsa1024 inter-rsa leaf
cert cn-only localhost leaf-ec inter-ec leaf_cn_only
cert wildcard mock.test leaf-ec inter-ec leaf_wildcard
cert ip-only "Mock test address" leaf-ec inter-ec leaf_ip_only
cert nc localhost leaf-ec inter-nc leaf
cert nc-bad localhost leaf-ec inter-nc-bad leaf
cert not-ca localhost leaf-ec inter-not-ca leaf

put roots - root-ec root-rsa
put root-ec - root-ec
put root-rsa - root-rsa
put ec leaf-ec ec inter-ec
put rsa leaf-rsa rsa inter-rsa
put p384 leaf-p384 p384 inter-p384
put with-root leaf-ec ec inter-ec root-ec
put wrong-order leaf-ec ec root-ec inter-ec
put no-intermediate leaf-ec ec
put expired leaf-ec expired inter-ec
put not-yet leaf-ec not-yet inter-ec
put wrong-name leaf-ec wrong-name inter-ec
put self-signed leaf-ec self-signed
put unknown-ca leaf-ec unknown-ca other
put no-eku leaf-ec no-eku inter-ec
put client-auth leaf-ec client-auth inter-ec
put critical-eku leaf-ec critical-eku inter-ec
put sha1 leaf-rsa sha1 inter-rsa
put rsa1024 leaf-rsa1024 rsa1024 inter-rsa
put cn-only leaf-ec cn-only inter-ec
put wildcard leaf-ec wildcard inter-ec
put ip-only leaf-ec ip-only inter-ec
put name-constraints leaf-ec nc inter-nc
put name-constraints-broken leaf-ec nc-bad inter-nc-bad
put intermediate-not-ca leaf-ec not-ca inter-not-ca

for f in leaf-ec leaf-rsa leaf-p384; do
    printf '%s sha256/' "$f"
    openssl pkey -in "$f.key" -pubout -outform DER | openssl dgst -sha256 -binary | openssl base64
done > "$out/pins.txt"
