#include "net/wire/krberr.h"
#include "tests/fuzz/fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    int32_t etypes[8];
    char salt[32];
    PROMISE(krb_edata_etypes(data, size, etypes, 8) <= 8);
    if (krb_edata_salt(data, size, salt, sizeof salt))
        PROMISE(touch(salt) < sizeof salt);
    uint32_t status = krb_edata_ntstatus(data, size);
    PROMISE(status == 0 || status >> 28 == 0xC);
    ntstatus_cause(status);
    return 0;
}
