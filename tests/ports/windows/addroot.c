/* addroot.c FILE.der: adds a certificate to the user's store ROOT, for more_windows.sh in a Wine prefix of its own. */
#define WIN32_LEAN_AND_MEAN
#include <windows.h>
#include <wincrypt.h>
#include <stdio.h>

int main(int argc, char **argv) {
    static unsigned char der[8192];
    size_t n;
    HCERTSTORE store = CertOpenSystemStoreA(0, "ROOT");
    FILE *f = argc == 2 ? fopen(argv[1], "rb") : NULL;
    if (f == NULL || store == NULL) return 2;
    n = fread(der, 1, sizeof der, f);
    fclose(f);
    if (!CertAddEncodedCertificateToStore(store, X509_ASN_ENCODING, der, (DWORD)n, CERT_STORE_ADD_REPLACE_EXISTING, NULL)) {
        printf("error %lx\n", (unsigned long)GetLastError());
        return 1;
    }
    CertCloseStore(store, 0);
    return 0;
}
