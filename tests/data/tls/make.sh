#!/bin/sh
# Makes the certificates of this folder anew: those that only the TLS tests need, beside the ones in ../pki. The
# output is committed; only this script needs openssl (3.x).
#
#   sh make.sh [OUTDIR]        default: the folder of this script
#
# A chain file is a private key, then the certificates as a server sends them. Valid from 2020 to 2120.
set -eu
out=$(cd "${1:-$(dirname "$0")}" && pwd)
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT INT TERM
cd "$tmp"

cat > ca.cnf <<'CNF'
[ca]
default_ca = test
[test]
database = index.txt
new_certs_dir = .
rand_serial = yes
unique_subject = no
policy = any
default_md = sha256
default_startdate = 20200101000000Z
default_enddate = 21201231235959Z
[any]
commonName = supplied
organizationName = optional
[req]
distinguished_name = dn
[dn]
[none]
[root]
basicConstraints = critical,CA:TRUE
keyUsage = critical,keyCertSign,cRLSign
[root_nc]
basicConstraints = critical,CA:TRUE
nameConstraints = critical,permitted;DNS:elsewhere.test
[inter_eku]
basicConstraints = critical,CA:TRUE,pathlen:0
extendedKeyUsage = critical,serverAuth,clientAuth
[inter_client]
basicConstraints = critical,CA:TRUE,pathlen:0
extendedKeyUsage = clientAuth
[leaf]
basicConstraints = CA:FALSE
extendedKeyUsage = serverAuth
subjectAltName = DNS:localhost,DNS:host.test,IP:127.0.0.1,IP:2001:db8::7
[leaf_critical_client]
basicConstraints = CA:FALSE
extendedKeyUsage = critical,clientAuth
subjectAltName = DNS:localhost
[leaf_any]
basicConstraints = CA:FALSE
extendedKeyUsage = critical,codeSigning,2.5.29.37.0
subjectAltName = DNS:localhost
[leaf_critical_other]
basicConstraints = CA:FALSE
subjectAltName = DNS:localhost
1.2.3.4.5 = critical,ASN1:NULL
[leaf_ip_as_name]
basicConstraints = CA:FALSE
subjectAltName = DNS:127.0.0.1,DNS:localhost
[leaf_ca]
basicConstraints = critical,CA:TRUE
subjectAltName = DNS:localhost,IP:127.0.0.1
CNF
: > index.txt

key() { # key NAME TYPE
    case $2 in
    p256) openssl ecparam -name prime256v1 -genkey -noout -out "$1.key" ;;
    p521) openssl ecparam -name secp521r1 -genkey -noout -out "$1.key" ;;
    rsa*) openssl genrsa -traditional -out "$1.key" "${2#rsa}" 2>/dev/null ;;
    esac
}

cert() { # cert NAME SUBJECT KEY ISSUER SECTION      ISSUER "-" = self-signed
    openssl req -new -config ca.cnf -key "$3.key" -subj "$2" -out req.pem
    if [ "$4" = - ]; then set -- "$1" "$2" "$3" "-selfsign -keyfile $3.key" "$5"
    else set -- "$1" "$2" "$3" "-cert $4.crt -keyfile $4.key" "$5"; fi
    openssl ca -batch -notext -config ca.cnf $4 -extensions "$5" -in req.pem -out "$1.crt" 2>log ||
        { cat log; exit 1; }
}

put() { # put FILE KEY CERT...
    f=$out/$1.pem
    k=$2
    shift 2
    { [ "$k" = - ] || cat "$k.key"; for c; do cat "$c.crt"; done; } > "$f"
}

for k in root twin2 twin3 twin4 inter leaf; do key $k p256; done
key root521 p521
key twin5 rsa4096
key root1024 rsa1024
cp inter.key inter-client.key
cp root.key root-v1.key
cp root.key root-nc.key

# five keys under one name: the last signs
for k in root twin2 twin3 twin4; do cert $k "/CN=One name, five keys" $k - root; done
cert twin5 "/CN=One name, five keys" twin5 - root
cert by-twin4 /CN=localhost leaf twin4 leaf
cert by-twin5 /CN=localhost leaf twin5 leaf
cert root521 "/CN=Root on P-521" root521 - root
cert by521 /CN=localhost leaf root521 leaf
cert root1024 "/CN=Root with a weak key" root1024 - root
cert by1024 /CN=localhost leaf root1024 leaf
cert root-nc "/CN=Root with nameConstraints" root-nc - root_nc
cert by-nc /CN=localhost leaf root-nc leaf
openssl req -new -config ca.cnf -key root-v1.key -subj "/CN=Root of version 1" -out req.pem
openssl x509 -req -in req.pem -signkey root-v1.key -days 36500 -out root-v1.crt 2>/dev/null
cert by-v1 /CN=localhost leaf root-v1 leaf
cert inter "/CN=Intermediate for servers" inter root inter_eku
cert inter-client "/CN=Intermediate for clients" inter-client root inter_client
cert by-inter /CN=localhost leaf inter leaf
cert by-inter-client /CN=localhost leaf inter-client leaf
cert critical-client /CN=localhost leaf root leaf_critical_client
cert any-eku /CN=localhost leaf root leaf_any
cert critical-other /CN=localhost leaf root leaf_critical_other
cert ip-as-name /CN=localhost leaf root leaf_ip_as_name
cert self-ca /CN=localhost leaf - leaf_ca
cert self-leaf /CN=localhost leaf - leaf

put twins - root twin2 twin3 twin4
put twin5 - twin5
put root - root
put roots - root root521 root-v1
put root1024 - root1024
put root-nc - root-nc
put by-twin4 leaf by-twin4
put by-twin5 leaf by-twin5
put by521 leaf by521
put by1024 leaf by1024
put by-nc leaf by-nc
put by-v1 leaf by-v1
put inter-eku leaf by-inter inter
put inter-client leaf by-inter-client inter-client
put critical-client leaf critical-client
put any-eku leaf any-eku
put critical-other leaf critical-other
put ip-as-name leaf ip-as-name
put self-ca leaf self-ca
put self-leaf leaf self-leaf
