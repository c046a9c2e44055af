/* addroot.c STORE FILE.der [OID]: adds a certificate to the user's STORE (ROOT, Disallowed), in the place of what it was
   there before; with OID trusted for this purpose only. For more_windows.sh in a Wine prefix of its own. */
#define WIN32_LEAN_AND_MEAN
#include <windows.h>
#include <wincrypt.h>
#include <stdio.h>

static int fail(const char *what) {
    printf("%s: error %lx\n", what, (unsigned long)GetLastError());
    return 1;
}

int main(int argc, char **argv) {
    static unsigned char der[8192];
    HCERTSTORE store = argc > 2 ? CertOpenSystemStoreA(0, argv[1]) : NULL;
    FILE *f = argc > 2 ? fopen(argv[2], "rb") : NULL;
    const CERT_CONTEXT *c;
    CERT_ENHKEY_USAGE usage;
    if (f == NULL || store == NULL) return 2;
    c = CertCreateCertificateContext(X509_ASN_ENCODING, der, (DWORD)fread(der, 1, sizeof der, f));
    fclose(f);
    if (c == NULL) return fail("no certificate");
    usage.cUsageIdentifier = 1;
    usage.rgpszUsageIdentifier = &argv[3];
    if (argc > 3 && !CertSetEnhancedKeyUsage(c, &usage)) return fail("its purpose");
    if (!CertAddCertificateContextToStore(store, c, CERT_STORE_ADD_REPLACE_EXISTING, NULL)) return fail("adding it");
    CertFreeCertificateContext(c);
    CertCloseStore(store, 0);
    return 0;
}
