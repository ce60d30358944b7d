/*
 * The output formats: survey in, text out. Pure; main writes the buffer where it belongs.
 */
#ifndef REPORT_RENDERER_H
#define REPORT_RENDERER_H

#include "probes/survey.h"
#include "report/buffer.h"

/* How a text for people may look. Machine formats ignore it. */
struct render_style {
    int width;  /* columns of the terminal; held between RENDER_WIDTH_MIN and RENDER_WIDTH_MAX */
    bool utf8;  /* else plain ASCII: other characters are escaped */
    bool color; /* ANSI colours, only as an addition to the words */
    bool quiet; /* -q: the verdict line alone */
};

enum { RENDER_WIDTH_MIN = 40, RENDER_WIDTH_MAX = 160 };

struct renderer {
    const char *name;      /* of -f */
    const char *extension; /* of a file in this format, without the dot */
    void (*render)(
        const struct survey *survey, const struct render_style *style, struct text_buffer *out);
};

/* All of them; an entry without a name ends it. */
extern const struct renderer renderers[];
const struct renderer *renderer_find(const char *name); /* NULL: no such format */

#endif
