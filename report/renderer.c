#include "report/renderer.h"

#include <string.h>

#include "report/json.h"
#include "report/text.h"

const struct renderer renderers[] = {
    {.name = "text", .extension = "txt", .render = text_render},
    {.name = "json", .extension = "json", .render = json_render},
    {0},
};

const struct renderer *renderer_find(const char *name)
{
    for (const struct renderer *renderer = renderers; renderer->name != NULL; renderer++) {
        if (strcmp(renderer->name, name) == 0)
            return renderer;
    }
    return NULL;
}
