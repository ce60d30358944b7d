#include "report/diagnose.h"
#include "report/json.h"
#include "report/redact.h"
#include "report/text.h"
#include "tests/fuzz/fuzz.h"

/* A saved survey may come by mail: whatever loads can be diagnosed, shown and saved again, and what
 * was saved loads and says the same. */

static void assert_clean(const struct text_buffer *text)
{
    for (size_t i = 0; i < text->length; i++)
        PROMISE((unsigned char)text->bytes[i] >= 0x20 || text->bytes[i] == '\n');
}

static void save_and_load(struct survey *survey)
{
    const struct render_style style = {.width = 80};
    struct text_buffer first = {0}, second = {0}, text = {0};
    struct survey again;
    struct fault fault = {0};
    survey_init(&again);
    json_render(survey, &style, &first);
    assert_clean(&first);
    if (json_load(first.bytes, first.length, &again, &fault)) {
        survey_diagnose(&again);
        PROMISE(again.verdict.status == survey->verdict.status);
        json_render(&again, &style, &second);
        survey_redact(&again);
        text_render(&again, &style, &text);
        assert_clean(&text);
    } else {
        /* only bounds may stand in the way: escaping makes texts and ids longer */
        PROMISE(touch(fault.text) > 0);
    }
    survey_done(&again);
    buffer_done(&first);
    buffer_done(&second);
    buffer_done(&text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const struct render_style style = {.width = 100, .utf8 = true, .color = true};
    struct survey survey;
    struct fault fault = {0};
    survey_init(&survey);
    if (!json_load((const char *)data, size, &survey, &fault)) {
        PROMISE(fault.cause == CAUSE_INTERNAL && touch(fault.text) > 0);
        PROMISE(survey.chains == NULL);
    } else {
        struct text_buffer text = {0};
        survey_reconcile(&survey);
        survey_diagnose(&survey);
        text_render(&survey, &style, &text);
        buffer_done(&text);
        save_and_load(&survey);
    }
    survey_done(&survey);
    return 0;
}
