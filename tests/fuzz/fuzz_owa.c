#include "net/wire/build.h"
#include "net/wire/owa.h"
#include "tests/fuzz/fuzz.h"

/* First line: a Location; second: a Set-Cookie, twice into one jar; the rest: a page. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct arena arena = {0};
    struct owa_location location =
        owa_classify(&arena, take_line(&arena, &data, &size), "mail.contoso.test");
    PROMISE(location.reason >= -1 && location.http_code >= 0);
    touch(location.message);

    const char *cookie = take_line(&arena, &data, &size);
    const char *jar = cookie_add(&arena, "a=1; cadata=2; b=3", cookie);
    const char *again = cookie_add(&arena, jar, cookie);
    PROMISE(touch(again) == touch(jar));
    PROMISE(strpbrk(again, "\r\n") == NULL);

    const char *page = arena_strndup(&arena, size == 0 ? "" : (const char *)data, size);
    owa_page_has_form(page);
    const char *text = owa_page_build(&arena, page);
    struct build build;
    PROMISE(text == NULL || build_parse(text, &build));
    char name[100];
    if (text != NULL)
        build_name(&build, name, sizeof name);
    arena_done(&arena);
    return 0;
}
