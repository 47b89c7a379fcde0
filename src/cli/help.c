/*
 * help.c - help, man pages and completion, all from the two tables, so that they cannot differ from
 * what the program takes.
 */
#include "cli/help.h"

#include <ctype.h>

enum { WIDTH = 79, HELP_COLUMN = 30 };

/* ------------------------------------------------------------------------------------- help -- */

/* Adds words so that no line passes WIDTH; lines after the first begin at `column`. */
static void add_wrapped(struct buf *out, const char *text, size_t used, size_t column)
{
    const char *word = text;
    while (*word) {
        size_t len = strcspn(word, " ");
        if (used > column && used + 1 + len > WIDTH) {
            buf_printf(out, "\n%*s", (int)column, "");
            used = column;
        } else if (used > column) {
            buf_add_byte(out, ' ');
            used++;
        }
        buf_add(out, (struct span){(const uint8_t *)word, len});
        used += len;
        word += len;
        word += *word == ' ';
    }
    buf_add_byte(out, '\n');
}

void help_overview(struct buf *out)
{
    buf_add_text(out, "pace: fine-tune small language models, the learning rate found, scheduled,\n"
                      "guarded and explained.\n\nusage: pace COMMAND [ARGUMENTS] [OPTIONS]\n\n");
    size_t column = 0;
    for (size_t i = 0; i < command_count; i++) {
        const struct command *c = &command_table[i];
        column = max_size(column, strlen("  pace   ") + strlen(c->name) + strlen(c->arguments));
    }
    column += 2;
    for (size_t i = 0; i < command_count; i++) {
        const struct command *c = &command_table[i];
        size_t before = out->len;
        buf_printf(out, "  pace %s %s", c->name, c->arguments);
        buf_printf(out, "%*s", (int)(column - (out->len - before)), "");
        add_wrapped(out, c->summary, column, column);
    }
    buf_add_text(out, "\npace COMMAND --help tells more; pace --version says which one this is.\n");
}

/* "  -o, --output DIR", "      --learning-rate, --lr RATE" */
static size_t add_flag(struct buf *out, const struct option_row *row)
{
    size_t before = out->len;
    if (row->letter)
        buf_printf(out, "  -%c, --%s", row->letter, row->name);
    else
        buf_printf(out, "      --%s", row->name);
    if (row->other_name)
        buf_printf(out, ", --%s", row->other_name);
    if (row->value)
        buf_printf(out, " %s", row->value);
    return out->len - before;
}

static void add_option_help(struct buf *out, const struct option_row *row)
{
    size_t used = add_flag(out, row);
    if (used + 2 > HELP_COLUMN) {
        buf_add_byte(out, '\n');
        used = 0;
    }
    buf_printf(out, "%*s", (int)(HELP_COLUMN - used), "");
    add_wrapped(out, row->help, HELP_COLUMN, HELP_COLUMN);
}

static bool has_options(const struct command *command, enum option_purpose purpose)
{
    for (size_t i = 0; i < option_count; i++) {
        if (option_table[i].purpose == purpose && (option_table[i].users & command->user))
            return true;
    }
    return false;
}

void help_command(struct buf *out, const struct command *command)
{
    buf_printf(out, "usage: pace %s%s%s [OPTIONS]\n\n%s\n", command->name,
               command->arguments[0] ? " " : "", command->arguments, command->about);
    for (int purpose = 0; purpose < PURPOSE_COUNT; purpose++) {
        if (!has_options(command, purpose))
            continue;
        buf_printf(out, "\n%s:\n", option_purpose_name(purpose));
        for (size_t i = 0; i < option_count; i++) {
            const struct option_row *row = &option_table[i];
            if ((int)row->purpose == purpose && (row->users & command->user))
                add_option_help(out, row);
        }
    }
}

/* -------------------------------------------------------------------------------- man pages -- */

/* Text with roff's own characters made harmless. */
static void add_roff(struct buf *out, const char *text)
{
    bool line_start = true;
    for (; *text; text++) {
        if (line_start && (*text == '.' || *text == '\''))
            buf_add_text(out, "\\&");
        if (*text == '\\')
            buf_add_text(out, "\\e");
        else if (*text == '-')
            buf_add_text(out, "\\-");
        else
            buf_add_byte(out, (uint8_t)*text);
        line_start = *text == '\n';
    }
}

static void add_man_option(struct buf *out, const struct option_row *row)
{
    buf_add_text(out, ".TP\n");
    if (row->letter)
        buf_printf(out, "\\fB\\-%c\\fR, ", row->letter);
    buf_add_text(out, "\\fB\\-\\-");
    add_roff(out, row->name);
    buf_add_text(out, "\\fR");
    if (row->other_name) {
        buf_add_text(out, ", \\fB\\-\\-");
        add_roff(out, row->other_name);
        buf_add_text(out, "\\fR");
    }
    if (row->value)
        buf_printf(out, " \\fI%s\\fR", row->value);
    buf_add_byte(out, '\n');
    add_roff(out, row->help);
    buf_add_byte(out, '\n');
}

static void add_man_options(struct buf *out, const struct command *command)
{
    buf_add_text(out, ".SH OPTIONS\n");
    for (int purpose = 0; purpose < PURPOSE_COUNT; purpose++) {
        if (!has_options(command, purpose))
            continue;
        buf_printf(out, ".SS %s\n", option_purpose_name(purpose));
        for (size_t i = 0; i < option_count; i++) {
            const struct option_row *row = &option_table[i];
            if ((int)row->purpose == purpose && (row->users & command->user))
                add_man_option(out, row);
        }
    }
}

static void add_man_commands(struct buf *out)
{
    buf_add_text(out, ".SH COMMANDS\n");
    for (size_t i = 0; i < command_count; i++) {
        const struct command *c = &command_table[i];
        buf_printf(out, ".TP\n\\fBpace %s\\fR \\fI", c->name);
        add_roff(out, c->arguments);
        buf_add_text(out, "\\fR\n");
        add_roff(out, c->summary);
        buf_printf(out, " (\\fBpace\\-%s\\fR(1))\n", c->name);
    }
}

void help_man_page(struct buf *out, const struct command *command, const char *version)
{
    const char *hyphen = command ? "\\-" : "", *name = command ? command->name : "";
    buf_printf(out, ".TH \"PACE%s", hyphen);
    for (const char *c = name; *c; c++)
        buf_add_byte(out, (uint8_t)toupper((unsigned char)*c));
    buf_printf(out, "\" 1 \"\" \"pace %s\" \"pace\"\n.SH NAME\npace%s%s \\- ", version, hyphen,
               name);
    add_roff(out, command ? command->summary : "fine-tune small language models");
    buf_add_text(out, "\n.SH SYNOPSIS\n\\fBpace\\fR ");
    if (command) {
        buf_printf(out, "\\fB%s\\fR \\fI", name);
        add_roff(out, command->arguments);
        buf_add_text(out, "\\fR [\\fIOPTIONS\\fR]\n.SH DESCRIPTION\n");
        add_roff(out, command->about);
        buf_add_byte(out, '\n');
        add_man_options(out, command);
    } else {
        buf_add_text(out, "\\fICOMMAND\\fR [\\fIARGUMENTS\\fR] [\\fIOPTIONS\\fR]\n");
        add_man_commands(out);
    }
    buf_add_text(out, ".SH EXIT STATUS\n0 done; 2 usage; 3 bad input, unreadable or unwritable "
                      "file; 4 does not fit; 5 device; 6 stopped by the guard; 130 interrupted.\n");
}

/* ------------------------------------------------------------------------------- completion -- */

void help_completion(struct buf *out)
{
    buf_add_text(out, "# bash completion for pace; generated from its tables\n_pace()\n{\n"
                      "    local word=${COMP_WORDS[COMP_CWORD]} options=\n"
                      "    case ${COMP_WORDS[1]} in\n");
    for (size_t i = 0; i < command_count; i++) {
        buf_printf(out, "    %s) options='", command_table[i].name);
        for (size_t row = 0; row < option_count; row++) {
            const struct option_row *option = &option_table[row];
            if (!(option->users & command_table[i].user))
                continue;
            buf_printf(out, "--%s ", option->name);
            if (option->other_name)
                buf_printf(out, "--%s ", option->other_name);
        }
        buf_add_text(out, "' ;;\n");
    }
    buf_add_text(out, "    esac\n    if [ \"$COMP_CWORD\" = 1 ]; then\n        options='");
    for (size_t i = 0; i < command_count; i++)
        buf_printf(out, "%s ", command_table[i].name);
    buf_add_text(
        out, "--help --version'\n    elif [[ $word != -* ]]; then\n"
             "        mapfile -t COMPREPLY < <(compgen -f -- \"$word\")\n        return\n    fi\n"
             "    COMPREPLY=($(compgen -W \"$options\" -- \"$word\"))\n}\n"
             "complete -o filenames -F _pace pace\n");
}
