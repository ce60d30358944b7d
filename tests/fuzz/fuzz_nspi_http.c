#include "net/wire/nspi_http.h"
#include "tests/fuzz/fuzz_mapi.h"

/* The first byte is the low one of the call's number, the rest its response body. What is no call
 * is a row of the store with fixed columns. */
static void read_row(struct arena *arena, struct reader *reader)
{
    static const uint32_t tags[] = {PID_TAG_FOLDER_ID, PID_TAG_DISPLAY_NAME, PID_TAG_CONTENT_COUNT,
        PID_TAG_SUBFOLDERS, PID_TAG_ENTRY_ID, 0x36d81102, 0x30070040, 0x0ff600fb, 0x3001101f,
        0x30010000};
    const struct mapi_columns columns = {tags, sizeof tags / sizeof *tags};
    struct mapi_row row = {0};
    if (!mapi_row_read(reader, arena, &columns, MAPI_FORM_ROP, &row)) {
        PROMISE(!reader_ok(reader));
        return;
    }
    struct mapi_rows rows = {&row, 1};
    touch_rows(arena, &rows);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const enum nspi_opnum opnums[] = {
#define X(symbol, value, name) NSPI_##symbol,
        NSPI_CALLS(X)
#undef X
    };
    struct arena arena = {0};
    struct reader reader = reader_of(data, size);
    uint8_t first = read_u8(&reader);
    size_t length = reader_left(&reader), i = 0, calls = sizeof opnums / sizeof *opnums;
    while (i < calls && (uint8_t)opnums[i] != first)
        i++;
    if (i == calls) {
        read_row(&arena, &reader);
    } else {
        struct mapi_binary body = {read_bytes(&reader, length), length};
        struct nspi_answer answer;
        struct fault fault = {0};
        uint32_t code = 0;
        if (nspi_http_read(&arena, opnums[i], &body, &code, &answer, &fault))
            touch_answer(&arena, &answer);
        else
            PROMISE(fault.cause == CAUSE_MALFORMED || fault.cause == CAUSE_TOO_LARGE);
    }
    arena_done(&arena);
    return 0;
}
