#include "report/terminal.h"

#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "net/wire/text.h"

bool terminal_color_parse(const char *name, enum terminal_color *ret_color)
{
    static const char *const names[] = {"auto", "always", "never"};
    for (int i = 0; i < 3; i++) {
        if (strcmp(names[i], name) == 0) {
            *ret_color = (enum terminal_color)i;
            return true;
        }
    }
    return false;
}

bool terminal_is(int descriptor)
{
    return isatty(descriptor) == 1;
}

/* NULL: unset or empty */
static const char *variable(const char *name)
{
    const char *value = getenv(name);
    return value != NULL && *value != '\0' ? value : NULL;
}

static int columns(int descriptor)
{
    const char *told = variable("COLUMNS");
    if (told != NULL) {
        char *end = NULL;
        long value = strtol(told, &end, 10);
        if (*end == '\0' && value > 0)
            return value < RENDER_WIDTH_MAX ? (int)value : RENDER_WIDTH_MAX;
    }
    struct winsize size = {0};
    if (ioctl(descriptor, TIOCGWINSZ, &size) == 0 && size.ws_col > 0)
        return size.ws_col;
    return 80;
}

/* The first variable that is set decides, as POSIX orders them. */
static bool locale_is_utf8(void)
{
    static const char *const names[] = {"LC_ALL", "LC_CTYPE", "LANG"};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        const char *value = variable(names[i]);
        if (value != NULL)
            return text_find_nocase(value, "utf-8") != NULL ||
                   text_find_nocase(value, "utf8") != NULL;
    }
    return false;
}

static bool wants_color(int descriptor, enum terminal_color color)
{
    switch (color) {
    case TERMINAL_COLOR_ALWAYS:
        return true;
    case TERMINAL_COLOR_NEVER:
        return false;
    case TERMINAL_COLOR_AUTO:
        break;
    }
    const char *term = variable("TERM");
    return terminal_is(descriptor) && term != NULL && strcmp(term, "dumb") != 0 &&
           variable("NO_COLOR") == NULL;
}

struct render_style terminal_style(int descriptor, enum terminal_color color)
{
    return (struct render_style){
        .width = columns(descriptor),
        .utf8 = locale_is_utf8(),
        .color = wants_color(descriptor, color),
    };
}
